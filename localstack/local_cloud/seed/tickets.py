"""The rows of the ticket drops, as CSV lines, dirt included.

A ticket is a pure function of (seed, day, offset within the day); so is whether and where it comes a second
time. Rows are made in blocks of columns (numpy) and joined to lines once: about 150,000 to 250,000 rows a
second and core.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

import numpy as np

from local_cloud.seed.dirt import (
    EXACT_DUPLICATE_DISTANCE,
    UPDATE_DISTANCE,
    Fate,
    damaged_fields,
    damaged_line,
    fates,
)
from local_cloud.seed.draws import Draws, Ints, Numbers
from local_cloud.seed.feedback import feedback_texts
from local_cloud.seed.people import agent_ids, customer_ids, plans_of_customers
from local_cloud.seed.plan import FilePlan, SeedSettings, day_number
from local_cloud.seed.requests import load_language
from local_cloud.seed.texts import TextColumns

COLUMNS = (
    "ticket_id", "customer_id", "agent_id", "opened_at", "first_response_at", "resolved_at", "channel",
    "priority", "service", "subject", "request", "feedback", "satisfaction",
)  # fmt: skip
BLOCK = 8192
_CHANNELS = ("email", "web", "chat", "phone")
_PRIORITIES = ("low", "normal", "high", "urgent")
_RESPONSE_MINUTES = np.array([240.0, 90.0, 30.0, 10.0])  # median by priority
_RESOLUTION_HOURS = np.array([48.0, 20.0, 8.0, 3.0])
_PLAN_PACE = np.array([2.5, 1.3, 0.7, 0.4])  # by plan, cheapest first
# Share of the day's tickets opened by the start of each hour: nights are quiet, mornings busy.
_HOURS = np.concatenate(
    [[0], np.cumsum([1, 1, 1, 1, 1, 2, 3, 5, 8, 9, 9, 8, 7, 8, 8, 8, 7, 6, 4, 3, 3, 2, 2, 1])]
)


class TicketWriter:
    """Makes the lines of files; holds the texts and tables they are made of."""

    def __init__(self, settings: SeedSettings) -> None:
        self.settings = settings
        self._draws = Draws(settings.seed)
        self._texts = TextColumns(load_language())

    def blocks(self, file: FilePlan, manifest: "Counter[str]") -> Iterator[bytes]:
        """The file's content, a block of rows at a time, encoded; counts what it holds into `manifest`."""
        yield _encode(",".join(COLUMNS) + file.line_end, file.encoding)
        codec = "utf-8" if file.encoding == "utf-8-sig" else file.encoding
        for first in range(file.first, file.last, BLOCK):
            numbers, versions = self._emissions(file, first, min(first + BLOCK, file.last), manifest)
            lines = self._lines(file, numbers, versions, manifest)
            yield _encode(file.line_end.join(lines) + file.line_end, codec)
        _count_file(file, manifest)

    def _emissions(
        self, file: FilePlan, first: int, last: int, manifest: "Counter[str]"
    ) -> tuple[Numbers, Ints]:
        """Ticket numbers, in the order of their rows, with the version of each: 0 as first told, 1 updated.

        A ticket that comes twice comes again a fixed number of tickets later: an exact duplicate within its
        file, an update within its day, or at the same place of the next day.
        """
        today = np.uint64(day_number(file.day) << 32)
        yesterday = np.uint64((day_number(file.day) - 1) << 32)
        places = np.arange(first, last, dtype=np.int64)
        numbers, versions, order = [places.astype(np.uint64) + today], [np.zeros_like(places)], [places * 4]
        manifest["tickets"] += len(places)
        echoes = (
            ("exact_duplicates", Fate.EXACT_DUPLICATE, EXACT_DUPLICATE_DISTANCE, file.first, today, 0),
            ("same_day_updates", Fate.SAME_DAY_UPDATE, UPDATE_DISTANCE, _first_of_day(file), today, 1),
            ("later_day_updates", Fate.LATER_DAY_UPDATE, 0, 0, yesterday, 1),
        )
        for rank, (kind, fate, distance, lowest, day, version) in enumerate(echoes, 1):
            origins = places - distance
            possible = origins >= lowest
            if kind == "later_day_updates":
                possible = origins < file.previous
            origins = origins[possible]
            again = fates(self._draws, origins.astype(np.uint64) + day) == fate
            numbers.append(origins[again].astype(np.uint64) + day)
            versions.append(np.full(int(again.sum()), version, dtype=np.int64))
            order.append(places[possible][again] * 4 + rank)
            manifest[kind] += int(again.sum())
        sequence = np.argsort(np.concatenate(order), kind="stable")
        return np.concatenate(numbers)[sequence], np.concatenate(versions)[sequence]

    def _lines(self, file: FilePlan, numbers: Numbers, versions: Ints, manifest: "Counter[str]") -> list[str]:
        """One CSV line without its end for every row."""
        draws = self._draws
        fate = fates(draws, numbers)
        opened, responded, resolved, customers = self._times(numbers, versions)
        text = self._texts.draw(draws, numbers)
        feedback, _, satisfaction = feedback_texts(draws, numbers)
        silent = (resolved < 0) | (draws.uniform("no feedback", numbers) < 0.10)
        unrated = (resolved < 0) | (draws.uniform("no satisfaction", numbers) < 0.15)
        unknown = draws.uniform("unknown customer", numbers) < 0.004
        columns: list[list[str]] = [
            _ticket_ids(numbers),
            customer_ids(np.where(unknown, customers + 90_000_000, customers)),
            agent_ids(draws.below("agent", numbers, self.settings.agents)),
            _timestamps(opened),
            _timestamps(responded),
            _timestamps(resolved),
            _picked(_CHANNELS, draws.choice("channel", numbers, (4, 3, 2, 1))),
            _picked(_PRIORITIES, _priorities(draws, numbers)),
            text.services,
            text.subjects,
            text.requests,
            ["" if empty else f'"{said}"' for empty, said in zip(silent.tolist(), feedback, strict=True)],
            [
                "" if empty else str(rate)
                for empty, rate in zip(unrated.tolist(), satisfaction.tolist(), strict=True)
            ],
        ]
        damaged = np.flatnonzero((fate >= Fate.BAD_DATE) & (versions == 0)).tolist()
        for row in damaged:
            damaged_fields(Fate(int(fate[row])), int(numbers[row]), columns, row)
        lines = [",".join(fields) for fields in zip(*columns, strict=True)]
        for row in damaged:
            lines[row] = damaged_line(Fate(int(fate[row])), [column[row] for column in columns], lines[row])
        manifest["rows"] += len(lines)
        for row in damaged:
            manifest[Fate(int(fate[row])).name.lower()] += 1
        sound = np.ones(len(lines), dtype=bool)
        sound[damaged] = False
        manifest["malformed"] += len(damaged)
        manifest["late"] += int((sound & (opened < day_number(file.day) * 86_400)).sum())
        manifest["unknown_customers"] += int((sound & unknown).sum())
        manifest["quoted_newlines"] += int((sound & text.has_newline).sum())
        manifest["quotes_in_quotes"] += int((sound & text.has_quote).sum())
        return lines

    def _times(self, numbers: Numbers, versions: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Opened, first response, resolved (seconds since 1970, -1 for not yet), and the customer's
        number.
        """
        draws = self._draws
        customers = np.asarray(
            draws.uniform("customer", numbers) ** 2 * self.settings.customers, dtype=np.int64
        )
        priority = _priorities(draws, numbers)
        pace = _PLAN_PACE[plans_of_customers(draws, customers.astype(np.uint64))]
        back = np.where(
            draws.uniform("late", numbers) < 0.015, 1 + draws.below("days late", numbers, 5), 0
        )  # days
        day = (numbers >> np.uint64(32)).astype(np.int64) - back
        share = draws.uniform("time of day", numbers) * _HOURS[-1]
        opened = day * 86_400 + np.interp(share, _HOURS, np.arange(25) * 3600.0).astype(np.int64)
        minutes = pace * _RESPONSE_MINUTES[priority] * np.exp(0.9 * draws.normal("response", numbers))
        hours = pace * _RESOLUTION_HOURS[priority] * np.exp(1.0 * draws.normal("resolution", numbers))
        responded = opened + 30 + (minutes * 60).astype(np.int64)
        resolved = responded + 60 + (hours * 3600).astype(np.int64)
        open_still = draws.uniform("unresolved", numbers)
        first_told = versions == 0
        comes_again = np.isin(fates(draws, numbers), (Fate.SAME_DAY_UPDATE, Fate.LATER_DAY_UPDATE))
        unresolved = first_told & ((open_still < 0.12) | comes_again)
        return (
            opened,
            np.where(unresolved & (open_still < 0.04), -1, responded),
            np.where(unresolved, -1, resolved),
            customers,
        )


def _priorities(draws: Draws, numbers: Numbers) -> Ints:
    return draws.choice("priority", numbers, (30, 50, 15, 5))


def _picked(options: tuple[str, ...], indices: Ints) -> list[str]:
    column: list[str] = np.array(options, dtype=object)[indices].tolist()
    return column


def _first_of_day(file: FilePlan) -> int:
    """The lowest offset an update within the day may refer to: 0, or a single drop's own first ticket."""
    return file.first if file.first >= 50_000_000 else 0


def _ticket_ids(numbers: Numbers) -> list[str]:
    """`T260101-00000123`: the day the ticket first came in, and its offset within it."""
    days = (numbers >> np.uint64(32)).tolist()
    offsets = (numbers & np.uint64(0xFFFFFFFF)).tolist()
    prefixes = {day: (date(1970, 1, 1) + timedelta(days=day)).strftime("T%y%m%d-") for day in set(days)}
    return [f"{prefixes[day]}{offset:08d}" for day, offset in zip(days, offsets, strict=True)]


def _timestamps(seconds: Ints) -> list[str]:
    """`2026-01-01 13:05:59`, or the empty string for -1."""
    clock = _clock()
    days, in_day = np.divmod(seconds, 86_400)
    dates = {day: _date_text(day) for day in set(days.tolist())}
    dates[-1] = ""
    return [
        dates[day] + clock[second] if day >= 0 else ""
        for day, second in zip(days.tolist(), in_day.tolist(), strict=True)
    ]


@lru_cache(maxsize=4096)
def _date_text(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat() + " "


@lru_cache(maxsize=1)
def _clock() -> list[str]:
    return [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)]


def _encode(text: str, encoding: str) -> bytes:
    """Latin-1 has no curly quotes and dashes; its plain ones stand in."""
    if encoding == "latin-1":
        for character, plain in _LATIN_1:
            text = text.replace(character, plain)
    return text.encode(encoding)


# Curly quotes and dashes, the ellipsis and the euro sign.
_LATIN_1 = (
    ("\u2019", "\u00b4"), ("\u2018", "`"), ("\u201c", "\u00ab"), ("\u201d", "\u00bb"),
    ("\u2013", "-"), ("\u2014", "-"), ("\u2026", "..."), ("\u20ac", "EUR"),
)  # fmt: skip


def _count_file(file: FilePlan, manifest: "Counter[str]") -> None:
    manifest["files"] += 1
    manifest[f"files_{file.encoding}"] += 1
    manifest["files_crlf"] += file.line_end == "\r\n"
    manifest["files_header_only"] += file.first == file.last
