"""Literals and their Trino types."""

import math
import re
from datetime import datetime
from decimal import Decimal

from sqlglot import exp

from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.trino.casts import cast
from local_cloud.athena.trino.typed import Typed, quote
from local_cloud.athena.trino.types import (
    BIGINT,
    DAY_SECOND,
    DOUBLE,
    INTEGER,
    JSON,
    VARBINARY,
    YEAR_MONTH,
    Type,
    duck,
    parse_type,
)  # fmt: skip


def text(value: str) -> Typed:
    """A string: varchar of its own length."""
    return Typed(quote(value), Type("varchar", (len(value),)), literal=value)


def number(value: str) -> Typed:
    """An integer, bigint, decimal or double, by how it is written."""
    if re.fullmatch(r"-?\d+", value):
        whole = int(value)
        kind = INTEGER if -(2**31) <= whole < 2**31 else BIGINT
        if not -(2**63) <= whole < 2**63:
            raise syntax(f"Invalid numeric literal: {value}")
        return Typed(f"CAST({whole} AS {duck(kind)})", kind, literal=whole)
    if re.fullmatch(r"-?(\d+\.?\d*|\.\d+)[eE][+-]?\d+", value):
        double = float(value)
        # DuckDB reads a bare -0.0 as a decimal, which has no sign of zero.
        shown = repr(double) if math.isfinite(double) and double else quote(repr(double))
        return Typed(f"CAST({shown} AS DOUBLE)", DOUBLE, literal=double)
    return decimal_literal(value)


def decimal_literal(value: str) -> Typed:
    """``1.50``: decimal(3,2)."""
    found = re.fullmatch(r"\s*([+-]?)(\d*)(?:\.(\d*))?\s*", value)
    if not found or not (found[2] or found[3]):
        raise syntax(f"Invalid decimal literal: {value}")
    whole, fraction = found[2].lstrip("0"), found[3] or ""
    precision = max(1, len(whole) + len(fraction))
    if precision > 38:
        raise syntax(f"DECIMAL literal has more than 38 digits: {value}")
    kind = Type("decimal", (precision, len(fraction)))
    exact = Decimal(f"{found[1]}{whole or '0'}.{fraction or '0'}")
    return Typed(f"CAST('{found[1]}{whole or '0'}.{fraction or '0'}' AS {duck(kind)})", kind, literal=exact)


def binary(digits: str) -> Typed:
    """``X'65683F'``; the digits come as sqlglot read them, hexadecimal or as one decimal number."""
    compact = re.sub(r"\s", "", digits)
    if not re.fullmatch(r"([0-9A-Fa-f]{2})*", compact):
        raise syntax("Binary literal must contain an even number of hexadecimal digits")
    return Typed(f"unhex('{compact}')", VARBINARY)


def typed(value: str, type_text: str) -> Typed:
    """``DATE '...'``, ``TIMESTAMP '...'``, ``DECIMAL '...'``, ``JSON '...'``, ``DOUBLE '...'``.

    Raises:
        QueryError: INVALID_LITERAL.
    """
    name = type_text.lower()
    if name.startswith("decimal"):
        return decimal_literal(value)
    if name == "json":
        return Typed(f"json({quote(value)})", JSON)
    if name in ("date", "timestamp") and value.lstrip().startswith("-"):
        raise unsupported(f"{name.upper()} '{value}' before the year 1")
    if name.startswith("timestamp"):
        return _timestamp(value)
    if name.startswith("time"):
        fraction = re.search(r"\.(\d+)$", value)
        kind = Type("time", (len(fraction[1]) if fraction else 0,))
        return _checked(value, kind, r"\d{1,2}:\d{1,2}(:\d{1,2}(\.\d{1,6})?)?")
    kind = parse_type(type_text)
    if kind.base == "date":
        return _checked(value, kind, r"\s*[+-]?\d{4,}-\d{1,2}-\d{1,2}\s*")
    return cast(text(value), kind)


def _checked(value: str, kind: Type, pattern: str) -> Typed:
    if not re.fullmatch(pattern, value):
        raise QueryError("INVALID_LITERAL", f"'{value}' is not a valid {kind.base} literal")
    if kind.base == "date":
        return Typed(f"CAST({quote(_valid(value.strip(), kind.base))} AS DATE)", kind, literal=value.strip())
    result = cast(text(value), kind)
    return Typed(result.sql, kind, literal=value.strip())


def _valid(value: str, name: str) -> str:
    """``2020-1-5 3:04`` in ISO's digits; raises INVALID_LITERAL for a day that is none."""
    numbers = [int(n) for n in re.findall(r"\d+", value.split(".", maxsplit=1)[0])]
    try:
        moment = datetime(*numbers)  # type: ignore[arg-type]
    except ValueError as error:
        raise QueryError("INVALID_LITERAL", f"'{value}' is not a valid {name} literal") from error
    if name == "date":
        return moment.strftime("%Y-%m-%d").zfill(10)
    fraction = value.partition(".")[2]
    return moment.strftime("%Y-%m-%d %H:%M:%S").zfill(19) + (f".{fraction}" if fraction else "")


def _timestamp(value: str) -> Typed:
    found = re.fullmatch(
        r"\s*\d{4,}-\d{1,2}-\d{1,2}(?:[ T]\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.(\d+))?)?)?(\s*[A-Za-z+-].*)?", value
    )
    if not found:
        raise QueryError("INVALID_LITERAL", f"'{value}' is not a valid timestamp literal")
    digits = len(found[1] or "")
    if digits > 6:
        raise unsupported(f"timestamp({digits})")
    zoned = bool((found[2] or "").strip())
    kind = Type("timestamp with time zone" if zoned else "timestamp", (digits,))
    if not zoned:
        return Typed(
            f"CAST({quote(_valid(value.strip(), 'timestamp'))} AS TIMESTAMP)", kind, literal=value.strip()
        )
    return cast(text(value), kind)


_SECONDS = {"DAY": 86400, "HOUR": 3600, "MINUTE": 60, "SECOND": 1}
_MONTHS = {"YEAR": 12, "MONTH": 1, "QUARTER": 3}


def interval(node: exp.Interval) -> Typed:
    """``INTERVAL '2' DAY``; its ``literal`` is 'clock' where it has hours or less, else 'day' or 'month'."""
    value, unit = node.this, node.args.get("unit")
    if isinstance(unit, exp.IntervalSpan):
        return _span(value, unit)
    negative = isinstance(value, exp.Neg)
    amount = value.this if isinstance(value, exp.Neg) else value
    if unit is None or not isinstance(amount, exp.Literal):
        raise syntax("Invalid INTERVAL literal")
    name = unit.name.upper().removesuffix("S")
    if name == "WEEK":
        raise syntax("mismatched input 'WEEK'")
    found = re.fullmatch(r"([+-]?)(\d+)(\.\d+)?", amount.this.strip())
    if not found or (found[3] and name != "SECOND"):
        raise QueryError("INVALID_LITERAL", f"'{amount.this}' is not a valid INTERVAL literal")
    count = Decimal(found[1] + found[2] + (found[3] or "")) * (-1 if negative else 1)
    if name in _MONTHS and name != "QUARTER":
        return Typed(f"to_months(CAST({int(count) * _MONTHS[name]} AS INTEGER))", YEAR_MONTH, literal="month")
    if name not in _SECONDS:
        raise syntax(f"Invalid INTERVAL unit: {name}")
    return _seconds(count * _SECONDS[name], name)


def _seconds(seconds: Decimal, smallest: str) -> Typed:
    microseconds = int(seconds * 1_000_000)
    days = smallest == "DAY"
    text_ = (
        f"to_days(CAST({microseconds // 86_400_000_000} AS INTEGER))"
        if days
        else f"to_microseconds(CAST({microseconds} AS BIGINT))"
    )
    return Typed(text_, DAY_SECOND, literal="day" if days else "clock")


def _span(value: exp.Expr, unit: exp.IntervalSpan) -> Typed:
    first, last = unit.this.name.upper(), unit.expression.name.upper()
    content = value.this.strip() if isinstance(value, exp.Literal) else ""
    sign = -1 if content.startswith("-") else 1
    content = content.lstrip("+-")
    if (first, last) == ("YEAR", "MONTH"):
        found = re.fullmatch(r"(\d+)-(\d+)", content)
        if found:
            months = sign * (int(found[1]) * 12 + int(found[2]))
            return Typed(f"to_months(CAST({months} AS INTEGER))", YEAR_MONTH, literal="month")
    names = list(_SECONDS)
    if first in names and last in names and names.index(first) < names.index(last):
        wanted = names[names.index(first) : names.index(last) + 1]
        parts = re.split(r"[ :]", content)
        if len(parts) == len(wanted) and all(re.fullmatch(r"\d+(\.\d+)?", p) for p in parts):
            return _seconds(
                sign
                * sum((Decimal(p) * _SECONDS[n] for p, n in zip(parts, wanted, strict=True)), Decimal(0)),
                last,
            )
    raise QueryError("INVALID_LITERAL", f"'{content}' is not a valid INTERVAL literal")
