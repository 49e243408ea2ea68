"""The WHERE conditions into which Spark splits a table: ``JDBCRelation.columnPartition``.

https://github.com/apache/spark/blob/v3.5.4/sql/core/src/main/scala/org/apache/spark/sql/execution/datasources/jdbc/JDBCRelation.scala
"""

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from itertools import pairwise
from typing import Any

_ALL = ("partitioncolumn", "lowerbound", "upperbound", "numpartitions")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS = ("byte", "short", "integer", "long", "float", "double", "decimal")


def conditions(given: dict[str, Any], schema: Any) -> list[str | None]:
    """A condition for each partition; ``[None]``: the table as a whole.

    Rows beyond the bounds are in the first and the last one, NULLs in the first.

    Args:
        given: the reader's options in lower case.
        schema: of the table.

    Raises:
        AnalysisException, ValueError: options that Spark refuses, in its words.
    """
    if not given.get("partitioncolumn"):
        if given.get("lowerbound") is not None or given.get("upperbound") is not None:
            raise ValueError("lowerBound and upperBound need partitionColumn.")
        return [None]
    if any(given.get(name) in (None, "") for name in _ALL):
        raise ValueError(
            "When reading JDBC data sources, users need to specify all or none for the following options: "
            "'partitionColumn', 'lowerBound', 'upperBound', and 'numPartitions'"
        )
    field = _field(str(given["partitioncolumn"]), schema)
    kind = field.dataType.typeName()
    low, high = _internal(kind, str(given["lowerbound"])), _internal(kind, str(given["upperbound"]))
    count = int(given["numpartitions"])
    if count < 1:
        raise ValueError(f"Invalid value `{count}` for parameter `numPartitions`. It must be positive.")
    if count == 1 or low == high:
        return [None]
    if low > high:
        raise ValueError(
            "Operation not allowed: the lower bound of partitioning column is larger than the upper bound. "
            f"Lower bound: {given['lowerbound']}; Upper bound: {given['upperbound']}"
        )
    name = '"' + field.name.replace('"', '""') + '"'
    cuts = [_literal(kind, cut) for cut in _cuts(low, high, min(count, high - low))]
    if not cuts:
        return [None]
    inner = [f"{name} >= {left} AND {name} < {right}" for left, right in pairwise(cuts)]
    return [f"{name} < {cuts[0]} or {name} is null", *inner, f"{name} >= {cuts[-1]}"]


def _cuts(low: int, high: int, count: int) -> list[int]:
    """Where one partition ends and the next begins; what the strides fall short of is shared by the two ends."""
    with localcontext(prec=60):
        step = Decimal(1).scaleb(-18)
        upper, lower = ((Decimal(v) / count).quantize(step, rounding=ROUND_HALF_EVEN) for v in (high, low))
        precise = upper - lower
        stride = int(precise)
        lost = (precise - stride) * count / stride
        first = low + int((lost / 2 * stride).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    return [first + stride * number for number in range(1, count)]


def _field(column: str, schema: Any) -> Any:
    from pyspark.errors.exceptions.connect import AnalysisException

    name = column.strip('"`')
    found = [field for field in schema.fields if field.name.lower() == name.lower()]
    if not found:
        raise AnalysisException(
            f"User-defined partition column {column} not found in the JDBC relation: {schema.simpleString()}"
        )
    kind = found[0].dataType.typeName()
    if kind not in (*_NUMBERS, "date", "timestamp"):
        raise AnalysisException(
            f"Partition column type should be numeric, date, or timestamp, but {kind} found."
        )
    return found[0]


def _internal(kind: str, text: str) -> int:
    """A bound as Spark counts: whole numbers, days or microseconds since 1970."""
    if kind == "date":
        return (date.fromisoformat(text.strip()) - _EPOCH.date()).days
    if kind == "timestamp":
        at = datetime.fromisoformat(text.strip())
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)
    return int(text)


def _literal(kind: str, value: int) -> str:
    if kind == "date":
        return f"'{_EPOCH.date() + timedelta(days=value)}'"
    if kind == "timestamp":
        text = (_EPOCH + timedelta(microseconds=value)).replace(tzinfo=None).isoformat(sep=" ")
        return f"'{text.rstrip('0') if '.' in text else text}'"
    return str(value)
