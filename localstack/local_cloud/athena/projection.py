"""Partition projection: partitions computed from table properties.

https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

import calendar
import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from sqlglot import exp, parse_one

from local_cloud.athena.catalog import Column, Partition, Table
from local_cloud.athena.errors import QueryError, unsupported

MAX_PARTITIONS = 1_000_000
MAX_INJECTED = 1000
Keep = Callable[[Column, Sequence[str]], Sequence[str]]


def is_projected(table: Table) -> bool:
    """Whether the table's partitions are computed, whatever the catalog has registered."""
    return bool(table.partition_keys) and table.properties.get("projection.enabled", "").lower() == "true"


def projected(table: Table, expressions: list[str], keep: Keep) -> list[Partition]:
    """The partitions the properties describe; ``injected`` columns take their values from equality predicates.

    Args:
        table: a table for which ``is_projected``.
        expressions: the conjuncts a catalog could judge, in Glue's grammar.
        keep: of one key's values those that may fulfil the query, so that only they are combined.

    Raises:
        QueryError: INVALID_TABLE_PROPERTY, CONSTRAINT_VIOLATION for an injected column without a value.
    """
    choices = [keep(key, _values(table, key.name, expressions)) for key in table.partition_keys]
    total = math.prod(len(values) for values in choices)
    if total > MAX_PARTITIONS:
        raise unsupported(
            f"Partition projection over {total} partitions (table {table.database}.{table.name})"
        )
    return [Partition(chosen, location(table, chosen)) for chosen in itertools.product(*choices)]


def location(table: Table, values: tuple[str, ...]) -> str:
    """Where a projected partition lies: ``storage.location.template`` filled in, else Hive's folders."""
    place = table.properties.get("storage.location.template", "")
    if not place:
        folders = "/".join(f"{k.name}={v}" for k, v in zip(table.partition_keys, values, strict=True))
        return f"{table.location.rstrip('/')}/{folders}/"
    for key, value in zip(table.partition_keys, values, strict=True):
        place = place.replace("${" + key.name + "}", value)
    return place if place.endswith("/") else place + "/"


def _property(table: Table, name: str, what: str) -> str:
    value = table.properties.get(f"projection.{name}.{what}")
    if value is None:
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            f"Table {table.database}.{table.name} has no property projection.{name}.{what}",
        )
    return value


def _number(table: Table, name: str, what: str, default: str) -> int:
    value = table.properties.get(f"projection.{name}.{what}", default).strip()
    if not value.isdigit():
        raise QueryError(
            "INVALID_TABLE_PROPERTY", f"projection.{name}.{what} '{value}' is not a whole number"
        )
    return int(value)


def _values(table: Table, name: str, expressions: list[str]) -> Sequence[str]:
    type_ = _property(table, name, "type").lower()
    if type_ == "enum":
        return tuple(v.strip() for v in _property(table, name, "values").split(","))
    if type_ == "injected":
        return _injected(name, expressions)
    if type_ not in ("integer", "date"):
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            f"projection.{name}.type '{type_}' is none of enum, integer, date, injected",
        )
    span = _property(table, name, "range")
    if span.count(",") != 1:
        raise QueryError(
            "INVALID_TABLE_PROPERTY", f"projection.{name}.range '{span}' is not two values with a comma"
        )
    step = max(1, _number(table, name, "interval", "1"))
    if type_ == "integer":
        return _integers(name, span, step, _number(table, name, "digits", "0"))
    unit = table.properties.get(f"projection.{name}.interval.unit", "").upper()
    # NOW moves by the second: only what does not move is worth keeping.
    dates = _dates.__wrapped__ if "NOW" in span.upper() else _dates
    return dates(name, span, _property(table, name, "format"), step, unit)


def _injected(name: str, expressions: list[str]) -> Sequence[str]:
    """The values that ``name = 'x'`` or ``name IN (...)`` ask for."""
    found: set[str] | None = None
    for text in expressions:
        node = parse_one(text)
        if isinstance(node, exp.EQ):
            sides = [node.this, node.expression]
        elif isinstance(node, exp.In):
            sides = [node.this, *node.expressions]
        else:
            continue
        literals = {str(s.this) for s in sides if isinstance(s, exp.Literal)}
        if any(isinstance(s, exp.Column) and s.name == name for s in sides) and literals:
            found = literals if found is None else found & literals
    if found is None:
        raise QueryError(
            "CONSTRAINT_VIOLATION",
            f"For the injected projected partition column {name}, the WHERE clause must contain only static "
            "equality conditions, and at least one such condition must be present",
        )
    if len(found) > MAX_INJECTED:
        raise QueryError(
            "CONSTRAINT_VIOLATION",
            f"The injected projected partition column {name} takes at most {MAX_INJECTED} values",
        )
    return sorted(found)


def _integers(name: str, span: str, step: int, digits: int) -> Sequence[str]:
    try:
        low, high = (int(v) for v in span.split(","))
    except ValueError as error:
        raise QueryError(
            "INVALID_TABLE_PROPERTY", f"projection.{name}.range '{span}' is not two whole numbers"
        ) from error
    if (high - low) // step > MAX_PARTITIONS:
        raise unsupported(f"Partition projection of {name} over more than {MAX_PARTITIONS} values")
    return [f"{v:0{digits}d}" for v in range(low, high + 1, step)]


_JAVA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
_MONTHS = {"YEARS": 12, "MONTHS": 1}
_UNITS = ("YEARS", "MONTHS", "WEEKS", "DAYS", "HOURS", "MINUTES", "SECONDS")
_FINEST = (("%S", "SECONDS"), ("%M", "MINUTES"), ("%H", "HOURS"), ("%d", "DAYS"), ("%m", "MONTHS"))


def _format(pattern: str) -> str:
    out = ""
    for piece in re.finditer(r"'[^']*'|([A-Za-z])\1*|[^A-Za-z']+", pattern):
        text = piece.group(0)
        if text[0] == "'":
            out += text[1:-1]
        elif text[0].isalpha():
            if text not in _JAVA:
                raise unsupported(f"Date pattern '{text}' in partition projection")
            out += _JAVA[text]
        else:
            out += text
    return out


def _unit(text: str) -> str:
    unit = text.upper().removesuffix("S") + "S"
    if unit not in _UNITS:
        raise QueryError("INVALID_TABLE_PROPERTY", f"'{text}' is no unit of time in partition projection")
    return unit


def _moment(name: str, text: str, pattern: str) -> datetime:
    """``2020/01/01``, ``NOW``, ``NOW-3YEARS``, ``NOW+1DAY``."""
    found = re.fullmatch(r"NOW(?:\s*([+-])\s*(\d+)\s*([A-Z]+))?", text.strip(), re.I)
    if found:
        now = datetime.now(UTC)
        count = int(found[2] or 0) * (-1 if found[1] == "-" else 1)
        return _shift(now, count, _unit(found[3] or "DAYS"))
    try:
        return datetime.strptime(text.strip(), pattern).replace(tzinfo=UTC)
    except ValueError as error:
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            f"projection.{name}.range: '{text}' does not fit projection.{name}.format",
        ) from error


def _shift(moment: datetime, count: int, unit: str) -> datetime:
    if unit in _MONTHS:
        months = moment.year * 12 + moment.month - 1 + count * _MONTHS[unit]
        year, month = months // 12, months % 12 + 1
        return moment.replace(
            year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1])
        )
    return moment + timedelta(**{unit.lower(): count})


@lru_cache(maxsize=64)
def _dates(name: str, span: str, pattern: str, step: int, unit: str) -> Sequence[str]:
    return tuple(_each_date(name, span, _format(pattern), step, unit))


def _each_date(name: str, span: str, pattern: str, step: int, unit: str) -> Iterator[str]:
    low, high = (_moment(name, v, pattern) for v in span.split(","))
    unit = _unit(unit or next((u for mark, u in _FINEST if mark in pattern), "YEARS"))
    moment, number, last = low, 0, ""
    while moment <= high:
        text = moment.strftime(pattern)
        if text != last:
            yield text
        last = text
        number += 1
        if number > MAX_PARTITIONS:
            raise unsupported(f"Partition projection of {name} over more than {MAX_PARTITIONS} values")
        moment = _shift(low, number * step, unit)
