"""Partition projection: partitions computed from table properties.

https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from local_cloud.athena.catalog import Partition, Table
from local_cloud.athena.errors import QueryError, unsupported

MAX_PARTITIONS = 1_000_000


def projected(table: Table, expressions: list[str]) -> list[Partition]:
    """Every partition the properties describe; ``injected`` columns take their values from equality predicates.

    Raises:
        QueryError: INVALID_TABLE_PROPERTY, CONSTRAINT_VIOLATION for an injected column without a value.
    """
    choices = [list(_values(table, key.name, key.type.base, expressions)) for key in table.partition_keys]
    total = 1
    for values in choices:
        total *= len(values)
    if total > MAX_PARTITIONS:
        raise unsupported(
            f"Partition projection over {total} partitions (table {table.database}.{table.name})"
        )
    template = table.properties.get("storage.location.template", "")
    found = []
    for chosen in itertools.product(*choices):
        found.append(Partition(chosen, _location(table, template, chosen)))
    return found


def _location(table: Table, template: str, values: tuple[str, ...]) -> str:
    if not template:
        folders = "/".join(f"{k.name}={v}" for k, v in zip(table.partition_keys, values, strict=True))
        return f"{table.location.rstrip('/')}/{folders}/"
    for key, value in zip(table.partition_keys, values, strict=True):
        template = template.replace("${" + key.name + "}", value)
    return template if template.endswith("/") else template + "/"


def _property(table: Table, name: str, what: str) -> str:
    value = table.properties.get(f"projection.{name}.{what}")
    if value is None:
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            f"Table {table.database}.{table.name} has no property projection.{name}.{what}",
        )
    return value


def _values(table: Table, name: str, kind: str, expressions: list[str]) -> Iterator[str]:
    type_ = _property(table, name, "type").lower()
    if type_ == "enum":
        yield from (v.strip() for v in _property(table, name, "values").split(","))
    elif type_ == "integer":
        low, high = (int(v) for v in _property(table, name, "range").split(","))
        step = int(table.properties.get(f"projection.{name}.interval", "1"))
        digits = int(table.properties.get(f"projection.{name}.digits", "0"))
        if (high - low) // step > MAX_PARTITIONS:
            raise unsupported(f"Partition projection of {name} over more than {MAX_PARTITIONS} values")
        yield from (f"{v:0{digits}d}" for v in range(low, high + 1, step))
    elif type_ == "date":
        yield from _dates(table, name)
    elif type_ == "injected":
        found = [re.findall(rf"\b{re.escape(name)} = ('(?:[^']|'')*'|\d+)", e) for e in expressions]
        values = {v.strip("'").replace("''", "'") for group in found for v in group}
        if len(values) != 1:
            raise QueryError(
                "CONSTRAINT_VIOLATION",
                f"For the injected projected partition column {name}, the WHERE clause must contain "
                f"only static equality "
                "conditions, and at least one such condition must be present",
            )
        yield from values
    else:
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            f"projection.{name}.type '{type_}' is none of enum, integer, date, injected",
        )
    del kind


_JAVA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
_STEPS = {"YEARS": 12, "MONTHS": 1}


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


def _moment(text: str, pattern: str) -> datetime:
    """``2020/01/01``, ``NOW``, ``NOW-3YEARS``, ``NOW+1DAY``."""
    found = re.fullmatch(r"NOW(?:\s*([+-])\s*(\d+)\s*([A-Z]+?)S?)?", text.strip(), re.I)
    if not found:
        return datetime.strptime(text.strip(), pattern).replace(tzinfo=UTC)
    now = datetime.now(UTC)
    if not found[1]:
        return now
    count = int(found[2]) * (1 if found[1] == "+" else -1)
    return _shift(now, count, found[3].upper() + "S")


def _shift(moment: datetime, count: int, unit: str) -> datetime:
    if unit in _STEPS:
        months = moment.year * 12 + moment.month - 1 + count * _STEPS[unit]
        return moment.replace(year=months // 12, month=months % 12 + 1, day=min(moment.day, 28))
    return moment + timedelta(**{unit.lower(): count})


def _dates(table: Table, name: str) -> Iterator[str]:
    pattern = _format(_property(table, name, "format"))
    low, high = (_moment(v, pattern) for v in _property(table, name, "range").split(","))
    smallest = "SECONDS" if "%S" in pattern else "MINUTES" if "%M" in pattern else "HOURS" if "%H" in pattern else (
        "DAYS" if "%d" in pattern else "MONTHS" if "%m" in pattern else "YEARS")  # fmt: skip
    step = int(table.properties.get(f"projection.{name}.interval", "1"))
    unit = table.properties.get(f"projection.{name}.interval.unit", smallest).upper()
    unit = unit if unit.endswith("S") else unit + "S"
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
