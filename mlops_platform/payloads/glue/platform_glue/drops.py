"""The CSV objects of a source's partitions as one DataFrame of text, malformed records included."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .csv_rows import Row, read_rows

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_BATCH = 10_000
_CHUNK = 1024 * 1024
# What read_drops adds to the columns asked for.
EXTRA_COLUMNS = "source_file string, row_number bigint, reason string, raw string, day string, records bigint"


class DropObject(NamedTuple):
    """One object of a partition, pinned by its ETag."""

    bucket: str
    key: str
    etag: str
    day: str


def list_drops(source_path: str, partitions: Sequence[str]) -> list[DropObject]:
    """The objects under `<source_path>day=<partition>/`, sorted by key within each partition.

    Names that start with `_` or `.` are none of a source's data, as everywhere in Hive.

    Raises:
        FileNotFoundError: a partition has no object.
    """
    import boto3

    bucket, _, prefix = source_path.removeprefix("s3://").partition("/")
    pages = boto3.client("s3").get_paginator("list_objects_v2")
    found: list[DropObject] = []
    for day in partitions:
        before = len(found)
        for page in pages.paginate(Bucket=bucket, Prefix=f"{prefix}day={day}/"):
            for item in page.get("Contents", []):
                if not item["Key"].rpartition("/")[2].startswith(("_", ".")) and not item["Key"].endswith(
                    "/"
                ):
                    found.append(DropObject(bucket, item["Key"], item["ETag"], day))
        if len(found) == before:
            raise FileNotFoundError(
                f"There is no object under s3://{bucket}/{prefix}day={day}/. "
                "Drop a CSV there, or leave the day out of --partitions."
            )
    return found


def read_drops(
    spark: "SparkSession", objects: Sequence[DropObject], columns: Sequence[str], tasks: int = 16
) -> "DataFrame":
    """All records of the objects, parsed in Spark's tasks: nothing passes through the driver.

    Each record is one row: the columns (text, NULL for empty), its source_file (s3:// URL), row_number and
    day. A malformed one has a reason and its raw text instead of values. The last row of each object only
    says how many records it had, in `records`; elsewhere that is NULL.
    """
    schema = ", ".join(f"`{column}` string" for column in columns) + ", " + EXTRA_COLUMNS
    wanted = list(columns)

    def parse(batches: Iterable["pa.RecordBatch"]) -> Iterator["pa.RecordBatch"]:
        for batch in batches:
            for item in batch.to_pylist():
                yield from _object_batches(DropObject(**item), wanted)

    listing = spark.createDataFrame(
        [tuple(item) for item in objects], "bucket string, key string, etag string, day string"
    )
    return listing.repartition(max(1, min(tasks, len(objects)))).mapInArrow(parse, schema)


def _object_batches(item: DropObject, columns: list[str]) -> Iterator["pa.RecordBatch"]:
    source = f"s3://{item.bucket}/{item.key}"
    buffer: list[Row] = []
    records = 0
    for row in read_rows(_chunks(item), columns):
        records += 1
        buffer.append(row)
        if len(buffer) >= _BATCH:
            yield _batch(buffer, columns, source, item.day, None)
            buffer = []
    if buffer:
        yield _batch(buffer, columns, source, item.day, None)
    yield _batch([Row(0, None)], columns, source, item.day, records)


def _chunks(item: DropObject) -> Iterator[bytes]:
    """The object's bytes, of the very version that was listed.

    Raises:
        botocore.exceptions.ClientError: PreconditionFailed, the object was replaced meanwhile; run the job
        again.
    """
    import boto3

    answer = boto3.client("s3").get_object(Bucket=item.bucket, Key=item.key, IfMatch=item.etag)
    yield from answer["Body"].iter_chunks(_CHUNK)


def _batch(
    rows: list[Row], columns: list[str], source: str, day: str, records: int | None
) -> "pa.RecordBatch":
    import pyarrow as pa

    empty = [None] * len(columns)
    values: list[Any] = list(zip(*(row.values or empty for row in rows), strict=True))
    arrays = [pa.array(column, pa.string()) for column in values]
    arrays += [
        pa.array([source] * len(rows), pa.string()),
        pa.array([row.row_number for row in rows], pa.int64()),
        pa.array([row.reason for row in rows], pa.string()),
        pa.array([row.raw for row in rows], pa.string()),
        pa.array([day] * len(rows), pa.string()),
        pa.array([records] * len(rows), pa.int64()),
    ]
    names = [*columns, "source_file", "row_number", "reason", "raw", "day", "records"]
    return pa.RecordBatch.from_arrays(arrays, names=names)
