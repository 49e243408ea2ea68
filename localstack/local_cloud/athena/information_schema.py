# ruff: noqa: S608 - the text is SQL by purpose; values in it pass _literal()
"""``information_schema``: the catalog as views, read from Glue when a query names one.

https://docs.aws.amazon.com/athena/latest/ug/querying-glue-catalog.html
"""

from collections.abc import Callable, Iterator
from typing import Any

from local_cloud.athena.errors import QueryError
from local_cloud.athena.trino.types import BIGINT, VARCHAR, Type, parse_type

Shape = dict[str, Any]
NAME = "information_schema"
_CATALOG = "awsdatacatalog"


def _databases(glue: Any) -> Iterator[str]:
    arguments: Shape = {}
    while True:
        page = glue.get_databases(**arguments)
        yield from (d["Name"] for d in page["DatabaseList"])
        if not page.get("NextToken"):
            return
        arguments["NextToken"] = page["NextToken"]


def _tables(glue: Any) -> Iterator[Shape]:
    for database in _databases(glue):
        arguments: Shape = {"DatabaseName": database}
        while True:
            page = glue.get_tables(**arguments)
            yield from page["TableList"]
            if not page.get("NextToken"):
                break
            arguments["NextToken"] = page["NextToken"]


def _is_view(table: Shape) -> bool:
    return table.get("TableType") == "VIRTUAL_VIEW"


def _type(hive: str) -> str:
    """Trino's name of a column's type; one that no query could read is shown as it was declared."""
    try:
        return str(parse_type(hive))
    except QueryError:
        return hive


def _schemata(glue: Any) -> Iterator[list[Any]]:
    for name in _databases(glue):
        yield [_CATALOG, name]


def _table_rows(glue: Any) -> Iterator[list[Any]]:
    for t in _tables(glue):
        yield [_CATALOG, t["DatabaseName"], t["Name"], "VIEW" if _is_view(t) else "BASE TABLE"]


def _columns(glue: Any) -> Iterator[list[Any]]:
    for t in _tables(glue):
        keys = t.get("PartitionKeys") or []
        columns = [*(t.get("StorageDescriptor") or {}).get("Columns", []), *keys]
        for place, column in enumerate(columns, 1):
            extra = "partition key" if place > len(columns) - len(keys) else None
            yield [
                _CATALOG, t["DatabaseName"], t["Name"], column["Name"], place, None, "YES",
                _type(column["Type"]), column.get("Comment"), extra,
            ]  # fmt: skip


_VIEWS: dict[str, tuple[str, Callable[[Any], Iterator[list[Any]]]]] = {
    "schemata": ("catalog_name schema_name", _schemata),
    "tables": ("table_catalog table_schema table_name table_type", _table_rows),
    "columns": (
        "table_catalog table_schema table_name column_name ordinal_position column_default is_nullable data_type "
        "comment extra_info",
        _columns,
    ),
}


def view(glue: Any, name: str, position: tuple[int, int] | None) -> tuple[str, tuple[tuple[str, Type], ...]]:
    """The text and the columns of a view of the information schema.

    Raises:
        QueryError: TABLE_NOT_FOUND.
    """
    if name not in _VIEWS:
        raise QueryError("TABLE_NOT_FOUND", f"Table '{_CATALOG}.{NAME}.{name}' does not exist", position)
    names, rows = _VIEWS[name]
    columns = tuple((c, BIGINT if c == "ordinal_position" else VARCHAR) for c in names.split())
    casts = ", ".join(f'CAST("{c}" AS {kind}) AS "{c}"' for c, kind in columns)
    texts = [f"({', '.join(map(_literal, row))})" for row in rows(glue)]
    # VALUES cannot be empty; where there is nothing to show, its one row is dropped.
    values = ", ".join(texts or [f"({', '.join(['NULL'] * len(columns))})"])
    listed = ", ".join(f'"{c}"' for c, _ in columns)
    return f"SELECT {casts} FROM (VALUES {values}) AS t ({listed}){'' if texts else ' WHERE false'}", columns


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
