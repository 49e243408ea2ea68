"""Partitions in DDL: their specs, and what is registered for them."""

from typing import TYPE_CHECKING, Any

from local_cloud.athena.ddl.tokens import Reader
from local_cloud.athena.errors import QueryError
from local_cloud.athena.outcome import Outcome, text
from local_cloud.errors import ServiceError

if TYPE_CHECKING:
    from local_cloud.athena.run import Run

Shape = dict[str, Any]
BATCH = 100


def table_or_fail(run: "Run", database: str | None, name: str) -> Shape:
    """The catalog's table.

    Raises:
        QueryError: FAILED, as Hive says it.
    """
    table = run.catalog.raw_table(database or run.database, name)
    if table is None:
        raise QueryError(
            "FAILED", f"SemanticException [Error 10001]: Table not found {database or run.database}.{name}"
        )
    return table


def spec(reader: Reader) -> dict[str, str]:
    """``(day = '2026-01-01', hour = 1)``."""
    found: dict[str, str] = {}
    reader.need("(")
    while True:
        name = reader.name()
        reader.need("=")
        token = reader.peek()
        found[name] = reader.next().text if token.kind == "number" else reader.string()
        if not reader.symbol(","):
            break
    reader.need(")")
    return found


def values_of(table: Shape, given: dict[str, str]) -> list[str]:
    """A spec's values in the order of the table's keys.

    Raises:
        QueryError: FAILED for a spec that leaves one out.
    """
    keys = [k["Name"].lower() for k in table.get("PartitionKeys") or []]
    if set(given) != set(keys):
        raise QueryError(
            "FAILED",
            f"SemanticException partition spec {given} doesn't contain all (partition_columns) {keys}",
        )
    return [given[k] for k in keys]


def described(table: Shape, location: str) -> Shape:
    """The table's storage descriptor with another location."""
    return {**table["StorageDescriptor"], "Location": location}


def add(run: "Run", reader: Reader, database: str, table: Shape) -> Outcome:
    """ADD [IF NOT EXISTS] PARTITION (spec) [LOCATION '...'] ..."""
    quiet = reader.words("IF", "NOT", "EXISTS")
    inputs: list[Shape] = []
    while reader.words("PARTITION"):
        values = values_of(table, spec(reader))
        folders = "/".join(
            f"{k}={v}" for k, v in zip([k["Name"] for k in table["PartitionKeys"]], values, strict=True)
        )
        location = f"{table['StorageDescriptor']['Location'].rstrip('/')}/{folders}/"
        if reader.words("LOCATION"):
            location = reader.string()
        inputs.append({"Values": values, "StorageDescriptor": described(table, location)})
    reader.end()
    if not inputs:
        raise reader.error("PARTITION")
    register(run, database, table["Name"], inputs, quiet=quiet)
    return text([])


def register(run: "Run", database: str, name: str, inputs: list[Shape], *, quiet: bool) -> None:
    """BatchCreatePartition; ``quiet``: those that exist stay as they are.

    Raises:
        QueryError: FAILED.
    """
    for start in range(0, len(inputs), BATCH):
        answer = run.glue.batch_create_partition(
            DatabaseName=database, TableName=name, PartitionInputList=inputs[start : start + BATCH]
        )
        for error in answer.get("Errors") or []:
            code = error["ErrorDetail"]["ErrorCode"]
            if not (quiet and code == "AlreadyExistsException"):
                raise QueryError(
                    "FAILED",
                    f"{code}(message:{error['ErrorDetail']['ErrorMessage']}) {error['PartitionValues']}",
                )


def drop(run: "Run", reader: Reader, database: str, table: Shape) -> Outcome:
    """DROP [IF EXISTS] PARTITION (spec), ..."""
    quiet = reader.words("IF", "EXISTS")
    dropped = []
    while reader.words("PARTITION"):
        dropped.append(values_of(table, spec(reader)))
        reader.symbol(",")
    reader.end()
    if not dropped:
        raise reader.error("PARTITION")
    for values in dropped:
        try:
            run.glue.delete_partition(DatabaseName=database, TableName=table["Name"], PartitionValues=values)
        except ServiceError as error:
            if not (quiet and error.code == "EntityNotFoundException"):
                raise QueryError(
                    "FAILED", f"SemanticException [Error 10006]: Partition not found {values}"
                ) from error
    return text([])


def change(run: "Run", reader: Reader, database: str, table: Shape) -> Outcome:
    """PARTITION (spec) RENAME TO PARTITION (spec) | SET LOCATION '...'."""
    values = values_of(table, spec(reader))
    name = table["Name"]
    try:
        found = run.glue.get_partition(DatabaseName=database, TableName=name, PartitionValues=values)
    except ServiceError as error:
        if error.code != "EntityNotFoundException":
            raise
        raise QueryError(
            "FAILED", f"SemanticException [Error 10006]: Partition not found {values}"
        ) from error
    body = {k: v for k, v in found["Partition"].items() if k in ("Values", "StorageDescriptor", "Parameters")}
    if reader.words("RENAME", "TO", "PARTITION"):
        body["Values"] = values_of(table, spec(reader))
    else:
        reader.expect("SET", "LOCATION")
        body["StorageDescriptor"] = {**body["StorageDescriptor"], "Location": reader.string()}
    reader.end()
    try:
        run.glue.update_partition(
            DatabaseName=database, TableName=name, PartitionValueList=values, PartitionInput=body
        )
    except ServiceError as error:
        raise QueryError("FAILED", f"{error.code}(message:{error.message}) {body['Values']}") from error
    return text([])
