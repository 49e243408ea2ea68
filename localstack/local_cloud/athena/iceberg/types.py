# ruff: noqa: PLR0911 - one return a kind of type
"""Iceberg's types and Trino's: https://trino.io/docs/current/connector/iceberg.html#type-mapping"""

from typing import TYPE_CHECKING, Any

from local_cloud.athena.errors import QueryError
from local_cloud.athena.trino.types import Type

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.types import IcebergType

_PLAIN = {
    "boolean": "boolean", "int": "integer", "long": "bigint", "float": "real", "double": "double", "date": "date",
    "string": "varchar", "binary": "varbinary",
}  # fmt: skip
_BACK = {v: k for k, v in _PLAIN.items()}


def trino_type(kind: "IcebergType") -> Type:
    """The Trino type of an Iceberg type.

    Raises:
        QueryError: NOT_SUPPORTED.
    """
    from pyiceberg import types as t

    name = str(kind)
    if name == "string":
        return Type("varchar", (None,))
    if name in _PLAIN:
        return Type(_PLAIN[name])
    if isinstance(kind, t.DecimalType):
        return Type("decimal", (kind.precision, kind.scale))
    if isinstance(kind, t.FixedType):
        return Type("varbinary")
    if isinstance(kind, t.TimestampType):
        return Type("timestamp", (6,))
    if isinstance(kind, t.TimestamptzType):
        return Type("timestamp with time zone", (6,))
    if isinstance(kind, t.TimeType):
        return Type("time", (6,))
    if isinstance(kind, t.ListType):
        return Type("array", (trino_type(kind.element_type),))
    if isinstance(kind, t.MapType):
        return Type("map", (trino_type(kind.key_type), trino_type(kind.value_type)))
    if isinstance(kind, t.StructType):
        return Type("row", tuple((f.name.lower(), trino_type(f.field_type)) for f in kind.fields))
    raise QueryError("NOT_SUPPORTED", f"Iceberg type {kind} is not supported by the local Athena engine")


def schema_of(columns: list[tuple[str, Type]]) -> "Schema":
    """An Iceberg schema of optional columns with fresh field ids.

    Raises:
        QueryError: NOT_SUPPORTED.
    """
    from pyiceberg.schema import Schema, assign_fresh_schema_ids
    from pyiceberg.types import NestedField

    fields = [
        NestedField(n + 1, name, iceberg_type(kind), required=False) for n, (name, kind) in enumerate(columns)
    ]
    return assign_fresh_schema_ids(Schema(*fields))


def iceberg_type(kind: Type) -> Any:
    """The Iceberg type of a Trino type; nested ids must be reassigned by the caller.

    Raises:
        QueryError: NOT_SUPPORTED.
    """
    from pyiceberg import types as t

    plain = {
        "boolean": t.BooleanType, "int": t.IntegerType, "long": t.LongType, "float": t.FloatType,
        "double": t.DoubleType, "date": t.DateType, "string": t.StringType, "binary": t.BinaryType,
    }  # fmt: skip
    if kind.base == "varchar":  # Iceberg knows no lengths
        return t.StringType()
    if kind.base in _BACK:
        return plain[_BACK[kind.base]]()
    if kind.base == "decimal":
        return t.DecimalType(*kind.args)
    if kind.base == "timestamp":
        return t.TimestampType()
    if kind.base == "timestamp with time zone":
        return t.TimestamptzType()
    if kind.base == "array":
        return t.ListType(1, iceberg_type(kind.args[0]), element_required=False)
    if kind.base == "map":
        return t.MapType(1, iceberg_type(kind.args[0]), 2, iceberg_type(kind.args[1]), value_required=False)
    if kind.base == "row":
        return t.StructType(
            *(
                t.NestedField(n, name or f"field{n - 1}", iceberg_type(inner), required=False)
                for n, (name, inner) in enumerate(kind.args, 1)
            )
        )
    raise QueryError("NOT_SUPPORTED", f"Type not supported for Iceberg: {kind}")
