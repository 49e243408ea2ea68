"""CREATE and DROP of databases and tables, ALTER DATABASE, MSCK REPAIR TABLE: each ends in the Glue catalog."""

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from local_cloud.athena.catalog import Partition, table_of
from local_cloud.athena.ddl import create
from local_cloud.athena.ddl.partitions import described, register, table_or_fail
from local_cloud.athena.ddl.tokens import Reader
from local_cloud.athena.errors import QueryError, syntax
from local_cloud.athena.iceberg import ddl as iceberg_ddl
from local_cloud.athena.iceberg import is_iceberg
from local_cloud.athena.outcome import Outcome, text
from local_cloud.athena.scans import split_uri
from local_cloud.errors import ServiceError

if TYPE_CHECKING:
    from local_cloud.athena.run import Run

Shape = dict[str, Any]


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
    if quiet and run.catalog.raw_table(database or run.database, name) is None:
        return text([])
    table = table_or_fail(run, database, name)
    if table.get("TableType") == "VIRTUAL_VIEW":
        raise QueryError("FAILED", f"SemanticException [Error 10001]: {name} is a view: use DROP VIEW")
    if is_iceberg(table):
        iceberg_ddl.drop(run, database or run.database, name)
        return text([])
    run.glue.delete_table(DatabaseName=database or run.database, Name=name)
    return text([])


def msck(run: "Run", sql: str) -> Outcome:
    """MSCK REPAIR TABLE: registers the Hive-style folders (``key=value/``) below the table's location."""
    reader = Reader(sql)
    reader.expect("MSCK", "REPAIR", "TABLE")
    database, name = reader.qualified()
    reader.end()
    database = database or run.database
    raw = table_or_fail(run, database, name)
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
        [{"Values": list(p.values), "StorageDescriptor": described(raw, p.location)} for p in added],
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
