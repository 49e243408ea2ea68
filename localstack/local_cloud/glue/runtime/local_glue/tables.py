"""Writing tables of the Data Catalog: ``saveAsTable``, ``insertInto``, ``INSERT`` and ``CREATE TABLE``.

New files are staged; then one commit puts them in place, changes the catalog and deletes old files (``commits``).
"""

from typing import Any

from local_glue import catalog, commits, folders, s3, store
from local_glue.run import UnsupportedError

_HIVE = "org.apache.hadoop.hive.ql.io"
STORAGE = {
    "parquet": (
        f"{_HIVE}.parquet.MapredParquetInputFormat",
        f"{_HIVE}.parquet.MapredParquetOutputFormat",
        f"{_HIVE}.parquet.serde.ParquetHiveSerDe",
    ),
    "json": (
        "org.apache.hadoop.mapred.TextInputFormat",
        f"{_HIVE}.HiveIgnoreKeyTextOutputFormat",
        "org.openx.data.jsonserde.JsonSerDe",
    ),
}


def storage(source: str, columns: list[dict[str, str]], location: str) -> dict[str, Any]:
    """A ``StorageDescriptor``."""
    reader, writer, serde = STORAGE[source]
    return {
        "Columns": columns,
        "Location": location,
        "InputFormat": reader,
        "OutputFormat": writer,
        "SerdeInfo": {"SerializationLibrary": serde, "Parameters": {"serialization.format": "1"}},
    }


def names(name: str) -> tuple[str, str]:
    """Database and table of a name, the current database's if it has none.

    Raises:
        AnalysisException: no such database, in Spark's words.
    """
    from pyspark.errors.exceptions.connect import AnalysisException

    parts = [part.strip("`").lower() for part in name.split(".")]
    if len(parts) == 3 and parts[0] in ("spark_catalog", "glue_catalog", "awsdatacatalog"):
        parts = parts[1:]
    if len(parts) > 2:
        raise AnalysisException(f"[REQUIRES_SINGLE_PART_NAMESPACE] {name} has too many parts.")
    database = parts[0] if len(parts) == 2 else catalog.current()
    if not catalog.database_exists(database):
        raise AnalysisException(f"[SCHEMA_NOT_FOUND] The schema `{database}` cannot be found.")
    return database, parts[-1]


def find(database: str, table: str) -> dict[str, Any] | None:
    """The table, or ``None``."""
    try:
        return catalog.glue().get_table(DatabaseName=database, Name=table)["Table"]
    except catalog.glue().exceptions.EntityNotFoundException:
        return None


def definition(
    table: str, columns: list[tuple[str, str]], keys: list[str], source: str, path: str | None, location: str
) -> dict[str, Any]:
    """A ``TableInput`` as Spark registers a data source table on Glue; ``path``: the location that the script gave.

    Raises:
        UnsupportedError: a format.
    """
    if source not in STORAGE:
        raise UnsupportedError(
            f"Tables of the format {source} are not supported by the local Spark engine: {', '.join(STORAGE)}."
        )
    types = {column.lower(): kind for column, kind in columns}
    lowered = [key.lower() for key in keys]
    return {
        "Name": table,
        "TableType": "EXTERNAL_TABLE" if path else "MANAGED_TABLE",
        "Parameters": {
            "classification": source,
            "spark.sql.sources.provider": source,
            "spark.sql.create.version": "3.5.4",
            **({"EXTERNAL": "TRUE"} if path else {}),
            **({"spark.sql.partitionProvider": "catalog"} if keys else {}),
        },
        "PartitionKeys": [{"Name": key, "Type": types[key]} for key in lowered],
        "StorageDescriptor": storage(
            source,
            [{"Name": n, "Type": kind} for n, kind in types.items() if n not in lowered],
            location.rstrip("/") + "/",
        ),
    }


def create(
    name: str,
    columns: list[tuple[str, str]],
    keys: list[str],
    source: str,
    path: str | None,
    *,
    hive: bool = False,
) -> None:
    """Register an empty table; without a path under its database's location, with ``hive`` as a Hive table.

    Raises:
        UnsupportedError: a format, or a database without location.
    """
    database, table = names(name)
    body = definition(table, columns, keys, source, path, path or default_location(database, table))
    if hive:
        del body["Parameters"]["spark.sql.sources.provider"]
    catalog.glue().create_table(DatabaseName=database, TableInput=body)


def default_location(database: str, table: str) -> str:
    """Where a table without a path lies: under its database's location."""
    uri = catalog.glue().get_database(Name=database)["Database"].get("LocationUri")
    if not uri:
        raise UnsupportedError(
            f"Database {database} has no location, so table {table} needs one: option('path', 's3://...') or "
            "LOCATION; or give the database a LocationUri."
        )
    return f"{uri.rstrip('/')}/{table}"


def drop(table: dict[str, Any], *, files: bool) -> None:
    """Remove a table, and with ``files`` what lies under its location."""
    catalog.glue().delete_table(DatabaseName=table["DatabaseName"], Name=table["Name"])
    location = table["StorageDescriptor"]["Location"]
    if files and s3.is_s3(location):
        s3.delete(s3.split(location)[0], [entry["Key"] for entry in s3.objects(location)])


def full_name(table: dict[str, Any]) -> str:
    """The name as Spark's messages have it."""
    return f"`spark_catalog`.`{table['DatabaseName']}`.`{table['Name']}`"


def columns_of(table: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and type of every column, partition keys last."""
    every = [*table["StorageDescriptor"].get("Columns", []), *table.get("PartitionKeys", [])]
    return [(column["Name"], column.get("Type", "string")) for column in every]


def insert(
    frame: Any, table: dict[str, Any], overwrite: str | None = None, spec: dict[str, str] | None = None
) -> None:
    """Add rows to a table, by position.

    Args:
        overwrite: ``None`` appends; ``static`` replaces the table's rows, ``dynamic`` those of the partitions
            that new rows lie in.
        spec: partition values that a statement names: ``static`` replaces only the partitions that have them.
    """
    keys = [key["Name"] for key in table.get("PartitionKeys", [])]
    frame = store.assigned(frame, columns_of(table), full_name(table))
    if overwrite == "static":
        refuse_overwriting_source(frame, table)
    written = Written(frame, table["StorageDescriptor"]["Location"], catalog.file_format(table), keys)
    with written:
        calls = written.partition_calls(table, _partitions(table) if keys else {}, overwrite, spec or {})
        written.commit(calls, written.replaced(overwrite, spec or {}))


def refuse_overwriting_source(frame: Any, table: dict[str, Any]) -> None:
    """Raises: AnalysisException, if the rows are read from the table they would replace."""
    from pyspark.errors.exceptions.connect import AnalysisException

    plan = frame._plan.to_proto(frame._session.client).SerializeToString()
    location = table["StorageDescriptor"]["Location"].rstrip("/")
    view = catalog.view_name(table)
    if location.encode() in plan or view.encode() in plan:
        raise AnalysisException(
            "[UNSUPPORTED_OVERWRITE.TABLE] Can't overwrite the target that is also being read from. "
            f"The target table is {full_name(table)}."
        )


class Written:
    """Rows in staged files, to be committed into a location beside what is there. In a ``with`` block an error
    discards them."""

    def __init__(self, frame: Any, location: str, source: str, keys: list[str]) -> None:
        if not s3.is_s3(location):
            raise UnsupportedError(f"The local Spark engine writes tables in S3 only, not in {location}.")
        self._keys = keys
        self._bucket, self._prefix = s3.split(location.rstrip("/") + "/")
        self._commit = commits.Commit(self._bucket)
        writer = frame.write.mode("append").format(source)
        try:
            (writer.partitionBy(*keys) if keys else writer).save(self._commit.staging)
        except BaseException:
            self._commit.discard()
            raise
        self._staged = folders.listing(self._commit.staging)
        self._before = folders.listing(location)
        self._touched = {self._folder(self._target(key)) for key in self._staged} if keys else {""}

    def __enter__(self) -> "Written":
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        if kind is not None and issubclass(
            kind, Exception
        ):  # whoever ends the process leaves it to be finished
            self._commit.discard()

    def commit(self, calls: list[tuple[str, dict[str, Any]]], deletes: list[str]) -> None:
        """Put the files in place, change the catalog, delete the objects ``deletes``."""
        copies = [(key, self._target(key)) for key in sorted(self._staged)]
        kept = {target for _, target in copies}
        gone = [key for key in deletes if key not in kept]
        self._commit.run(commits.Change(self._bucket, copies, calls, gone))

    def _target(self, key: str) -> str:
        return self._prefix + key.removeprefix(self._commit.prefix)

    def _folder(self, key: str) -> str:
        return key[len(self._prefix) :].rpartition("/")[0]

    def _values(self, folder: str) -> tuple[str, ...]:
        return tuple(folders.unescape(part.partition("=")[2]) for part in folder.split("/"))

    def _in_spec(self, values: tuple[str, ...], spec: dict[str, str]) -> bool:
        return all(
            dict(zip(self._keys, values, strict=False)).get(key) == value for key, value in spec.items()
        )

    def replaced(self, overwrite: str | None, spec: dict[str, str]) -> list[str]:
        """The objects that the new rows replace."""
        if overwrite == "static":
            return [k for k in self._before if not spec or self._in_spec(self._values(self._folder(k)), spec)]
        return [k for k in self._before if overwrite == "dynamic" and self._folder(k) in self._touched]

    def partition_calls(
        self,
        table: dict[str, Any],
        known: dict[tuple[str, ...], str],
        overwrite: str | None,
        spec: dict[str, str],
    ) -> list[tuple[str, dict[str, Any]]]:
        """The calls that bring the catalog's partitions to what the files say."""
        if not self._keys:
            return []
        name = {"DatabaseName": table["DatabaseName"], "TableName": table["Name"]}
        values = {folder: self._values(folder) for folder in self._touched}
        fresh, calls = [], []
        for folder, one in sorted(values.items()):
            location = f"s3://{self._bucket}/{self._prefix}{folder}/"
            entry = {"Values": list(one), "StorageDescriptor": {**_own_storage(table), "Location": location}}
            if one not in known:
                fresh.append(entry)
            elif known[one].rstrip("/") != location.rstrip("/"):
                if overwrite is None:
                    raise UnsupportedError(
                        f"Partition {one} of {full_name(table)} lies in {known[one]}, not in the table's folder: the "
                        "local Spark engine does not append to it."
                    )
                moved = {"PartitionValueList": entry["Values"], "PartitionInput": entry}
                calls.append(("update_partition", {**name, **moved}))
        for start in range(0, len(fresh), 100):
            batch = {"PartitionInputList": fresh[start : start + 100]}
            calls.append(("batch_create_partition", {**name, **batch}))
        if overwrite == "static":
            gone = [{"Values": list(v)} for v in known if v not in values.values() and self._in_spec(v, spec)]
            for start in range(0, len(gone), 25):
                calls.append(
                    ("batch_delete_partition", {**name, "PartitionsToDelete": gone[start : start + 25]})
                )
        return calls


def _partitions(table: dict[str, Any]) -> dict[tuple[str, ...], str]:
    """Where each registered partition lies."""
    pages = (
        catalog.glue()
        .get_paginator("get_partitions")
        .paginate(DatabaseName=table["DatabaseName"], TableName=table["Name"], ExcludeColumnSchema=True)
    )
    return {
        tuple(one["Values"]): one.get("StorageDescriptor", {}).get("Location", "")
        for page in pages
        for one in page["Partitions"]
    }


def _own_storage(table: dict[str, Any]) -> dict[str, Any]:
    kept = ("Columns", "InputFormat", "OutputFormat", "SerdeInfo")
    return {key: table["StorageDescriptor"][key] for key in kept if key in table["StorageDescriptor"]}
