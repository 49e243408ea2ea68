"""What CTAS, INSERT and UNLOAD write: format, compression, partition keys, and the table that describes it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_cloud.athena.ddl.create import FORMATS
from local_cloud.athena.ddl.tokens import Reader
from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.trino.typed import identifier, quote
from local_cloud.athena.trino.types import Type, duck, hive_name

Shape = dict[str, Any]


@dataclass
class Target:
    """What is written: ``columns`` (name, type) in order, the last ``keys`` of them partition keys."""

    columns: list[tuple[str, Type]]
    keys: list[str]
    format: str
    compression: str
    delimiter: str = "\x01"


_PARQUET_CODECS = {
    "GZIP": "gzip",
    "SNAPPY": "snappy",
    "ZSTD": "zstd",
    "NONE": "uncompressed",
    "UNCOMPRESSED": "uncompressed",
}
_TEXT_CODECS = {"GZIP": ("gzip", ".gz"), "ZSTD": ("zstd", ".zst"), "NONE": ("none", "")}
ORC_CODECS = {"ZLIB": "zlib", "SNAPPY": "snappy", "ZSTD": "zstd", "LZ4": "lz4", "NONE": "uncompressed"}
_CODECS: dict[str, Any] = {
    "PARQUET": _PARQUET_CODECS, "TEXTFILE": _TEXT_CODECS, "JSON": _TEXT_CODECS, "ORC": ORC_CODECS,
}  # fmt: skip


def writable() -> dict[str, list[str]]:
    """The formats that are written, and their compressions."""
    return {name: list(codecs) for name, codecs in _CODECS.items()}


def options(reader: Reader) -> dict[str, Any]:
    """``(format = 'PARQUET', partitioned_by = ARRAY['a', 'b'])``."""
    found: dict[str, Any] = {}
    reader.need("(")
    while True:
        name = reader.name()
        reader.need("=")
        if reader.words("ARRAY"):
            reader.need("[")
            items = [reader.string()]
            while reader.symbol(","):
                items.append(reader.string())
            reader.need("]")
            found[name] = [i.lower() for i in items]
        elif reader.peek().kind == "string":
            found[name] = reader.string()
        else:
            found[name] = reader.next().text.lower()
        if not reader.symbol(","):
            break
    reader.need(")")
    return found


def target_of(options: dict[str, Any], columns: list[tuple[str, Type]]) -> Target:
    # What tables of Athena are unless they say otherwise.
    as_hive = {"table_type": "hive", "is_external": "true"}
    for name in ("bucketed_by", "bucket_count", "table_type", "is_external"):
        if name in options and str(options[name]).lower() != as_hive.get(name):
            raise unsupported(f"Table property {name} = {options[name]}")
    format_ = str(options.get("format", "PARQUET")).upper()
    if format_ not in _CODECS:
        raise unsupported(f"Writing {format_}")
    codec = str(
        options.get("write_compression")
        or options.get(f"{format_.lower()}_compression")
        or options.get("compression")
        or ("ZLIB" if format_ == "ORC" else "GZIP")
    ).upper()
    if codec not in _CODECS[format_]:
        raise unsupported(f"Compression {codec} of {format_}")
    known = {
        "format", "write_compression", "parquet_compression", "orc_compression", "compression", "compression_level",
        "partitioned_by", "external_location", "field_delimiter", "table_type", "is_external",
    }  # fmt: skip
    if set(options) - known or "compression_level" in options:
        raise unsupported(
            f"Table property {min((set(options) - known) | ({'compression_level'} & set(options)))}"
        )
    keys = list(options.get("partitioned_by") or [])
    names = [n for n, _ in columns]
    if keys and names[-len(keys) :] != keys:
        raise syntax(
            f"Partition keys must be the last columns in the table and in the same order as the table "
            f"properties: {keys}"
        )
    if keys and len(keys) == len(names):
        raise QueryError("INVALID_TABLE_PROPERTY", "Table contains only partition columns")
    return Target(columns, keys, format_, codec, str(options.get("field_delimiter", "\x01")))


def check_storable(columns: list[tuple[str, Type]]) -> None:
    for name, kind in columns:
        if re.search(r"with time zone|interval|json|time\(|unknown", str(kind).replace("timestamp(", "")):
            raise QueryError("NOT_SUPPORTED", f"Unsupported Hive type: {kind} (column {name}); cast it")


def file_value(sql: str, kind: Type) -> str:
    """A value whose rows have their members' names again, as files carry them."""
    if "row(" not in str(kind):
        return sql
    # The cast types members that are NULL constants, which DuckDB forgets the type of.
    return f"CAST({_named(sql, kind)} AS {_file_type(kind)})"


def _file_type(kind: Type) -> str:
    if kind.base == "row":
        members = (f"{identifier(n or f'field{i}')} {_file_type(t)}" for i, (n, t) in enumerate(kind.args))
        return f"STRUCT({', '.join(members)})"
    if kind.base == "array":
        return _file_type(kind.args[0]) + "[]"
    if kind.base == "map":
        return f"MAP({_file_type(kind.args[0])}, {_file_type(kind.args[1])})"
    return duck(kind)


def _named(sql: str, kind: Type, depth: int = 0) -> str:
    if kind.base == "row":
        parts = ", ".join(
            f"{identifier(n or f'field{i - 1}')} := {_named(f'({sql}).f{i}', t, depth)}"
            for i, (n, t) in enumerate(kind.args, 1)
        )
        return f"CASE WHEN {sql} IS NULL THEN NULL ELSE struct_pack({parts}) END"
    if kind.base == "array" and "row(" in str(kind):
        return f"list_transform({sql}, lambda w{depth}: {_named(f'w{depth}', kind.args[0], depth + 1)})"
    if kind.base == "map" and "row(" in str(kind):
        key = _named(f"w{depth}.key", kind.args[0], depth + 1)
        value = _named(f"w{depth}.value", kind.args[1], depth + 1)
        pairs = f"list_transform(map_entries({sql}), lambda w{depth}: struct_pack(key := {key}, value := {value}))"
        return f"CASE WHEN {sql} IS NULL THEN NULL ELSE map_from_entries({pairs}) END"
    return sql


def copy_options(target: Target) -> tuple[str, str]:
    if target.format == "PARQUET":
        return f"FORMAT parquet, COMPRESSION {_PARQUET_CODECS[target.compression]}", ".parquet"
    if target.format == "ORC":  # converted by orc_of afterwards
        return "FORMAT parquet, COMPRESSION uncompressed", ".parquet"
    codec, suffix = _TEXT_CODECS[target.compression]
    if target.format == "JSON":
        return f"FORMAT json, COMPRESSION {codec}", ".json" + suffix
    return (
        f"FORMAT csv, HEADER false, DELIMITER {quote(target.delimiter)}, QUOTE '', ESCAPE '', NULLSTR "
        f"'\\N', COMPRESSION {codec}",
        ".txt" + suffix,
    )


def orc_of(path: Path, target: Target) -> Path:
    """A Parquet file rewritten as ORC, in its place."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import orc

    made = path.with_suffix(".orc")
    with orc.ORCWriter(made, compression=ORC_CODECS[target.compression]) as writer:
        source = pq.ParquetFile(path)
        schema = source.schema_arrow.remove_metadata()
        empty = True
        for batch in source.iter_batches():
            writer.write(pa.Table.from_batches([batch]).cast(schema))
            empty = False
        if empty:
            writer.write(schema.empty_table())
    path.unlink()
    return made


def table_input(name: str, place: str, target: Target) -> Shape:
    listed = [{"Name": n, "Type": hive_name(t)} for n, t in target.columns]
    input_, output, serde = FORMATS[target.format]
    parameters = {"serialization.format": "1"}
    if target.format == "TEXTFILE":
        parameters = {"field.delim": target.delimiter, "serialization.format": target.delimiter}
    return {
        "Name": name, "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [c for c in listed if c["Name"] in target.keys],
        "Parameters": {"EXTERNAL": "TRUE", "has_encrypted_data": "false", "classification": target.format.lower()},
        "StorageDescriptor": {
            "Columns": [c for c in listed if c["Name"] not in target.keys], "Location": place, "InputFormat": input_,
            "OutputFormat": output, "Compressed": False, "NumberOfBuckets": 0,
            "SerdeInfo": {"SerializationLibrary": serde, "Parameters": parameters},
        },
    }  # fmt: skip
