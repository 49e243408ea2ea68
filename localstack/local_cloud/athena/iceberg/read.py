"""The files of an Iceberg snapshot, ready for the Parquet reader."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_cloud.athena.iceberg import metadata
from local_cloud.athena.iceberg.tables import Source, errors

if TYPE_CHECKING:
    from local_cloud.athena.catalog import Table
    from local_cloud.athena.scans import DataFile

FIELD_ID = b"PARQUET:field_id"


def files(
    table: "Table", wanted: Sequence[str], expressions: Sequence[str], objects: Any, folder: Path
) -> "list[DataFile]":
    """The files of the table's snapshot that may hold rows for which every expression is true.

    A data file that carries the current schema's fields under their names and that no delete file touches is read
    where it lies; every other one is read by PyIceberg into a Parquet file below ``folder`` first, which applies
    deletes, renames, promotions and defaults.

    Args:
        table: an Iceberg table.
        wanted: the columns to read.
        expressions: conjuncts in the grammar of Glue's partition expressions, here over any column.
        objects: the object store.
        folder: takes what has to be rewritten; gone with the query.

    Raises:
        QueryError: ICEBERG_INVALID_METADATA.
    """
    from local_cloud.athena.scans import DataFile, split_uri

    source: Source = table.source
    if source.part:
        return [_materialised(metadata.rows(source.table, source.part), folder, table.location)]
    if source.snapshot is None:
        return []
    fields = [f for f in source.schema.fields if f.name.lower() in wanted]
    found: list[DataFile] = []
    with errors(f"{table.database}.{table.name}"):
        for task in _scan(source, expressions).plan_files():
            uri = str(task.file.file_path)
            path = str(objects.local_path(*split_uri(uri)))
            direct = DataFile(path, uri, int(task.file.file_size_in_bytes), 0)
            extra = sum(int(d.file_size_in_bytes) for d in task.delete_files)
            if not task.delete_files and _plain(direct, task, source, fields):
                found.append(direct)
            else:
                found.append(_decoded(source, task, fields, folder, direct.size + extra))
    return found


def _scan(source: Source, expressions: Sequence[str]) -> Any:
    """The scan that leaves out files by partition transforms and by statistics.

    An expression prunes nothing where PyIceberg would read it otherwise than the query does: by its own grammar,
    by the current schema's names when the query sees an older one, or by bounds written as another type.
    """
    from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression
    from pyiceberg.expressions.parser import parse
    from pyiceberg.expressions.visitors import bind, extract_field_ids
    from pyparsing import ParseException

    current = source.table.schema()
    kept: BooleanExpression = AlwaysTrue()
    for text in expressions if source.schema.schema_id == current.schema_id else ():
        if not text.isprintable():  # the parser turns tabs into spaces
            continue
        try:
            condition = parse(text)
        except ParseException:
            continue
        bound = bind(current, condition, case_sensitive=False)
        if all(_always_same_type(source, id_) for id_ in extract_field_ids(bound)):
            kept = And(kept, condition)
    return source.table.scan(kept, case_sensitive=False, snapshot_id=source.snapshot)


def _always_same_type(source: Source, field_id: int) -> bool:
    schemas = source.table.schemas().values()
    return len({str(s.find_type(field_id)) for s in schemas if s.find_column_name(field_id)}) == 1


def _plain(file: "DataFile", task: Any, source: Source, fields: list[Any]) -> bool:
    """Whether reading the file by name gives what reading it by field id gives."""
    from pyiceberg.manifest import FileFormat

    from local_cloud.athena.readers.parquet import footer

    if task.file.file_format != FileFormat.PARQUET:
        return False
    from_partition = {f.source_id for f in source.table.specs()[task.file.spec_id].fields}
    return all(_same(field, footer(file).schema, from_partition) for field in fields)


def _same(field: Any, arrow: Any, from_partition: set[int]) -> bool:
    """Whether ``field`` lies in the Arrow schema or struct under its own name and id, its members too."""
    by_id = {int((f.metadata or {}).get(FIELD_ID, b"-1")): f for f in arrow}
    named = [f for f in arrow if f.name.lower() == field.name.lower()]
    item = by_id.get(field.field_id)
    if item is None:
        # Not in the file: NULL, unless another field has its name, it has a default or the partition knows its value.
        missing = not named and field.initial_default is None and field.field_id not in from_partition
        return missing and -1 not in by_id
    if [f.name for f in named] != [item.name]:
        return False
    return _same_inside(field.field_type, item.type)


def _same_inside(kind: Any, arrow: Any) -> bool:
    import pyarrow as pa
    from pyiceberg.types import ListType, MapType, StructType

    if isinstance(kind, StructType):
        return pa.types.is_struct(arrow) and all(_same(f, list(arrow), set()) for f in kind.fields)
    if isinstance(kind, ListType):
        return pa.types.is_list(arrow) and _same_inside(kind.element_type, arrow.value_type)
    if isinstance(kind, MapType):
        return pa.types.is_map(arrow) and (
            _same_inside(kind.key_type, arrow.key_type) and _same_inside(kind.value_type, arrow.item_type)
        )
    return True


def _decoded(source: Source, task: Any, fields: list[Any], folder: Path, size: int) -> "DataFile":
    import pyarrow.parquet as pq
    from pyiceberg.expressions import AlwaysTrue
    from pyiceberg.io.pyarrow import ArrowScan
    from pyiceberg.schema import Schema

    from local_cloud.athena.scans import DataFile

    schema = Schema(*(fields or source.schema.fields[:1]))
    scan = ArrowScan(source.table.metadata, source.table.io, schema, AlwaysTrue())
    path = _fresh(folder)
    writer = None
    for batch in scan.to_record_batches([task]):
        writer = writer or pq.ParquetWriter(path, batch.schema, compression="NONE")
        writer.write_batch(batch)
    if writer is None:  # every row is deleted
        writer = pq.ParquetWriter(path, schema.as_arrow(), compression="NONE")
    writer.close()
    return DataFile(str(path), str(task.file.file_path), size, 0)


def _materialised(rows: Any, folder: Path, uri: str) -> "DataFile":
    import pyarrow.parquet as pq

    from local_cloud.athena.scans import DataFile

    path = _fresh(folder)
    pq.write_table(rows, path)
    return DataFile(str(path), uri, path.stat().st_size, 0)


def _fresh(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{uuid.uuid4().hex}.parquet"
