"""``DataFrame.write.saveAsTable`` and ``insertInto``."""

from typing import Any

from local_glue import tables
from local_glue.run import UnsupportedError

_OVERWRITE = "spark.sql.sources.partitionOverwriteMode"


def install() -> None:
    """Patch Spark Connect's writer."""
    from pyspark.sql.connect.readwriter import DataFrameWriter

    def save_as_table(
        self: Any,
        name: str,
        format: str | None = None,
        mode: str | None = None,
        partitionBy: Any = None,
        **options: Any,
    ) -> None:
        self.mode(mode).options(**options)
        if partitionBy is not None:
            self.partitionBy(partitionBy)
        if format is not None:
            self.format(format)
        _save_as_table(self, name)

    def insert_into(self: Any, tableName: str, overwrite: bool | None = None) -> None:
        _insert_into(self, tableName, overwrite)

    DataFrameWriter.saveAsTable = save_as_table
    DataFrameWriter.insertInto = insert_into


def _frame(writer: Any) -> Any:
    from pyspark.sql.connect.dataframe import DataFrame

    from local_glue.spark_context import session

    return DataFrame.withPlan(writer._write._child, session())


def _save_as_table(writer: Any, name: str) -> None:
    from pyspark.errors.exceptions.connect import AnalysisException

    write = writer._write
    mode = str(write.mode or "error").lower().replace("_", "")
    options = {key.lower(): value for key, value in write.options.items()}
    path = options.pop("path", None)
    for option in sorted(set(options) - {"compression", "partitionoverwritemode"}):
        raise UnsupportedError(f"The saveAsTable option {option} is not supported by the local Spark engine.")
    if write.num_buckets is not None and write.num_buckets > 0:
        raise UnsupportedError("bucketBy is not supported by the local Spark engine.")
    database, table = tables.names(name)
    found = tables.find(database, table)
    frame = _frame(writer)
    if found is not None and mode in ("error", "errorifexists", "default", "unspecified"):
        raise AnalysisException(
            f"[TABLE_OR_VIEW_ALREADY_EXISTS] Cannot create table or view `{database}`.`{table}` because it already "
            "exists. Choose a different name, drop or replace the existing object, or add the IF NOT EXISTS clause."
        )
    if found is not None and mode == "ignore":
        return
    if found is not None and mode == "append":
        tables.insert(by_name(frame, found), found)
        return
    keys = list(write.partitioning_cols)
    source = (write.source or "parquet").lower()
    replace(frame, f"{database}.{table}", keys, source, path, found)


def replace(
    frame: Any, name: str, keys: list[str], source: str, path: str | None, old: dict[str, Any] | None
) -> None:
    """Create a table with a frame's rows, in the place of an old one if there is one."""
    from pyspark.sql.connect import functions as F

    from local_glue import s3

    types = {field.name: field.dataType.simpleString() for field in frame.schema.fields}
    missing = [key for key in keys if key.lower() not in {n.lower() for n in types}]
    if missing:
        from pyspark.errors.exceptions.connect import AnalysisException

        raise AnalysisException(f"[COLUMN_NOT_FOUND] Partition column {missing[0]} is no column of the data.")
    database, table_name = tables.names(name)
    if old is not None and path is None and old.get("TableType") == "EXTERNAL_TABLE":
        path = old["StorageDescriptor"]["Location"]
    location = path or tables.default_location(database, table_name)
    lowered = [key.lower() for key in keys]
    order = sorted(types, key=lambda column: column.lower() in lowered)  # keys last, in their own order
    order = [*order[: len(order) - len(keys)], *keys]
    frame = frame.select(*[F.col(f"`{column}`").alias(column.lower()) for column in order])
    if source not in tables.STORAGE:
        raise UnsupportedError(f"Tables of the format {source} are not supported by the local Spark engine.")
    if old is not None:
        tables.refuse_overwriting_source(frame, old)
    body = tables.definition(table_name, list(types.items()), keys, source, path, location)
    name_of = {"DatabaseName": database}
    with tables.Written(frame, location, source, lowered) as written:
        calls: list[tuple[str, dict[str, Any]]] = [("create_table", {**name_of, "TableInput": body})]
        if old is not None:
            calls.insert(0, ("delete_table", {**name_of, "Name": old["Name"]}))
        calls += written.partition_calls({**body, **name_of}, {}, None, {})
        written.commit(calls, written.replaced("static" if old is not None else None, {}))
    if old is not None and old["StorageDescriptor"]["Location"].rstrip("/") != location.rstrip("/"):
        managed = old.get("TableType") == "MANAGED_TABLE"
        where = old["StorageDescriptor"]["Location"]
        if managed and s3.is_s3(where):  # no longer any table's
            s3.delete(s3.split(where)[0], [entry["Key"] for entry in s3.objects(where)])


def by_name(frame: Any, table: dict[str, Any]) -> Any:
    """The frame's columns in the table's order.

    Raises:
        AnalysisException: the columns are not the table's.
    """
    from pyspark.errors.exceptions.connect import AnalysisException

    own = {column.lower(): column for column in frame.columns}
    wanted = [column for column, _ in tables.columns_of(table)]
    if sorted(own) != sorted(wanted):
        raise AnalysisException(
            f"The column number of the existing table {tables.full_name(table)} or its names ({', '.join(wanted)}) do "
            f"not match the data schema ({', '.join(frame.columns)})."
        )
    return frame.select(*[f"`{own[column]}`" for column in wanted])


def _insert_into(writer: Any, name: str, overwrite: bool | None) -> None:
    from pyspark.errors.exceptions.connect import AnalysisException

    write = writer._write
    if write.partitioning_cols:
        raise AnalysisException(
            "insertInto() can't be used together with partitionBy(). Partition columns have already been defined "
            "for the table. It is not necessary to use partitionBy()."
        )
    database, table = tables.names(name)
    found = tables.find(database, table)
    if found is None:
        raise AnalysisException(
            f"[TABLE_OR_VIEW_NOT_FOUND] The table or view `{database}`.`{table}` cannot be found."
        )
    replaces = str(write.mode or "").lower() == "overwrite" if overwrite is None else overwrite
    options = {key.lower(): value for key, value in write.options.items()}
    tables.insert(
        _frame(writer),
        found,
        mode_of(writer._spark, found, options.get("partitionoverwritemode")) if replaces else None,
    )


def mode_of(spark: Any, table: dict[str, Any], given: str | None = None) -> str:
    """How a table is overwritten: ``dynamic`` where Spark replaces only the partitions that new rows lie in."""
    if not table.get("PartitionKeys"):
        return "static"
    if "spark.sql.sources.provider" not in table.get("Parameters", {}):
        return "dynamic"  # a Hive table: only partitions that get rows are replaced
    return (given or spark.conf.get(_OVERWRITE, "static") or "static").lower()
