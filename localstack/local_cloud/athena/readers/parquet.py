# ruff: noqa: PLR0911 - one return a kind of type
"""Parquet: columns by name whatever their case, converted to the declared type where Athena converts."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from local_cloud.athena.errors import QueryError
from local_cloud.athena.trino.typed import identifier, quote
from local_cloud.athena.trino.types import Type, duck

if TYPE_CHECKING:
    from local_cloud.athena.catalog import Column, Table
    from local_cloud.athena.scans import DataFile


class Footer(NamedTuple):
    """What a query needs of a file's footer: the Arrow schema, compressed bytes by column (lower case)."""

    schema: Any
    key: str
    bytes: dict[str, int]


def footer(file: "DataFile") -> Footer:
    """A file's footer; kept by path, size and time of change.

    Raises:
        QueryError: HIVE_BAD_DATA.
    """
    return _footer(file.path, file.size, Path(file.path).stat().st_mtime_ns, file.uri)


@lru_cache(maxsize=20_000)
def _footer(path: str, size: int, changed: int, uri: str) -> Footer:
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    del size, changed
    try:
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
    except (ArrowException, OSError) as error:
        raise QueryError(
            "HIVE_BAD_DATA", f"Not valid Parquet file: {uri}: {str(error).splitlines()[0]}"
        ) from error
    sizes: dict[str, int] = {}
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        for number in range(rows.num_columns):
            chunk = rows.column(number)
            root = chunk.path_in_schema.split(".")[0].lower()
            sizes[root] = sizes.get(root, 0) + chunk.total_compressed_size
    return Footer(schema, schema.remove_metadata().to_string(), sizes)


class ParquetReader:
    """Reads Parquet."""

    def bytes(self, files: "Sequence[DataFile]", needed: set[str]) -> int:
        return sum(footer(f).bytes.get(name, 0) for f in files for name in needed) if needed else 0

    def arms(
        self, files: "Sequence[DataFile]", table: "Table", columns: "Sequence[Column]"
    ) -> list[tuple[str, str]]:
        groups: dict[str, list[DataFile]] = {}
        for file in files:
            groups.setdefault(footer(file).key, []).append(file)
        found = []
        for group in groups.values():
            schema = footer(group[0]).schema
            body = ", ".join(f"{_column(schema, c, group[0])} AS {identifier(c.name)}" for c in columns)
            listed = ", ".join(quote(f.path) for f in group)
            found.append(
                (
                    body or "1 AS one",
                    f"read_parquet([{listed}], filename = true, hive_partitioning = false) AS f",
                )
            )
        del table
        return found


def _column(schema: Any, column: "Column", file: "DataFile") -> str:
    places = [i for i, name in enumerate(schema.names) if name.lower() == column.name]
    if not places:
        return f"CAST(NULL AS {duck(column.type)})"
    item = schema.field(places[0])
    text = convert(item.type, f"f.{identifier(item.name)}", column.type)
    if text is None:
        raise QueryError(
            "HIVE_BAD_DATA",
            f"Malformed Parquet file. Field {column.name}'s type {str(item.type).upper()} in parquet "
            f"file {file.uri} is "
            f"incompatible with type {column.type} defined in table schema",
        )
    return text


_WIDTH = {"int8": 1, "int16": 2, "int32": 3, "int64": 4, "uint8": 2, "uint16": 3, "uint32": 4}
_TARGET = {"tinyint": 1, "smallint": 2, "integer": 3, "bigint": 4}
_SAME = {
    "bool": "boolean", "date32[day]": "date", "float": "real", "double": "double", "time64[us]": "time",
}  # fmt: skip


def convert(arrow: Any, sql: str, kind: Type) -> str | None:
    """``sql`` of the file's type as the declared type, or None where Athena calls the file malformed."""
    import pyarrow as pa

    name = str(arrow)
    if _SAME.get(name) == kind.base:
        return sql
    if name in _WIDTH and kind.base in _TARGET:
        same = name.startswith("int") and _WIDTH[name] == _TARGET[kind.base]
        return sql if same else f"CAST({sql} AS {duck(kind)})" if _WIDTH[name] <= _TARGET[kind.base] else None
    if name == "float" and kind.base == "double":
        return f"CAST({sql} AS DOUBLE)"
    if pa.types.is_decimal(arrow) and kind.base == "decimal":
        same = (arrow.precision, arrow.scale) == kind.args
        return sql if same else f"CAST({sql} AS {duck(kind)})"
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow):
        return _text(sql, kind)
    if pa.types.is_binary(arrow) or pa.types.is_large_binary(arrow):
        return sql if kind.base == "varbinary" else f"decode({sql})" if kind.text else None
    if pa.types.is_timestamp(arrow) and kind.base == "timestamp with time zone" and arrow.tz:
        zoned = f"struct_pack(t := timezone('UTC', {sql}), z := 'UTC')"
        return f"CASE WHEN {sql} IS NULL THEN NULL ELSE {zoned} END"
    if pa.types.is_timestamp(arrow) and kind.base == "timestamp":
        local = f"timezone('UTC', {sql})" if arrow.tz else f"CAST({sql} AS TIMESTAMP)"
        if arrow.unit in ("s", "ms") or (arrow.unit == "us" and kind.args[0] == 6):
            return local
        return f"date_trunc('millisecond', {local} + INTERVAL 500 MICROSECOND)"
    return _nested(arrow, sql, kind)


def _text(sql: str, kind: Type) -> str | None:
    if kind.base == "varchar":
        return sql if kind.args[0] is None else f"substr({sql}, 1, {kind.args[0]})"
    if kind.base == "char":
        return f"rpad(substr({sql}, 1, {kind.args[0]}), {kind.args[0]}, ' ')"
    return f"encode({sql})" if kind.base == "varbinary" else None


def _nested(arrow: Any, sql: str, kind: Type) -> str | None:
    import pyarrow as pa

    if (pa.types.is_list(arrow) or pa.types.is_large_list(arrow)) and kind.base == "array":
        name = _fresh(sql)
        inner = convert(arrow.value_type, name, kind.args[0])
        if inner is None or inner == name:
            return inner and sql
        return f"list_transform({sql}, lambda {name}: {inner})"
    if pa.types.is_map(arrow) and kind.base == "map":
        name = _fresh(sql)
        key, value = convert(arrow.key_type, name, kind.args[0]), convert(arrow.item_type, name, kind.args[1])
        if key is None or value is None:
            return None
        if key == value == name:
            return sql
        return (
            f"CASE WHEN {sql} IS NULL THEN NULL ELSE map(list_transform(map_keys({sql}), lambda {name}: {key}), "
            f"list_transform(map_values({sql}), lambda {name}: {value})) END"
        )
    if pa.types.is_struct(arrow) and kind.base == "row":
        parts = []
        for i, (member, type_) in enumerate(kind.args, 1):
            places = [n for n in range(arrow.num_fields) if arrow.field(n).name.lower() == member]
            item = arrow.field(places[0]) if places else None
            text = (
                f"CAST(NULL AS {duck(type_)})"
                if item is None
                else convert(item.type, f"({sql}).{identifier(item.name)}", type_)
            )
            if text is None:
                return None
            parts.append(f"f{i} := {text}")
        return f"CASE WHEN {sql} IS NULL THEN NULL ELSE struct_pack({', '.join(parts)}) END"
    return None


def _fresh(sql: str) -> str:
    depth = 0
    while f"n{depth}" in sql:
        depth += 1
    return f"n{depth}"
