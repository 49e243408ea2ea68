"""Spark's types as the rules need them, and its rules for the precision and scale of decimals.

https://github.com/apache/spark/blob/v3.5.4/sql/catalyst/src/main/scala/org/apache/spark/sql/catalyst/expressions/arithmetic.scala
"""

from dataclasses import dataclass
from typing import Any

_WHOLE = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 20}
_MAX = 38
_LEAST_SCALE = 6


@dataclass(frozen=True)
class Decimal:
    """``decimal(precision, scale)``."""

    precision: int
    scale: int

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})"


def decimal_of(kind: Any) -> Decimal | None:
    """The decimal a type is."""
    if kind is not None and kind.typeName() == "decimal":
        return Decimal(kind.precision, kind.scale)
    return None


def as_decimal(kind: Any, literal: int | None) -> Decimal | None:
    """The decimal that Spark makes of a number in decimal arithmetic: of a literal, no wider than its digits."""
    if literal is not None and kind.simpleString() in _WHOLE:
        return Decimal(max(1, len(str(abs(literal)))), 0)
    return widened(kind)


def widened(kind: Any) -> Decimal | None:
    """The decimal that holds every value of the type; ``None`` where there is none."""
    if kind is None:
        return None
    digits = _WHOLE.get(kind.simpleString())
    return Decimal(digits, 0) if digits else decimal_of(kind)


def is_double(kind: Any) -> bool:
    """``double`` or ``float``."""
    return kind is not None and kind.typeName() in ("double", "float")


def contains(kind: Any, *names: str) -> bool:
    """Whether a type is, or has inside, one of the named types."""
    if kind is None:
        return False
    if kind.typeName() in names:
        return True
    inside = [getattr(kind, part, None) for part in ("elementType", "keyType", "valueType")]
    inside += [field.dataType for field in getattr(kind, "fields", [])]
    return any(contains(one, *names) for one in inside)


def adjusted(precision: int, scale: int) -> Decimal:
    """Spark's ``adjustPrecisionScale``: digits before the point are kept at the cost of those after."""
    if precision <= _MAX:
        return Decimal(precision, scale)
    whole = precision - scale
    return Decimal(_MAX, max(_MAX - whole, min(scale, _LEAST_SCALE)))


def divided(a: Decimal, b: Decimal) -> Decimal:
    """``a / b``."""
    scale = max(_LEAST_SCALE, a.scale + b.precision + 1)
    return adjusted(a.precision - a.scale + b.scale + scale, scale)


def remainder(a: Decimal, b: Decimal) -> Decimal:
    """``a % b``."""
    scale = max(a.scale, b.scale)
    return adjusted(min(a.precision - a.scale, b.precision - b.scale) + scale, scale)


def added(a: Decimal, b: Decimal) -> Decimal:
    """``a + b`` and ``a - b``."""
    scale = max(a.scale, b.scale)
    return adjusted(max(a.precision - a.scale, b.precision - b.scale) + scale + 1, scale)


def multiplied(a: Decimal, b: Decimal) -> Decimal:
    """``a * b``."""
    return adjusted(a.precision + b.precision + 1, a.scale + b.scale)


def wider(a: Decimal, b: Decimal) -> Decimal:
    """The type of a CASE or COALESCE over both."""
    scale = max(a.scale, b.scale)
    return Decimal(min(_MAX, max(a.precision - a.scale, b.precision - b.scale) + scale), min(_MAX, scale))


def rounded(a: Decimal, places: int) -> Decimal:
    """``round(a, places)``."""
    whole = a.precision - a.scale + 1
    if places < 0:
        return Decimal(min(_MAX, max(whole, 1 - places)), 0)
    scale = min(a.scale, places)
    return Decimal(min(_MAX, whole + scale), scale)
