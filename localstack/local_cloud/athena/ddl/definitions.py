"""CREATE, DROP and ALTER of databases and tables, MSCK REPAIR TABLE: each ends in calls of the Glue catalog."""

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from local_cloud.athena.catalog import Partition, table_of
from local_cloud.athena.ddl import create
from local_cloud.athena.ddl.tokens import Reader
from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.iceberg import ddl as iceberg_ddl
from local_cloud.athena.iceberg import is_iceberg
from local_cloud.athena.outcome import Outcome, text
from local_cloud.athena.scans import split_uri
from local_cloud.errors import ServiceError

if TYPE_CHECKING:
    from local_cloud.athena.run import Run

Shape = dict[str, Any]
BATCH = 100


def _failed(error: ServiceError) -> QueryError:
    return QueryError("FAILED", f"SemanticException {error.message}")


def create_database(run: "Run", sql: str) -> Outcome:
    """CREATE {DATABASE|SCHEMA} [IF NOT EXISTS] name [COMMENT] [LOCATION] [WITH DBPROPERTIES]."""
    reader = Reader(sql)
    reader.expect("CREATE")
    reader.next()
    quiet = reader.words("IF", "NOT", "EXISTS")
    body: Shape = {"Name": reader.name()}
    while not reader.ended:
        if reader.words("COMMENT"):
            body["Description"] = reader.string()
        elif reader.words("LOCATION"):
            body["LocationUri"] = reader.string()
        elif reader.words("WITH", "DBPROPERTIES"):
            body["Parameters"] = create.properties(reader)
        else:
            raise reader.error()
    try:
        run.glue.create_database(DatabaseInput=body)
    except ServiceError as error:
        if not (quiet and error.code == "AlreadyExistsException"):
            raise QueryError(
                "FAILED",
                f"Execution Error: Database {body['Name']} already exists"
                if error.code == "AlreadyExistsException"
                else error.message,
            ) from error
    return text([])


def drop_database(run: "Run", sql: str) -> Outcome:
    """DROP {DATABASE|SCHEMA} [IF EXISTS] name [RESTRICT|CASCADE]."""
    reader = Reader(sql)
    reader.expect("DROP")
    reader.next()
    quiet = reader.words("IF", "EXISTS")
    name = reader.name()
    cascade = reader.words("CASCADE")
    if not cascade:
        reader.words("RESTRICT")
    reader.end()
    if not run.catalog.has_database(name):
        if quiet:
            return text([])
        raise QueryError("FAILED", f"SemanticException [Error 10072]: Database does not exist: {name}")
    if not cascade and run.glue.get_tables(DatabaseName=name, MaxResults=1)["TableList"]:
        raise QueryError(
            "FAILED",
            f"InvalidOperationException(message:Database {name} is not empty. One or more tables exist.)",
        )
    run.glue.delete_database(Name=name)
    return text([])


def create_table(run: "Run", sql: str) -> Outcome:
    """CREATE EXTERNAL TABLE."""
    reader = Reader(sql)
    reader.expect("CREATE", "EXTERNAL", "TABLE")
    quiet = reader.words("IF", "NOT", "EXISTS")
    database, name = reader.qualified()
    clauses = create.TableReader(reader)
    clauses.read()
    database = database or run.database
    table = clauses.table_input(name)
    table_of({**table, "DatabaseName": database})  # refused now, not at the first query
    try:
        run.glue.create_table(DatabaseName=database, TableInput=table)
    except ServiceError as error:
        if error.code != "AlreadyExistsException":
            raise _failed(error) from error
        if not quiet:
            raise QueryError(
                "FAILED", f"Execution Error: AlreadyExistsException(message:Table {name} already exists)"
            ) from error
    return text([])


def drop_table(run: "Run", sql: str) -> Outcome:
    """DROP TABLE [IF EXISTS]: the catalog's entry goes, the files stay."""
    reader = Reader(sql)
    reader.expect("DROP", "TABLE")
    quiet = reader.words("IF", "EXISTS")
    database, name = reader.qualified()
    reader.end()
    table = run.catalog.raw_table(database or run.database, name)
    if table is None:
        if quiet:
            return text([])
        raise QueryError(
            "FAILED", f"SemanticException [Error 10001]: Table not found {database or run.database}.{name}"
        )
    if table.get("TableType") == "VIRTUAL_VIEW":
        raise QueryError("FAILED", f"SemanticException [Error 10001]: {name} is a view: use DROP VIEW")
    if is_iceberg(table):
        iceberg_ddl.drop(run, database or run.database, name)
        return text([])
    run.glue.delete_table(DatabaseName=database or run.database, Name=name)
    return text([])


def _spec(reader: Reader) -> dict[str, str]:
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


def _values(table: Shape, spec: dict[str, str]) -> list[str]:
    keys = [k["Name"].lower() for k in table.get("PartitionKeys") or []]
    if set(spec) != set(keys):
        raise QueryError(
            "FAILED",
            f"SemanticException partition spec {spec} doesn't contain all (partition_columns) {keys}",
        )
    return [spec[k] for k in keys]


def alter_table(run: "Run", sql: str) -> Outcome:
    """ALTER TABLE ADD/DROP PARTITION, ADD COLUMNS, SET LOCATION, SET TBLPROPERTIES.

    Raises:
        QueryError: NOT_SUPPORTED for other actions.
    """
    reader = Reader(sql)
    reader.expect("ALTER", "TABLE")
    database, name = reader.qualified()
    database = database or run.database
    table = run.catalog.raw_table(database, name)
    if table is None:
        raise QueryError("FAILED", f"SemanticException [Error 10001]: Table not found {database}.{name}")
    if is_iceberg(table):
        return iceberg_ddl.alter(run, reader, database, name)
    if reader.words("ADD"):
        if reader.words("COLUMNS"):
            added = create.columns(reader)
            reader.end()
            table["StorageDescriptor"]["Columns"] = [*table["StorageDescriptor"]["Columns"], *added]
            _update(run, database, table)
            return text([])
        return _add_partitions(run, reader, database, table)
    if reader.words("DROP"):
        return _drop_partitions(run, reader, database, table)
    if reader.words("SET", "TBLPROPERTIES"):
        table["Parameters"] = {**(table.get("Parameters") or {}), **create.properties(reader)}
        reader.end()
        _update(run, database, table)
        return text([])
    if reader.words("SET", "LOCATION"):
        table["StorageDescriptor"]["Location"] = reader.string()
        reader.end()
        _update(run, database, table)
        return text([])
    raise unsupported(f"ALTER TABLE ... {reader.rest()[:60]}")


_INPUT = (
    "Name", "Description", "Owner", "LastAccessTime", "LastAnalyzedTime", "Retention", "StorageDescriptor",
    "PartitionKeys", "ViewOriginalText", "ViewExpandedText", "TableType", "Parameters", "TargetTable",
)  # fmt: skip


def _update(run: "Run", database: str, table: Shape) -> None:
    run.glue.update_table(DatabaseName=database, TableInput={k: v for k, v in table.items() if k in _INPUT})


def _descriptor(table: Shape, location: str) -> Shape:
    return {**table["StorageDescriptor"], "Location": location}


def _add_partitions(run: "Run", reader: Reader, database: str, table: Shape) -> Outcome:
    quiet = reader.words("IF", "NOT", "EXISTS")
    inputs: list[Shape] = []
    while reader.words("PARTITION"):
        spec = _spec(reader)
        values = _values(table, spec)
        folders = "/".join(
            f"{k}={v}" for k, v in zip([k["Name"] for k in table["PartitionKeys"]], values, strict=True)
        )
        location = f"{table['StorageDescriptor']['Location'].rstrip('/')}/{folders}/"
        if reader.words("LOCATION"):
            location = reader.string()
        inputs.append({"Values": values, "StorageDescriptor": _descriptor(table, location)})
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


def _drop_partitions(run: "Run", reader: Reader, database: str, table: Shape) -> Outcome:
    quiet = reader.words("IF", "EXISTS")
    dropped = []
    while reader.words("PARTITION"):
        dropped.append(_values(table, _spec(reader)))
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


def msck(run: "Run", sql: str) -> Outcome:
    """MSCK REPAIR TABLE: registers the Hive-style folders (``key=value/``) below the table's location."""
    reader = Reader(sql)
    reader.expect("MSCK", "REPAIR", "TABLE")
    database, name = reader.qualified()
    reader.end()
    database = database or run.database
    raw = run.catalog.raw_table(database, name)
    if raw is None:
        raise QueryError("FAILED", f"SemanticException [Error 10001]: Table not found {database}.{name}")
    table = table_of(raw)
    keys = [k.name for k in table.partition_keys]
    if not keys:
        raise QueryError("FAILED", f"Execution Error, return code 1: Table {name} is not partitioned")
    known = {p.values for p in run.catalog.partitions(table, [])}
    bucket, prefix = split_uri(table.location.rstrip("/") + "/")
    found: dict[tuple[str, ...], Partition] = {}
    for item in run.objects.list(bucket, prefix):
        parts = item.key[len(prefix) :].split("/")[: len(keys)]
        pairs = [p.partition("=") for p in parts]
        if len(item.key[len(prefix) :].split("/")) <= len(keys) or [p[0].lower() for p in pairs] != keys:
            continue
        values = tuple(unquote(p[2]) for p in pairs)
        found.setdefault(values, Partition(values, f"s3://{bucket}/{prefix}{'/'.join(parts)}/"))
    added = [p for v, p in sorted(found.items()) if v not in known]
    register(
        run,
        database,
        name,
        [{"Values": list(p.values), "StorageDescriptor": _descriptor(raw, p.location)} for p in added],
        quiet=True,
    )
    lines = []
    if added:
        shown = ["/".join(f"{k}={v}" for k, v in zip(keys, p.values, strict=True)) for p in added]
        lines.append("Partitions not in metastore:\t" + "\t".join(f"{name}:{s}" for s in shown))
        lines += [f"Repair: Added partition to metastore {name}:{s}" for s in shown]
    return text(lines, "result") if lines else text([])


def alter_database(run: "Run", sql: str) -> Outcome:
    """ALTER DATABASE name SET DBPROPERTIES (...)."""
    reader = Reader(sql)
    reader.expect("ALTER")
    reader.next()
    name = reader.name()
    reader.expect("SET", "DBPROPERTIES")
    added = create.properties(reader)
    reader.end()
    if not run.catalog.has_database(name):
        raise syntax(f"Database {name} does not exist")
    body = run.glue.get_database(Name=name)["Database"]
    kept = {k: body[k] for k in ("Name", "Description", "LocationUri") if body.get(k)}
    run.glue.update_database(
        Name=name, DatabaseInput={**kept, "Parameters": {**(body.get("Parameters") or {}), **added}}
    )
    return text([])
