"""Tables of the Glue Data Catalog in Spark: ``spark.table``, ``spark.read.table`` and ``spark.sql``.

The engine's own Glue provider lists a table's folder and ignores where its partitions lie, so tables are
resolved here: the catalog's schema, its registered partitions, each at its own location.
"""
# ruff: noqa: ARG005 (Spark's own signatures)

from collections.abc import Callable
from functools import cache
from typing import Any

from local_glue import folders, partitions, s3
from local_glue.run import UnsupportedError

Unseen = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
_current = {"database": "default"}


def install() -> None:
    """Patch the session's ways to name a table."""
    from pyspark.sql.connect.catalog import Catalog
    from pyspark.sql.connect.readwriter import DataFrameReader
    from pyspark.sql.connect.session import SparkSession

    native_table, native_sql = DataFrameReader.table, SparkSession.sql

    def table(self: Any, tableName: str) -> Any:
        found = lookup(self._client, tableName)
        return native_table(self, tableName) if found is None else read(self._client, found)

    def sql(self: Any, sqlQuery: str, args: Any = None, **_: Any) -> Any:
        from local_glue import statements

        return statements.run(self, sqlQuery, args, native_sql)

    DataFrameReader.table = table
    SparkSession.table = lambda self, tableName: self.read.table(tableName)
    SparkSession.sql = sql
    Catalog.tableExists = lambda self, tableName, dbName=None: _table_exists(self, tableName, dbName)
    Catalog.databaseExists = lambda self, dbName: database_exists(dbName)
    Catalog.currentDatabase = lambda self: _current["database"]
    Catalog.setCurrentDatabase = lambda self, dbName: use(dbName)


@cache
def glue() -> Any:
    """The job's Glue client."""
    import boto3

    return boto3.client("glue")


def current() -> str:
    """The current database."""
    return _current["database"]


def use(database: str) -> None:
    """``USE database``."""
    from pyspark.errors.exceptions.connect import AnalysisException

    if database != "default" and not database_exists(database):
        raise AnalysisException(f"[SCHEMA_NOT_FOUND] The schema `{database}` cannot be found.")
    _current["database"] = database


def database_exists(name: str) -> bool:
    """Whether the Data Catalog has the database."""
    try:
        glue().get_database(Name=name)
    except glue().exceptions.EntityNotFoundException:
        return False
    return True


def lookup(spark: Any, name: str) -> dict[str, Any] | None:
    """The catalog's table of that name, or ``None`` where the name is a temporary view's or no one's."""
    parts = [part.strip("`") for part in name.split(".")]
    if parts[0] in ("spark_catalog", "glue_catalog", "awsdatacatalog") and len(parts) == 3:
        parts = parts[1:]
    if len(parts) > 2:
        return None
    if len(parts) == 1 and is_view(spark, parts[0]):
        return None
    database, table = parts if len(parts) == 2 else (_current["database"], parts[0])
    try:
        return glue().get_table(DatabaseName=database, Name=table)["Table"]
    except glue().exceptions.EntityNotFoundException:
        return None


def view_name(table: dict[str, Any]) -> str:
    """The temporary view that stands for a table in SQL text."""
    return f"__glue_{table['DatabaseName']}_{table['Name']}"


def is_view(spark: Any, name: str) -> bool:
    """Whether a temporary view of that name exists."""
    return any(t.isTemporary and t.name.lower() == name.lower() for t in spark.catalog.listTables())


def _table_exists(catalog: Any, name: str, database: str | None) -> bool:
    spark = catalog._sparkSession
    full = f"{database}.{name}" if database else name
    return lookup(spark, full) is not None or ("." not in full and is_view(spark, full))


def read(
    spark: Any, table: dict[str, Any], expression: str | None = None, unseen: Unseen | None = None
) -> Any:
    """A table as a DataFrame.

    Args:
        spark: the session.
        table: Glue's ``Table`` shape.
        expression: a ``GetPartitions`` expression that limits which partitions are read.
        unseen: of a listing, the objects that a job's bookmark has not seen yet; all, if left out.
    """
    keys = table.get("PartitionKeys", [])
    source = _Source(spark, table)
    if not keys and unseen:
        return _new_files(source, [(table["StorageDescriptor"]["Location"], {})], unseen)
    if not keys:
        return source.frame(table["StorageDescriptor"]["Location"], {})
    given = {"Expression": expression} if expression else {}
    pages = (
        glue()
        .get_paginator("get_partitions")
        .paginate(
            DatabaseName=table["DatabaseName"], TableName=table["Name"], ExcludeColumnSchema=True, **given
        )
    )
    registered = [partition for page in pages for partition in page["Partitions"]]
    if unseen:
        return _new_files(source, partitions.places(table, registered), unseen)
    whole, alone = partitions.split(table, registered)
    frames = [source.root(root.path) for root in whole]
    frames += [source.frame(location, values) for location, values in alone]
    return partitions.union(frames) if frames else source.empty()


def _new_files(source: "_Source", places: list[tuple[str, dict[str, str]]], unseen: Unseen) -> Any:
    """The files under the places that are new, each with its partition's values."""
    listed = [(place, entry) for place in places for entry in s3.objects(place[0])]
    new = {entry["Key"] for entry in unseen([entry for _, entry in listed])}
    files: dict[str, tuple[list[str], dict[str, str]]] = {}
    for (location, values), entry in listed:
        if entry["Key"] in new:
            uri = f"s3://{s3.split(location)[0]}/{entry['Key']}"
            files.setdefault(location, ([], values))[0].append(uri)
    frames = [source.files(paths, values) for paths, values in files.values()]
    return partitions.union(frames) if frames else source.empty()


class _Source:
    """How the files of one table are read."""

    def __init__(self, spark: Any, table: dict[str, Any]) -> None:
        self._spark, self._table = spark, table
        self._name = f"{table['DatabaseName']}.{table['Name']}"
        if table.get("TableType") == "VIRTUAL_VIEW":
            raise UnsupportedError(f"{self._name} is an Athena view: Spark cannot read it, on AWS neither.")
        if table.get("Parameters", {}).get("table_type", "").upper() == "ICEBERG":
            raise UnsupportedError(
                f"{self._name} is an Iceberg table: not supported by the local Spark engine."
            )
        self._columns = table["StorageDescriptor"].get("Columns", [])
        self._schema = ", ".join(f"`{column['Name']}` {column['Type']}" for column in self._columns)
        self._format, self._options = self._reader(table)

    def _reader(self, table: dict[str, Any]) -> tuple[str, dict[str, str]]:
        storage = table["StorageDescriptor"]
        serde = storage.get("SerdeInfo", {})
        library = serde.get("SerializationLibrary", "")
        parameters = serde.get("Parameters", {})
        if "ParquetHiveSerDe" in library or table.get("Parameters", {}).get("classification") == "parquet":
            return "parquet", {}
        if "JsonSerDe" in library:
            return "json", {}
        if "LazySimpleSerDe" in library or "OpenCSVSerde" in library:
            skip = table.get("Parameters", {}).get("skip.header.line.count") or parameters.get(
                "skip.header.line.count"
            )
            separator = parameters.get("separatorChar") or parameters.get("field.delim") or "\x01"
            return "csv", {"header": "true" if skip == "1" else "false", "sep": separator}
        raise UnsupportedError(
            f"{self._name}: the SerDe {library or '(none)'} is not supported by the Spark engine."
        )

    def root(self, path: str) -> Any:
        """A folder with its partition folders."""
        from pyspark.sql.connect import functions as F

        keys = self._table["PartitionKeys"]
        columns = ", ".join(f"`{key['Name']}` string" for key in keys)
        frame = self._load(path, f"{self._schema}, {columns}" if self._schema else columns)
        for key in keys:
            text = F.col(f"`{key['Name']}`")
            value = F.when(text != folders.HIVE_NULL, text).cast(key.get("Type", "string"))
            frame = frame.withColumn(key["Name"], value)
        return frame

    def frame(self, location: str, values: dict[str, str]) -> Any:
        """One folder with its partition's values as columns."""
        if not values and s3.is_s3(location) and not s3.exists(location.rstrip("/") + "/"):
            return self.empty()
        return self._with_values(self._load(location, self._schema), values)

    def files(self, paths: list[str], values: dict[str, str]) -> Any:
        """Some files of one folder with its partition's values as columns."""
        return self._with_values(self._load(paths, self._schema), values)

    def _load(self, path: str | list[str], schema: str) -> Any:
        from local_glue import reads

        reader = self._spark.read.format(self._format).options(**self._options).schema(schema)
        return reads.as_given(reader, path)

    def empty(self) -> Any:
        """No rows, all columns."""
        frame = self._spark.createDataFrame([], self._schema)
        return self._with_values(frame, {key["Name"]: None for key in self._table.get("PartitionKeys", [])})

    def _with_values(self, frame: Any, values: dict[str, Any]) -> Any:
        from pyspark.sql.connect import functions as F

        types = {key["Name"]: key.get("Type", "string") for key in self._table.get("PartitionKeys", [])}
        for name, value in values.items():
            text = None if value == folders.HIVE_NULL or value is None else value
            # A filter that folds all but one side of a union away is an error of the engine: with a volatile
            # condition around it, the constant is not folded.
            column = F.when(F.rand() < 2, F.lit(text))
            frame = frame.withColumn(name, column.cast(types[name]))
        return frame


def file_format(table: dict[str, Any]) -> str:
    """``parquet``, ``json`` or ``csv``, by the table's SerDe."""
    return _Source(None, table)._format
