"""Parquet and ORC: columns and rows from the files' footers."""

from pathlib import Path
from typing import Any

from local_cloud.glue.crawlers.schema import Schema

_SIMPLE = {
    "bool": "boolean", "int8": "tinyint", "int16": "smallint", "int32": "int", "int64": "bigint",
    "uint8": "smallint", "uint16": "int", "uint32": "bigint", "uint64": "bigint",
    "halffloat": "float", "float": "float", "double": "double",
    "string": "string", "large_string": "string", "string_view": "string",
    "binary": "binary", "large_binary": "binary", "binary_view": "binary",
    "date32[day]": "date", "date64[ms]": "date", "null": "string",
    "time32[s]": "int", "time32[ms]": "int", "time64[us]": "bigint", "time64[ns]": "bigint",
}  # fmt: skip


def parquet(path: Path) -> Schema:
    """Raises: ``pyarrow.ArrowInvalid`` for a file that is cut or none."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        return Schema("parquet", _columns(file.schema_arrow), records=file.metadata.num_rows)


def orc(path: Path) -> Schema:
    """Raises: ``pyarrow.ArrowInvalid`` for a file that is cut or none."""
    from pyarrow import orc as reader

    file = reader.ORCFile(path)
    return Schema("orc", _columns(file.schema), records=file.nrows)


def _columns(schema: Any) -> tuple[tuple[str, str], ...]:
    return tuple((field.name.lower(), hive(field.type)) for field in schema)


def hive(kind: Any) -> str:  # noqa: PLR0911 - one return a kind of type
    """The Hive type of an Arrow type."""
    import pyarrow.types as is_a

    simple = _SIMPLE.get(str(kind))
    if simple:
        return simple
    if is_a.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if is_a.is_timestamp(kind):
        return "timestamp"
    if is_a.is_dictionary(kind):
        return hive(kind.value_type)
    if is_a.is_map(kind):
        return f"map<{hive(kind.key_type)},{hive(kind.item_type)}>"
    if is_a.is_list(kind) or is_a.is_large_list(kind) or is_a.is_fixed_size_list(kind):
        return f"array<{hive(kind.value_type)}>"
    if is_a.is_struct(kind):
        inner = (f"{field.name.lower()}:{hive(field.type)}" for field in kind)
        return f"struct<{','.join(inner)}>"
    return "binary" if is_a.is_fixed_size_binary(kind) else "string"
