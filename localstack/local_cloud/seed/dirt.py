"""What goes wrong with a ticket's row on its way: at most one thing per ticket, decided by its number."""

from enum import IntEnum

import numpy as np

from local_cloud.seed.draws import Draws, Ints, Numbers

EXACT_DUPLICATE_DISTANCE = 37  # tickets between a row and its exact duplicate
UPDATE_DISTANCE = 53  # tickets between a row and its update of the same day


class Fate(IntEnum):
    """Everything from BAD_DATE on makes the row malformed: it belongs into quarantine."""

    SOUND = 0
    EXACT_DUPLICATE = 1
    SAME_DAY_UPDATE = 2
    LATER_DAY_UPDATE = 3
    BAD_DATE = 4
    WRONG_NUMBER = 5
    TOO_FEW_FIELDS = 6
    TOO_MANY_FIELDS = 7
    BROKEN_QUOTE = 8


_SHARES = {
    Fate.EXACT_DUPLICATE: 0.010,
    Fate.SAME_DAY_UPDATE: 0.008,
    Fate.LATER_DAY_UPDATE: 0.006,
    Fate.BAD_DATE: 0.003,
    Fate.WRONG_NUMBER: 0.002,
    Fate.TOO_FEW_FIELDS: 0.001,
    Fate.TOO_MANY_FIELDS: 0.001,
    Fate.BROKEN_QUOTE: 0.0005,
}
_BAD_DATES = (
    "2026-13-45",
    "yesterday",
    "2026-02-30 10:00:00",
    "0000-00-00 00:00:00",
    "01.02.2026 7:15",
    "n/a",
)
_WRONG_NUMBERS = ("five", "11", "-3", "4,5x", "NaN", "0")
_DATE_COLUMNS = (3, 4, 5)
_SERVICE_COLUMN = 8
_SATISFACTION_COLUMN = 12


def fates(draws: Draws, numbers: Numbers) -> Ints:
    """The fate of each ticket, as the values of :class:`Fate`."""
    shares = [1 - sum(_SHARES.values()), *_SHARES.values()]
    return np.asarray(draws.choice("fate", numbers, shares), dtype=np.int64)


def damaged_fields(fate: Fate, number: int, columns: list[list[str]], row: int) -> None:
    """Puts the wrong value into the row's columns, where the damage is one of values."""
    if fate is Fate.BAD_DATE:
        columns[_DATE_COLUMNS[number % 3]][row] = _BAD_DATES[number // 3 % len(_BAD_DATES)]
    elif fate is Fate.WRONG_NUMBER:
        columns[_SATISFACTION_COLUMN][row] = f'"{_WRONG_NUMBERS[number % len(_WRONG_NUMBERS)]}"'


def damaged_line(fate: Fate, fields: list[str], line: str) -> str:
    """The row's line, where the damage is one of form; else the line as it is."""
    if fate is Fate.TOO_FEW_FIELDS:
        return ",".join(fields[: _SERVICE_COLUMN + 1])
    if fate is Fate.TOO_MANY_FIELDS:
        return f"{line},again,7"
    if fate is Fate.BROKEN_QUOTE:
        return (
            ",".join(fields[: _SERVICE_COLUMN + 1])
            + ',"the sentence of a customer who never closed the quote'
        )
    return line
