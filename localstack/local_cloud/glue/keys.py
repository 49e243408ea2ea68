"""Partition values in the order of their column's type, as SQLite compares them.

A date, a timestamp and a decimal become text whose byte order is the value's order; integers become
integers; strings stay.
Types: https://docs.aws.amazon.com/glue/latest/webapi/API_GetPartitions.html, "Supported Partition Key Types".
"""

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation, localcontext

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
INTEGER_TYPES = frozenset({"int", "integer", "bigint", "long", "tinyint", "smallint"})
TEXT_TYPES = frozenset({"string", "char", "varchar"})
_TIMESTAMP = re.compile(r"(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?")
_SCALE = 38
_DIGITS = 2 * _SCALE


def base_type(declared: str) -> str:
    """``decimal(10,2)`` -> ``decimal``."""
    return declared.split("(", 1)[0].strip().lower()


def supported(declared: str) -> bool:
    """Whether expressions may name a partition key of this type."""
    kind = base_type(declared)
    return kind in INTEGER_TYPES or kind in TEXT_TYPES or kind in {"date", "timestamp", "decimal"}


def encode(declared: str, value: str) -> str | int:
    """The comparable form of ``value`` for a key declared as ``declared``.

    Raises:
        ValueError: the value is not of that type, in the words of Glue.
    """
    kind = base_type(declared)
    if kind in INTEGER_TYPES:
        return _integer(value)
    if kind == "date":
        return _date(value)
    if kind == "timestamp":
        return _timestamp(value)
    if kind == "decimal":
        return _decimal(value)
    return value


def encode_stored(declared: str, value: str) -> str | int | None:
    """As ``encode``, for a value already in the catalog: one that is not of its type compares as NULL."""
    try:
        return encode(declared, value)
    except ValueError:
        return None


def _integer(value: str) -> int:
    if not re.fullmatch(r"\s*[+-]?\d{1,19}\s*", value) or not -(2**63) <= int(value) < 2**63:
        raise ValueError(f'"{value}" is not an integer.')
    return int(value)


def _date(value: str) -> str:
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            raise ValueError
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise ValueError(f"{value} is not a date.") from None


def _timestamp(value: str) -> str:
    match = _TIMESTAMP.fullmatch(value)
    try:
        if not match:
            raise ValueError
        datetime.fromisoformat(f"{match[1]} {match[2]}")
    except ValueError:
        raise ValueError(
            f"Timestamp format must be yyyy-mm-dd hh:mm:ss[.fffffffff] {value} is not a timestamp."
        ) from None
    return f"{match[1]} {match[2]}.{(match[3] or '').ljust(9, '0')}"


def _decimal(value: str) -> str:
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        raise ValueError(f"{value} is not a decimal.") from None
    if not number.is_finite() or number.adjusted() >= _SCALE:
        raise ValueError(f"{value} is not a decimal.")
    with localcontext(prec=2 * _DIGITS):
        scaled = number.scaleb(_SCALE).to_integral_value()
    digits = str(abs(int(scaled))).zfill(_DIGITS)
    if scaled >= 0:
        return "1" + digits
    return "0" + digits.translate(str.maketrans("0123456789", "9876543210"))
