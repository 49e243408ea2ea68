"""Schedules as AWS Glue writes them: ``cron(minutes hours day-of-month month day-of-week year)``, in UTC.

Source: https://docs.aws.amazon.com/glue/latest/dg/monitor-data-warehouse-schedule.html. Kept cron libraries lack
AWS's ``W`` and number the days of the week from Monday or from 0; AWS's Sunday is 1.
"""

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from local_cloud.glue.base import invalid

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
LAST_YEAR = 2199
SHORTEST_SECONDS = 300
_FORM = re.compile(r"cron\(\s*(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s*\)")

OnDay = Callable[[date], bool]


class _CronError(ValueError):
    pass


@dataclass(frozen=True)
class Schedule:
    """A parsed cron expression."""

    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    on_day: OnDay

    def after(self, moment: datetime) -> datetime | None:
        """The first time later than ``moment``, in UTC; ``None`` if there is none until 2199."""
        return next(self._times(moment.astimezone(UTC).replace(second=0, microsecond=0)), None)

    def _times(self, moment: datetime) -> Iterator[datetime]:
        first = moment + timedelta(minutes=1)
        for year in sorted(y for y in self.years if y >= first.year):
            for month in sorted(self.months):
                if (year, month) < (first.year, first.month):
                    continue
                for day in range(1, calendar.monthrange(year, month)[1] + 1):
                    today = date(year, month, day)
                    if today >= first.date() and self.on_day(today):
                        yield from self._on(today, first)

    def _on(self, today: date, first: datetime) -> Iterator[datetime]:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                found = datetime(today.year, today.month, today.day, hour, minute, tzinfo=UTC)
                if found >= first:
                    yield found

    def gap_seconds(self) -> int:
        """The shortest time between two firings on one day."""
        times = sorted(hour * 60 + minute for hour in self.hours for minute in self.minutes)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        return min(gaps, default=24 * 60) * 60


def parse(expression: str) -> Schedule:
    """A schedule from ``cron(...)``.

    Raises:
        ServiceError: ``InvalidInputException`` for text outside AWS's syntax, or a rate above one in five minutes.
    """
    form = _FORM.fullmatch(expression.strip())
    if not form:
        raise invalid(
            f"Invalid schedule '{expression}': expected cron(minutes hours day month weekday year)."
        )
    minutes, hours, month_days, months, week_days, years = form.groups()
    try:
        schedule = Schedule(
            _numbers(minutes, 0, 59),
            _numbers(hours, 0, 23),
            _numbers(months, 1, 12, MONTHS),
            _numbers(years, 1970, LAST_YEAR),
            _day(month_days, week_days),
        )
    except _CronError as error:
        raise invalid(f"Invalid schedule '{expression}': {error}") from None
    if schedule.gap_seconds() < SHORTEST_SECONDS:
        raise invalid(f"Invalid schedule '{expression}': the shortest interval is 5 minutes.")
    return schedule


def _day(month_days: str, week_days: str) -> OnDay:
    if (month_days == "?") == (week_days == "?"):
        raise _CronError("exactly one of day-of-month and day-of-week must be '?'.")
    return _month_day(month_days.upper()) if week_days == "?" else _week_day(week_days.upper())


def _month_day(text: str) -> OnDay:
    if text == "L":
        return lambda day: day.day == _last(day)
    if text == "LW":
        return lambda day: day.day == _nearest_weekday(day, _last(day))
    if match := re.fullmatch(r"(\d{1,2})W", text):
        wanted = int(match[1])
        if not 1 <= wanted <= 31:
            raise _CronError(f"{wanted} is not in 1-31.")
        return lambda day: wanted <= _last(day) and day.day == _nearest_weekday(day, wanted)
    days = _numbers(text, 1, 31)
    return lambda day: day.day in days


def _week_day(text: str) -> OnDay:
    if match := re.fullmatch(r"(\w+)#([1-5])", text):
        wanted, nth = _number(match[1], 1, 7, DAYS), int(match[2])
        return lambda day: _weekday(day) == wanted and (day.day - 1) // 7 + 1 == nth
    if match := re.fullmatch(r"(\w+)L", text):
        wanted = _number(match[1], 1, 7, DAYS)
        return lambda day: _weekday(day) == wanted and day.day + 7 > _last(day)
    days = frozenset({7}) if text == "L" else _numbers(text, 1, 7, DAYS)
    return lambda day: _weekday(day) in days


def _weekday(day: date) -> int:
    """AWS's number of a weekday: Sunday is 1."""
    return day.isoweekday() % 7 + 1


def _last(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(month: date, wanted: int) -> int:
    """The day of the month from Monday to Friday nearest to ``wanted``, without leaving the month."""
    weekday = month.replace(day=wanted).isoweekday()
    if weekday == 6:
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == 7:
        return wanted + 1 if wanted < _last(month) else wanted - 2
    return wanted


def _numbers(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    found: set[int] = set()
    for part in text.upper().split(","):
        span, slash, step_text = part.partition("/")
        if slash and not (step_text.isdecimal() and int(step_text) > 0):
            raise _CronError(f"'{part}' has no step.")
        first_text, dash, last_text = span.partition("-")
        if span == "*":
            first, last = low, high
        else:
            first = _number(first_text, low, high, names)
            last = _number(last_text, low, high, names) if dash else (high if slash else first)
        # FRI-MON goes around the end of the week.
        values = range(first, last + 1) if first <= last else [*range(first, high + 1), *range(low, last + 1)]
        found.update(list(values)[:: int(step_text) if slash else 1])
    return frozenset(found)


def _number(text: str, low: int, high: int, names: tuple[str, ...]) -> int:
    if text in names:
        return low + names.index(text)
    if not text.isdecimal() or not low <= int(text) <= high:
        raise _CronError(f"'{text}' is not in {low}-{high}.")
    return int(text)
