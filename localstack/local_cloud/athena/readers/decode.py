"""Files DuckDB does not read itself, decoded beside what the query spills.

ORC and Avro become Parquet; text under Hadoop's codecs becomes plain text.
"""

import bz2
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from local_cloud.athena.errors import QueryError, unsupported
from local_cloud.athena.trino.types import Type

if TYPE_CHECKING:
    from local_cloud.athena.catalog import Table
    from local_cloud.athena.scans import DataFile

CHUNK = 1 << 20
BATCH = 10_000


def suffix(uri: str) -> str:
    """The extension, by which Athena tells a text file's compression."""
    return PurePosixPath(uri).suffix.lower()


def decoded(table: "Table", wanted: set[str], file: "DataFile", folder: Path) -> "DataFile":
    """``file`` in a form DuckDB reads; its address and size stay those of the object.

    Raises:
        QueryError: HIVE_BAD_DATA for a damaged file, NOT_SUPPORTED.
    """
    if table.format in ("orc", "avro"):
        path = _fresh(folder, ".parquet")
        write = _orc if table.format == "orc" else _avro
        write(table, wanted, file, path)
        return replace(file, path=str(path))
    unpack = CODECS.get(suffix(file.uri)) if table.format in ("lazy", "opencsv", "json") else None
    if unpack is None:
        return file
    path = _fresh(folder, ".txt")
    with Path(file.path).open("rb") as source, path.open("wb") as out:
        try:
            for piece in unpack(source):
                out.write(piece)
        except (OSError, ValueError, EOFError, zlib.error) as error:
            raise _bad(file, suffix(file.uri)[1:], error) from error
    return replace(file, path=str(path))


def _fresh(folder: Path, end: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / (uuid.uuid4().hex + end)


def _bad(file: "DataFile", kind: str, error: Exception) -> QueryError:
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return QueryError("HIVE_BAD_DATA", f"Not a valid {kind} file: {file.uri}: {text}")


# -- ORC and Avro ------------------------------------------------------------------------------------------------


def _orc(table: "Table", wanted: set[str], file: "DataFile", path: Path) -> None:
    """Columns by place, as Athena reads ORC, unless ``orc.column.index.access`` is false.

    https://docs.aws.amazon.com/athena/latest/ug/handling-schema-updates-chapter.html
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import orc

    try:
        source = orc.ORCFile(file.path)
        names = list(source.schema.names)
        if table.properties.get("orc.column.index.access", "true").lower() == "false":
            chosen = [(i, n.lower()) for i, n in enumerate(names) if n.lower() in wanted]
        else:
            declared = [c.name for c in table.columns]
            chosen = [(i, n) for i, n in enumerate(declared[: len(names)]) if n in wanted]
        if not chosen:  # the rows still count
            chosen = [(0, "one")]
        schema = pa.schema([pa.field(name, source.schema.field(i).type) for i, name in chosen])
        with pq.ParquetWriter(path, schema, compression="NONE") as writer:
            for stripe in range(source.nstripes):
                batch = source.read_stripe(stripe, columns=[names[i] for i, _ in chosen])
                arrays = [batch.column(batch.schema.get_field_index(names[i])) for i, _ in chosen]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    except (pa.ArrowException, OSError) as error:
        raise _bad(file, "ORC", error) from error


def _avro(table: "Table", wanted: set[str], file: "DataFile", path: Path) -> None:
    """Columns by name whatever their case, as the declared types."""
    import fastavro
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [c for c in table.columns if c.name in wanted]
    schema = pa.schema(
        [pa.field(c.name, arrow_type(c.type)) for c in columns] or [pa.field("one", pa.int8())]
    )
    try:
        with Path(file.path).open("rb") as source, pq.ParquetWriter(path, schema) as writer:
            rows: list[Any] = []
            for record in fastavro.reader(source):
                rows.append(_lowered(record))
                if len(rows) == BATCH:
                    writer.write_table(pa.Table.from_pylist(rows, schema))
                    rows = []
            writer.write_table(pa.Table.from_pylist(rows, schema))
    except (pa.ArrowException, OSError, ValueError, EOFError, TypeError, StopIteration) as error:
        raise _bad(file, "Avro", error) from error


def _lowered(value: Any) -> Any:
    if isinstance(value, dict):
        return {k.lower(): _lowered(v) for k, v in value.items()}
    return [_lowered(v) for v in value] if isinstance(value, list) else value


_ARROW = {
    "boolean": "bool_", "tinyint": "int8", "smallint": "int16", "integer": "int32", "bigint": "int64",
    "real": "float32", "double": "float64", "date": "date32", "varchar": "string", "char": "string",
    "varbinary": "binary",
}  # fmt: skip


def arrow_type(kind: Type) -> Any:
    """The Arrow type of values of ``kind`` in a file.

    Raises:
        QueryError: NOT_SUPPORTED.
    """
    import pyarrow as pa

    if kind.base in _ARROW:
        return getattr(pa, _ARROW[kind.base])()
    if kind.base == "decimal":
        return pa.decimal128(*kind.args)
    if kind.base == "timestamp":
        return pa.timestamp("us")
    if kind.base == "array":
        return pa.list_(arrow_type(kind.args[0]))
    if kind.base == "row":
        return pa.struct([pa.field(n or f"field{i}", arrow_type(t)) for i, (n, t) in enumerate(kind.args)])
    raise unsupported(f"Type {kind} in Avro files")


# -- codecs ------------------------------------------------------------------------------------------------------


def _stream(make: Callable[[], Any]) -> Callable[[IO[bytes]], Iterator[bytes]]:
    """A codec of one or more members end to end, such as bzip2's."""

    def unpack(source: IO[bytes]) -> Iterator[bytes]:
        unpacker, rest = make(), b""
        while data := rest or source.read(CHUNK):
            rest = b""
            if unpacker.eof:
                unpacker = make()
            yield unpacker.decompress(data)
            if unpacker.eof:
                rest = unpacker.unused_data
        if not unpacker.eof:
            raise EOFError("the file ends in the middle of a compressed block")

    return unpack


def _blocks(unpack_block: Callable[[bytes, int], bytes]) -> Callable[[IO[bytes]], Iterator[bytes]]:
    """Hadoop's BlockCompressorStream: blocks of (length unpacked, then chunks of length and bytes), big-endian."""

    def unpack(source: IO[bytes]) -> Iterator[bytes]:
        while head := source.read(4):
            left = int.from_bytes(head, "big")
            while left > 0:
                size = int.from_bytes(_exactly(source, 4), "big")
                piece = unpack_block(_exactly(source, size), left)
                left -= len(piece)
                yield piece
                if not piece:
                    raise ValueError("an empty chunk in a block")

    return unpack


def _exactly(source: IO[bytes], size: int) -> bytes:
    data = source.read(size)
    if len(data) != size:
        raise EOFError("the file ends in the middle of a compressed block")
    return data


def _snappy(data: bytes, _: int) -> bytes:
    import cramjam

    try:
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError as error:
        raise ValueError(str(error)) from error


def _lz4(data: bytes, left: int) -> bytes:
    import cramjam

    try:
        return bytes(cramjam.lz4.decompress_block(data, output_len=left))
    except cramjam.DecompressionError as error:
        raise ValueError(str(error)) from error


CODECS: dict[str, Callable[[IO[bytes]], Iterator[bytes]]] = {
    ".bz2": _stream(bz2.BZ2Decompressor),
    ".deflate": _stream(zlib.decompressobj),
    ".snappy": _blocks(_snappy),
    ".lz4": _blocks(_lz4),
}
