"""CREATE and DROP VIEW: stored in Glue as Athena stores them."""

from typing import TYPE_CHECKING, Any

from local_cloud.athena.catalog import encode_view
from local_cloud.athena.ddl.tokens import Reader
from local_cloud.athena.errors import QueryError, syntax
from local_cloud.athena.outcome import Outcome, text
from local_cloud.athena.trino.query import Queries
from local_cloud.athena.trino.scope import Field
from local_cloud.athena.trino.syntax import parse
from local_cloud.athena.trino.types import hive_name
from local_cloud.errors import ServiceError

if TYPE_CHECKING:
    from local_cloud.athena.run import Run

Shape = dict[str, Any]


def create_view(run: "Run", sql: str) -> Outcome:
    """CREATE [OR REPLACE] VIEW name [COMMENT '...'] AS query.

    Raises:
        QueryError: ALREADY_EXISTS, SYNTAX_ERROR and what the query itself raises.
    """
    reader = Reader(sql)
    reader.expect("CREATE")
    replace = reader.words("OR", "REPLACE")
    reader.expect("VIEW")
    database, name = reader.qualified()
    comment = reader.string() if reader.words("COMMENT") else None
    if reader.words("SECURITY"):
        raise syntax("SECURITY clauses of views are not supported by Athena")
    reader.expect("AS")
    query, shift = reader.rest(), reader.peek().start
    database = database or run.database
    fields = _analysed(run, query, sql, shift)
    if not run.catalog.has_database(database):
        raise QueryError("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist")
    existing = run.catalog.raw_table(database, name)
    if existing is not None and existing.get("TableType") != "VIRTUAL_VIEW":
        raise QueryError("TABLE_ALREADY_EXISTS", f"Table already exists: awsdatacatalog.{database}.{name}")
    if existing is not None and not replace:
        raise QueryError("TABLE_ALREADY_EXISTS", f"View already exists: awsdatacatalog.{database}.{name}")
    entry = _table_input(run, database, name, query, fields, comment)
    if existing is None:
        run.glue.create_table(DatabaseName=database, TableInput=entry)
    else:
        run.glue.update_table(DatabaseName=database, TableInput=entry)
    return text([])


def _analysed(run: "Run", query: str, sql: str, shift: int) -> list[Field]:
    """The view's columns; an error's position counts in the whole statement."""
    padded = "".join(c if c == "\n" else " " for c in sql[:shift]) + query
    _, fields = Queries(run.catalog, padded, run.database).query(parse(padded), None)
    names = [str(f.name).lower() for f in fields]
    for name in names:
        if names.count(name) > 1:
            raise QueryError("DUPLICATE_COLUMN_NAME", f"Column name '{name}' specified more than once")
    for f in fields:
        if f.type.base in ("unknown", "function"):
            raise QueryError("COLUMN_TYPE_UNKNOWN", f"Column type is unknown at position: {f.name}")
    return fields


def _table_input(
    run: "Run", database: str, name: str, query: str, fields: list[Field], comment: str | None
) -> Shape:
    definition: Shape = {
        "originalSql": query,
        "catalog": "awsdatacatalog",
        "schema": run.database,
        "columns": [{"name": str(f.name).lower(), "type": str(f.type)} for f in fields],
    }
    if comment is not None:
        definition["comment"] = comment
    del database
    return {
        "Name": name, "TableType": "VIRTUAL_VIEW", "PartitionKeys": [],
        "ViewOriginalText": encode_view(definition), "ViewExpandedText": "/* Presto View */",
        "Parameters": {"presto_view": "true", "comment": comment or "Presto View"},
        "StorageDescriptor": {
            "Columns": [{"Name": str(f.name).lower(), "Type": _glue_type(f)} for f in fields],
            "Location": "", "SerdeInfo": {}, "Compressed": False, "NumberOfBuckets": 0,
        },
    }  # fmt: skip


def _glue_type(f: Field) -> str:
    return "timestamp" if f.type.base == "timestamp with time zone" else hive_name(f.type)


def drop_view(run: "Run", sql: str) -> Outcome:
    """DROP VIEW [IF EXISTS] name."""
    reader = Reader(sql)
    reader.expect("DROP", "VIEW")
    quiet = reader.words("IF", "EXISTS")
    database, name = reader.qualified()
    reader.end()
    database = database or run.database
    table = run.catalog.raw_table(database, name)
    if table is None or table.get("TableType") != "VIRTUAL_VIEW":
        if quiet and table is None:
            return text([])
        raise QueryError("TABLE_NOT_FOUND", f"View 'awsdatacatalog.{database}.{name}' does not exist")
    try:
        run.glue.delete_table(DatabaseName=database, Name=name)
    except ServiceError as error:
        if not quiet:
            raise QueryError(
                "TABLE_NOT_FOUND", f"View 'awsdatacatalog.{database}.{name}' does not exist"
            ) from error
    return text([])
