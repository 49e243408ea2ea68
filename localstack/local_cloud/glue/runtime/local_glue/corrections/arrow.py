"""Rows made by the script: a NULL struct's fields are NULL too, as the engine reads fields without looking up."""

from typing import Any


def install() -> None:
    """Patch the relation that carries a script's own rows."""
    from pyspark.sql.connect.plan import LocalRelation

    original = LocalRelation.__init__

    def init(self: Any, table: Any, schema: Any = None) -> None:
        original(self, None if table is None else _with_null_fields(table), schema)

    LocalRelation.__init__ = init


def _with_null_fields(table: Any) -> Any:
    import pyarrow as pa

    if not any(_has_struct(field.type) for field in table.schema):
        return table
    columns = [
        pa.chunked_array([_array(chunk) for chunk in column.chunks], column.type) for column in table.columns
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)


def _has_struct(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return True
    return pa.types.is_nested(kind) and any(_has_struct(kind.field(n).type) for n in range(kind.num_fields))


def _array(array: Any) -> Any:
    """The array with NULL in the fields of NULL structs; Arrow's builders leave empty values there."""
    import pyarrow as pa

    kind = array.type
    if not _has_struct(kind):
        return array
    if pa.types.is_struct(kind):
        fields = [_array(child) for child in array.flatten()]
        return pa.StructArray.from_arrays(
            fields, fields=[kind.field(n) for n in range(kind.num_fields)], mask=array.is_null()
        )
    if pa.types.is_list(kind):
        return pa.ListArray.from_arrays(array.offsets, _array(array.values), type=kind, mask=array.is_null())
    return array
