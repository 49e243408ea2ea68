"""SHOW and DESCRIBE: https://docs.aws.amazon.com/athena/latest/ug/ddl-reference.html"""

import fnmatch
import re
from typing import TYPE_CHECKING, Any

from local_cloud.athena.catalog import decode_view
from local_cloud.athena.ddl.partitions import table_or_fail
from local_cloud.athena.ddl.tokens import Reader
from local_cloud.athena.errors import QueryError, unsupported
from local_cloud.athena.iceberg import ddl as iceberg_ddl
from local_cloud.athena.iceberg import is_iceberg
from local_cloud.athena.outcome import Outcome, text

if TYPE_CHECKING:
    from local_cloud.athena.run import Run

Shape = dict[str, Any]


def _pages(method: Any, key: str, **arguments: Any) -> list[Shape]:
    found: list[Shape] = []
    while True:
        page = method(**arguments)
        found += page[key]
        if not page.get("NextToken"):
            return found
        arguments["NextToken"] = page["NextToken"]


def _like(names: list[str], pattern: str | None) -> list[str]:
    """Hive's patterns: ``*`` any text, ``|`` a choice."""
    if pattern is None:
        return sorted(names)
    choices = [p.replace("%", "*").lower() for p in pattern.split("|")]
    return sorted(
        n
        for n in names
        if any(
            re.fullmatch(fnmatch.translate(c), n) or re.fullmatch(c.replace("*", ".*"), n) for c in choices
        )
    )


def _pattern(reader: Reader) -> str | None:
    reader.words("LIKE")
    pattern = None if reader.ended else reader.string()
    reader.end()
    return pattern


def show_databases(run: "Run", sql: str) -> Outcome:
    """SHOW {DATABASES|SCHEMAS} [LIKE 'pattern']."""
    reader = Reader(sql)
    reader.expect("SHOW")
    reader.next()
    names = [d["Name"] for d in _pages(run.glue.get_databases, "DatabaseList")]
    return text(_like(names, _pattern(reader)), "database_name")


def _in_database(run: "Run", reader: Reader) -> str:
    if reader.words("IN") or reader.words("FROM"):
        database = reader.name()
        if reader.symbol("."):
            database = reader.name()
    else:
        database = run.database
    if not run.catalog.has_database(database):
        raise QueryError("FAILED", f"SemanticException [Error 10072]: Database does not exist: {database}")
    return database


def show_tables(run: "Run", sql: str) -> Outcome:
    """SHOW TABLES [IN database] ['pattern']: views are tables too."""
    reader = Reader(sql)
    reader.expect("SHOW", "TABLES")
    database = _in_database(run, reader)
    pattern = _pattern(reader)
    names = [t["Name"] for t in _pages(run.glue.get_tables, "TableList", DatabaseName=database)]
    return text(_like(names, pattern), "tab_name")


def show_views(run: "Run", sql: str) -> Outcome:
    """SHOW VIEWS [IN database] [LIKE 'pattern']."""
    reader = Reader(sql)
    reader.expect("SHOW", "VIEWS")
    database = _in_database(run, reader)
    pattern = _pattern(reader)
    tables = _pages(run.glue.get_tables, "TableList", DatabaseName=database)
    return text(_like([t["Name"] for t in tables if t.get("TableType") == "VIRTUAL_VIEW"], pattern), "views")


def show_columns(run: "Run", sql: str) -> Outcome:
    """SHOW COLUMNS {FROM|IN} table [{FROM|IN} database]."""
    reader = Reader(sql)
    reader.expect("SHOW", "COLUMNS")
    if not (reader.words("FROM") or reader.words("IN")):
        raise reader.error("'FROM', 'IN'")
    database, name = reader.qualified()
    if reader.words("FROM") or reader.words("IN"):
        database = reader.name()
    reader.end()
    return text([c["Name"] for c in _columns(table_or_fail(run, database, name))], "field")


def _columns(table: Shape) -> list[Shape]:
    return [*(table.get("StorageDescriptor") or {}).get("Columns", []), *(table.get("PartitionKeys") or [])]


def show_partitions(run: "Run", sql: str) -> Outcome:
    """SHOW PARTITIONS table."""
    reader = Reader(sql)
    reader.expect("SHOW", "PARTITIONS")
    database, name = reader.qualified()
    reader.end()
    table = table_or_fail(run, database, name)
    keys = [k["Name"] for k in table.get("PartitionKeys") or []]
    if not keys:
        raise QueryError(
            "FAILED", f"SemanticException [Error 10241]: Table {name} is not a partitioned table"
        )
    found = _pages(
        run.glue.get_partitions, "Partitions", DatabaseName=database or run.database, TableName=name
    )
    return text(
        ["/".join(f"{k}={v}" for k, v in zip(keys, p["Values"], strict=True)) for p in found], "partition"
    )


def show_properties(run: "Run", sql: str) -> Outcome:
    """SHOW TBLPROPERTIES table [('name')]."""
    reader = Reader(sql)
    reader.expect("SHOW", "TBLPROPERTIES")
    database, name = reader.qualified()
    wanted = None
    if reader.symbol("("):
        wanted = reader.string()
        reader.need(")")
    reader.end()
    parameters = table_or_fail(run, database, name).get("Parameters") or {}
    if wanted is not None:
        return text([parameters.get(wanted, f"Table {name} does not have property: {wanted}")], "prpt_name")
    return text([f"{k}\t{v}" for k, v in sorted(parameters.items())], "prpt_name", "prpt_value")


def describe(run: "Run", sql: str) -> Outcome:
    """DESCRIBE [EXTENDED|FORMATTED] table: names, types and comments; the partition keys once more below."""
    reader = Reader(sql)
    reader.next()
    if reader.words("EXTENDED"):
        raise unsupported("DESCRIBE EXTENDED (DESCRIBE FORMATTED tells the same)")
    formatted = reader.words("FORMATTED")
    database, name = reader.qualified()
    reader.end()
    table = table_or_fail(run, database, name)
    if formatted:
        return text(_formatted(database or run.database, table), "col_name", "data_type", "comment")
    lines = [_described(c) for c in _columns(table)]
    if table.get("PartitionKeys"):
        lines += [
            "\t \t ",
            "# Partition Information\t \t ",
            _padded("# col_name", "data_type", "comment"),
            "\t \t ",
        ]
        lines += [_described(c) for c in table["PartitionKeys"]]
    return text(lines, "col_name", "data_type", "comment")


_EMPTY = "\t \t "


def _formatted(database: str, table: Shape) -> list[str]:
    """As Hive lays out DESCRIBE FORMATTED: the columns, the partition keys, then table and storage."""
    head = [_padded("# col_name", "data_type", "comment"), _EMPTY]
    descriptor = table.get("StorageDescriptor") or {}
    serde = descriptor.get("SerdeInfo") or {}
    lines = [*head, *map(_described, descriptor.get("Columns") or [])]
    if table.get("PartitionKeys"):
        lines += [_EMPTY, "# Partition Information\t \t ", *head, *map(_described, table["PartitionKeys"])]
    lines += [_EMPTY, "# Detailed Table Information\t \t "]
    created = table["CreateTime"].strftime("%a %b %d %H:%M:%S UTC %Y")
    lines += [
        _fact(name, value)
        for name, value in (
            ("Database:", database), ("Owner:", table.get("Owner", "hadoop")), ("CreateTime:", created),
            ("LastAccessTime:", "UNKNOWN"), ("Protect Mode:", "None"), ("Retention:", table.get("Retention", 0)),
            ("Location:", descriptor.get("Location", "")), ("Table Type:", table.get("TableType", "")),
        )
    ]  # fmt: skip
    lines += ["Table Parameters:\t \t ", *map(_pair, sorted((table.get("Parameters") or {}).items()))]
    lines += [_EMPTY, "# Storage Information\t \t "]
    lines += [
        _fact(name, value)
        for name, value in (
            ("SerDe Library:", serde.get("SerializationLibrary", "")),
            ("InputFormat:", descriptor.get("InputFormat", "")), ("OutputFormat:", descriptor.get("OutputFormat", "")),
            ("Compressed:", "Yes" if descriptor.get("Compressed") else "No"),
            ("Num Buckets:", descriptor.get("NumberOfBuckets", -1)),
            ("Bucket Columns:", f"[{', '.join(descriptor.get('BucketColumns') or [])}]"),
            ("Sort Columns:", f"[{', '.join(c['Column'] for c in descriptor.get('SortColumns') or [])}]"),
        )
    ]  # fmt: skip
    return [
        *lines,
        "Storage Desc Params:\t \t ",
        *map(_pair, sorted((serde.get("Parameters") or {}).items())),
    ]


def _fact(name: str, value: object) -> str:
    return f"{name:<20}\t{value!s:<20}\t "


def _pair(pair: tuple[str, str]) -> str:
    return f"\t{pair[0]:<20}\t{pair[1]:<20}"


def _padded(*values: str) -> str:
    return "\t".join(f"{v:<20}" for v in values)


def _described(column: Shape) -> str:
    return _padded(column["Name"], column.get("Type") or "", column.get("Comment") or "")


def show_create(run: "Run", sql: str) -> Outcome:
    """SHOW CREATE TABLE | VIEW."""
    reader = Reader(sql)
    reader.expect("SHOW", "CREATE")
    wants_view = reader.next().upper == "VIEW"
    database, name = reader.qualified()
    reader.end()
    table = table_or_fail(run, database, name)
    is_view = table.get("TableType") == "VIRTUAL_VIEW"
    if is_view != wants_view:
        raise QueryError(
            "FAILED",
            f"{name} is a {'view' if is_view else 'table'}: use SHOW CREATE {'VIEW' if is_view else 'TABLE'}",
        )
    if is_view:
        definition = decode_view(table["ViewOriginalText"])
        return text(
            [f"CREATE VIEW {database or run.database}.{name} AS", *definition["originalSql"].splitlines()],
            "Create View",
        )
    if is_iceberg(table):
        return text(iceberg_ddl.show_create(run, database or run.database, name), "createtab_stmt")
    return text(_create_table(database or run.database, table), "createtab_stmt")


def _quoted(value: str) -> str:
    return "'" + value.encode("unicode_escape").decode().replace("'", "\\'") + "'"


def _listed(columns: list[Shape]) -> list[str]:
    lines = []
    for i, c in enumerate(columns):
        comment = f" COMMENT {_quoted(c['Comment'])}" if c.get("Comment") else ""
        lines.append(f"  `{c['Name']}` {c['Type']}{comment}{',' if i < len(columns) - 1 else ')'}")
    return lines


def _create_table(database: str, table: Shape) -> list[str]:
    descriptor = table["StorageDescriptor"]
    serde = descriptor.get("SerdeInfo") or {}
    lines = [f"CREATE EXTERNAL TABLE `{database}.{table['Name']}`(", *_listed(descriptor["Columns"])]
    if table.get("PartitionKeys"):
        lines += ["PARTITIONED BY (", *_listed(table["PartitionKeys"])]
    lines += ["ROW FORMAT SERDE", f"  {_quoted(serde.get('SerializationLibrary', ''))}"]
    if serde.get("Parameters"):
        pairs = [f"  {_quoted(k)}={_quoted(v)}" for k, v in sorted(serde["Parameters"].items())]
        lines += ["WITH SERDEPROPERTIES (", *[p + "," for p in pairs[:-1]], pairs[-1] + ")"]
    lines += ["STORED AS INPUTFORMAT", f"  {_quoted(descriptor.get('InputFormat', ''))}"]
    lines += ["OUTPUTFORMAT", f"  {_quoted(descriptor.get('OutputFormat', ''))}"]
    lines += ["LOCATION", f"  {_quoted(descriptor.get('Location', ''))}"]
    pairs = [
        f"  {_quoted(k)}={_quoted(v)}"
        for k, v in sorted((table.get("Parameters") or {}).items())
        if k != "EXTERNAL"
    ]
    if pairs:
        lines += ["TBLPROPERTIES (", *[p + "," for p in pairs[:-1]], pairs[-1] + ")"]
    return lines
