"""PostgreSQL's types as Spark's JDBC reader maps them, and rows as Arrow batches of those types.

https://github.com/apache/spark/blob/v3.5.4/sql/core/src/main/scala/org/apache/spark/sql/jdbc/PostgresDialect.scala
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from local_glue.run import UnsupportedError

_SIMPLE = {
    "bool": "bool",
    "int2": "int16",
    "int4": "int32",
    "int8": "int64",
    "oid": "int64",
    "float4": "float32",
    "float8": "float64",
    "date": "date32",
    "bytea": "binary",
}
_TIMES = ("timestamp", "timestamptz", "time", "timetz")
_ALONE = ("name", "time", "timetz")  # of which Spark reads no arrays, or reads them otherwise
_TEXTS = frozenset(
    {
        *("text", "varchar", "bpchar", "char", "name", "json", "jsonb", "uuid", "xml", "money", "interval"),
        *("inet", "cidr", "macaddr", "macaddr8", "point", "line", "lseg", "box", "path", "polygon", "circle"),
        *("tsvector", "tsquery", "pg_lsn", "varbit", "txid_snapshot", "pg_snapshot"),
        *("int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange"),
    }
)
_FIRST_OF_USERS = 16384
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).date()


@dataclass(frozen=True)
class Column:
    """A column: ``kind`` is its Arrow type, ``base`` and ``oid`` PostgreSQL's (of an array's elements)."""

    name: str
    kind: Any
    base: str
    oid: int


def columns(connection: Any, description: list[Any]) -> list[Column]:
    """The columns of a result.

    Raises:
        UnsupportedError: a type that Spark's reader does not know, or this one does not.
    """
    users = [column.type_code for column in description if column.type_code >= _FIRST_OF_USERS]
    found = connection.execute(
        "SELECT oid::bigint, typname, typcategory = 'A' FROM pg_type WHERE oid = ANY(%s)", [users]
    ).fetchall()
    return [
        _column(connection, column, {oid: (name, array) for oid, name, array in found})
        for column in description
    ]


def _column(connection: Any, column: Any, users: dict[int, tuple[str, bool]]) -> Column:
    import pyarrow as pa

    oid = column.type_code
    if oid in users:
        name, is_array = users[oid]
        if is_array:
            raise _unknown(column.name, name)
        return Column(column.name, pa.string(), name, oid)
    info = connection.adapters.types.get(oid)
    if info is None:
        raise _unknown(column.name, f"with the OID {oid}")
    is_array = oid == info.array_oid
    kind = _arrow(info.name, column)
    if info.name == "oid" and not is_array:
        kind = pa.decimal128(20, 0)
    if kind is None or (is_array and (info.name in _ALONE or info.name.endswith("range"))):
        raise _unknown(column.name, info.name + "[]" * is_array)
    return Column(column.name, pa.list_(kind) if is_array else kind, info.name, info.oid)


def _unknown(column: str, kind: str) -> UnsupportedError:
    return UnsupportedError(
        f"Column {column}: PostgreSQL type {kind} is not supported by the JDBC reader; cast it in the query."
    )


def _arrow(name: str, column: Any) -> Any:
    import pyarrow as pa

    if name in _SIMPLE:
        return getattr(pa, {"bool": "bool_"}.get(name, _SIMPLE[name]))()
    if name in _TIMES:
        return pa.timestamp("us", "UTC")
    if name == "numeric":
        if not column.precision:
            return pa.decimal128(38, 18)
        return pa.decimal128(min(column.precision, 38), min(column.scale or 0, 38))
    return pa.string() if name in _TEXTS else None


def schema(found: list[Column]) -> Any:
    """Spark's schema; every column may be NULL."""
    from pyspark.sql.pandas.types import from_arrow_type
    from pyspark.sql.types import StructField, StructType

    return StructType([StructField(one.name, from_arrow_type(one.kind), True) for one in found])


def keep_text(connection: Any, found: list[Column]) -> None:
    """Strings are the text PostgreSQL prints; call it before the cursor is made, which takes the loaders over."""
    import pyarrow as pa
    from psycopg.types.string import TextLoader

    for one in found:
        kind = one.kind.value_type if pa.types.is_list(one.kind) else one.kind
        if pa.types.is_string(kind):
            connection.adapters.register_loader(one.oid, TextLoader)


def batch(rows: list[tuple[Any, ...]], found: list[Column]) -> Any:
    """Rows as an Arrow batch.

    Raises:
        ValueError: a value that its column's type does not hold; names the column.
    """
    import pyarrow as pa

    arrays = []
    for values, column in zip(zip(*rows, strict=True), found, strict=True):
        try:
            arrays.append(_array(values, column))
        except (pa.ArrowException, ArithmeticError, TypeError) as error:
            raise ValueError(f"Column {column.name} ({column.base}): {error}") from error
    return pa.record_batch(arrays, schema=pa.schema([(one.name, one.kind) for one in found]))


def _array(values: tuple[Any, ...], column: Column) -> Any:
    import pyarrow as pa

    is_list = pa.types.is_list(column.kind)
    kind = column.kind.value_type if is_list else column.kind
    change: Any = None
    if pa.types.is_decimal(kind):
        step = Decimal(1).scaleb(-kind.scale)
        change = lambda v: Decimal(v).quantize(step, rounding=ROUND_HALF_UP)  # noqa: E731
    elif column.base in ("time", "timetz"):
        change = _at_epoch
    if change is not None:
        each = (lambda v: [None if e is None else change(e) for e in v]) if is_list else change
        values = tuple(None if v is None else each(v) for v in values)
    return pa.array(values, type=column.kind)


def _at_epoch(value: time) -> datetime:
    """A time of day as Spark gives it: in UTC, of 1970-01-01 whatever the offset, without parts of a second."""
    at = datetime.combine(_EPOCH, value)
    clock = (at.astimezone(UTC) if at.tzinfo else at).time().replace(microsecond=0)
    return datetime.combine(_EPOCH, clock, tzinfo=UTC)
