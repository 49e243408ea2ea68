"""Which tickets go into which file: the layout of the daily drops, decided before a row is made."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import pairwise

FORMAT = 1  # counts up when the same settings give other data
ROWS_PER_FILE = 100_000  # about 60 MB
FILES_PER_DAY = 4
_WEEKDAY_WEIGHTS = (1.15, 1.1, 1.05, 1.0, 0.95, 0.4, 0.35)  # Monday first
_EPOCH = date(1970, 1, 1)
# Encoding of every file in turn: most are UTF-8, and every day meets some that are not.
_ENCODINGS = ("utf-8", "cp1252", "utf-8", "utf-8-sig", "utf-8", "latin-1", "utf-8")


@dataclass(frozen=True)
class SeedSettings:
    """What the example data is a function of.

    Attributes:
        rows: number of tickets over all days; duplicates come on top (about 2.5 %).
        seed: every value follows from it.
        start: first day of the drops.
        days: number of days.
    """

    rows: int = 10_000
    seed: int = 7
    start: date = date(2026, 1, 1)
    days: int = 14

    def __post_init__(self) -> None:
        if self.rows < 1 or self.days < 1:
            raise ValueError(f"rows and days must be at least 1, not {self.rows} and {self.days}.")

    @property
    def customers(self) -> int:
        """Number of customers: one for twenty tickets, between 200 and a million."""
        return min(max(self.rows // 20, 200), 1_000_000)

    @property
    def agents(self) -> int:
        """Number of agents at the desk, between 24 and 2,000."""
        return min(max(self.customers // 100, 24), 2_000)

    def fingerprint(self) -> dict[str, str]:
        """What tells one seed's data from another's."""
        return {"format": str(FORMAT), **{name: str(value) for name, value in asdict(self).items()}}


@dataclass(frozen=True)
class FilePlan:
    """One CSV object.

    Attributes:
        day: the drop's day.
        number: position among the day's files, in the order of their names.
        first, last: range [first, last) of ticket offsets within the day.
        previous: number of tickets of the day before that may come again with an update, 0 for none.
        encoding: Python's name of the file's encoding.
        line_end: what ends a record.
    """

    day: date
    number: int
    first: int
    last: int
    previous: int
    encoding: str
    line_end: str

    @property
    def name(self) -> str:
        """The object's key below the prefix, e.g. `day=2026-01-01/tickets-2026-01-01-0000.csv`."""
        return f"day={self.day}/tickets-{self.day}-{self.number:04d}.csv"


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def tickets_per_day(settings: SeedSettings) -> list[int]:
    """Tickets of each day: busy weekdays, quiet weekends, `rows` in all."""
    weights = [_WEEKDAY_WEIGHTS[(settings.start + timedelta(days=i)).weekday()] for i in range(settings.days)]
    total, edges, running = sum(weights), [0], 0.0
    for weight in weights:
        running += weight
        edges.append(round(settings.rows * running / total))
    return [after - before for before, after in pairwise(edges)]


def plan_files(settings: SeedSettings) -> Iterator[FilePlan]:
    """Every file of the example data, by day and number. Every fifth day ends with a file of a header
    only.
    """
    previous = 0
    for index, tickets in enumerate(tickets_per_day(settings)):
        files = max(FILES_PER_DAY, -(-tickets // ROWS_PER_FILE))
        edges = [tickets * i // files for i in range(files + 1)]
        if index % 5 == 2:
            edges.append(tickets)
        for number, (first, last) in enumerate(pairwise(edges)):
            turn = index * FILES_PER_DAY + number
            yield FilePlan(
                day=settings.start + timedelta(days=index),
                number=number,
                first=first,
                last=last,
                previous=previous,
                encoding=_ENCODINGS[turn % len(_ENCODINGS)],
                line_end="\r\n" if turn % 5 == 3 else "\n",
            )
        previous = tickets


def drop_file(day: date, number: int, rows: int) -> FilePlan:
    """The plan of one more file on `day`: the file's number keeps its tickets apart from all others."""
    first = 50_000_000 + number * 1_000_000
    if not 0 <= number < 50 or not 0 < rows <= 1_000_000:
        raise ValueError(
            f"A drop holds 1 to 1,000,000 rows and a day takes 50 drops, not {rows} in {number}."
        )
    return FilePlan(day, number, first, first + rows, previous=0, encoding="utf-8", line_end="\n")
