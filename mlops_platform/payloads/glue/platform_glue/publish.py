"""Whole partitions into a Hive-partitioned Parquet table: new files first, catalog second.

A run writes its files under a folder of its own, `<lake>/<database>/<table>/run=<id>/<column>=<value>/`, and
then points the catalog's partitions there. A reader follows the catalog, so it sees a partition before or
after, never between.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from .schema import PublishError, merged_columns

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = ["PublishError", "TableWriter"]

_BATCH = 100  # Glue's limit of partitions a call
_KEEP = timedelta(days=1)  # a folder younger than this may belong to a run that has yet to publish it
_PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}


class TableWriter:
    """One run's writing of one table.

    Args:
        lake_path: `s3://bucket` or `s3://bucket/prefix`.
        run_id: names the run's folder; a Glue job's JOB_RUN_ID.
        partition_column: the one partition column; its type in the catalog is string.
    """

    def __init__(
        self, *, lake_path: str, database: str, table: str, run_id: str, partition_column: str = "day"
    ) -> None:
        import boto3

        self._glue: Any = boto3.client("glue")
        self._s3: Any = boto3.client("s3")
        self.database, self.table, self.partition_column = database, table, partition_column
        self.table_path = f"{lake_path.rstrip('/')}/{database}/{table}"
        self.run_path = f"{self.table_path}/run={run_id}"
        self.staging_path = f"{self.table_path}/_staging/run={run_id}"

    def write(self, frame: "DataFrame") -> None:
        """The frame's rows as Parquet into the run's folder. Nobody reads it before `publish`."""
        frame.write.mode("overwrite").partitionBy(self.partition_column).parquet(self.run_path)

    def publish(self, frame: "DataFrame", rows: Mapping[str, int]) -> None:
        """Points the catalog at the run's folder.

        Args:
            frame: what was written; the table takes its columns.
            rows: rows by partition value; a partition with none becomes empty.

        Raises:
            PublishError: the table's columns cannot hold the frame's, or the catalog refuses a partition.
        """
        columns = [
            {"Name": name, "Type": kind} for name, kind in frame.dtypes if name != self.partition_column
        ]
        columns = self._ensure_table(columns)
        inputs = [self._partition(value, columns, rows[value]) for value in sorted(rows)]
        for batch in _batches(inputs):
            self._put_partitions(batch)

    def _ensure_table(self, columns: list[dict[str, str]]) -> list[dict[str, str]]:
        """Creates the table, or widens its columns where that is compatible; the table's columns."""
        try:
            table = self._glue.get_table(DatabaseName=self.database, Name=self.table)["Table"]
        except self._glue.exceptions.EntityNotFoundException:
            try:
                self._glue.create_table(DatabaseName=self.database, TableInput=self._table_input(columns))
                return columns
            except self._glue.exceptions.AlreadyExistsException:
                table = self._glue.get_table(DatabaseName=self.database, Name=self.table)["Table"]
        found = table["StorageDescriptor"]["Columns"]
        merged = merged_columns(f"{self.database}.{self.table}", found, columns)
        if merged != found:
            changed = {**self._table_input(merged), "Parameters": table.get("Parameters", {})}
            self._glue.update_table(DatabaseName=self.database, TableInput=changed)
        return merged

    def _table_input(self, columns: list[dict[str, str]]) -> dict[str, Any]:
        return {
            "Name": self.table,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"classification": "parquet", "EXTERNAL": "TRUE"},
            "PartitionKeys": [{"Name": self.partition_column, "Type": "string"}],
            "StorageDescriptor": {"Columns": columns, "Location": f"{self.table_path}/", **_PARQUET},
        }

    def _partition(self, value: str, columns: list[dict[str, str]], rows: int) -> dict[str, Any]:
        location = f"{self.run_path}/{self.partition_column}={value}/"
        return {
            "Values": [value],
            "Parameters": {"classification": "parquet", "numRows": str(rows)},
            "StorageDescriptor": {"Columns": columns, "Location": location, **_PARQUET},
        }

    def _put_partitions(self, inputs: Sequence[dict[str, Any]]) -> None:
        where = {"DatabaseName": self.database, "TableName": self.table}
        answer = self._glue.batch_create_partition(**where, PartitionInputList=inputs)
        errors = answer.get("Errors", [])
        refused = [e for e in errors if e["ErrorDetail"]["ErrorCode"] != "AlreadyExistsException"]
        there = {tuple(error["PartitionValues"]) for error in errors}
        if there and not refused:
            entries = [
                {"PartitionValueList": item["Values"], "PartitionInput": item}
                for item in inputs
                if tuple(item["Values"]) in there
            ]
            refused = self._glue.batch_update_partition(**where, Entries=entries).get("Errors", [])
        if refused:
            raise PublishError(
                f"The catalog refused partitions of {self.database}.{self.table}: {refused[:3]}. "
                "The files are written, the catalog still points at the earlier ones; run the job again."
            )

    def remove_staging(self) -> None:
        """Deletes what the run kept under `staging_path`."""
        self._delete(key for key, _ in self._objects(self.staging_path + "/"))

    def remove_stale(self, now: datetime | None = None) -> int:
        """Deletes partition folders of earlier runs that the catalog left and that are older than a day.

        Returns:
            number of objects deleted.
        """
        oldest = (now or datetime.now(UTC)) - _KEEP
        live = {location.rstrip("/") + "/" for location in self._locations()}
        bucket = self._bucket
        deleted = 0
        folders = [*self._folders(f"{self.table_path}/"), *self._folders(f"{self.table_path}/_staging/")]
        for run in (folder for folder in folders if "/run=" in folder):
            objects = list(self._objects(run))
            stale = [
                key
                for key, modified in objects
                if modified < oldest and not any(f"s3://{bucket}/{key}".startswith(place) for place in live)
            ]
            young = any(modified >= oldest for _, modified in objects)
            if not young:
                self._delete(stale)
                deleted += len(stale)
        return deleted

    @property
    def _bucket(self) -> str:
        return self.table_path.removeprefix("s3://").partition("/")[0]

    def _locations(self) -> Iterator[str]:
        pages = self._glue.get_paginator("get_partitions").paginate(
            DatabaseName=self.database, TableName=self.table, ExcludeColumnSchema=True
        )
        for page in pages:
            for partition in page["Partitions"]:
                yield partition["StorageDescriptor"]["Location"]

    def _folders(self, path: str) -> Iterator[str]:
        bucket, _, prefix = path.removeprefix("s3://").partition("/")
        pages = self._s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
            for folder in page.get("CommonPrefixes", []):
                yield f"s3://{bucket}/{folder['Prefix']}"

    def _objects(self, path: str) -> Iterator[tuple[str, datetime]]:
        bucket, _, prefix = path.removeprefix("s3://").partition("/")
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                yield item["Key"], item["LastModified"]

    def _delete(self, keys: Iterable[str]) -> None:
        for batch in _batches(list(keys), 1000):
            self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in batch]})


def _batches(items: Sequence[Any], size: int = _BATCH) -> Iterator[Sequence[Any]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
