"""ALTER TABLE: https://docs.aws.amazon.com/athena/latest/ug/ddl-reference.html"""

from typing import TYPE_CHECKING, Any

from local_cloud.athena.ddl import create, partitions
from local_cloud.athena.ddl.tokens import Reader
from local_cloud.athena.errors import QueryError, unsupported
from local_cloud.athena.iceberg import ddl as iceberg_ddl
from local_cloud.athena.iceberg import is_iceberg
from local_cloud.athena.outcome import Outcome, text

if TYPE_CHECKING:
    from local_cloud.athena.run import Run

Shape = dict[str, Any]


def alter_table(run: "Run", sql: str) -> Outcome:
    """ADD, DROP, RENAME PARTITION, ADD and REPLACE COLUMNS, CHANGE COLUMN, SET LOCATION, SET TBLPROPERTIES.

    Raises:
        QueryError: FAILED; NOT_SUPPORTED for other actions.
    """
    reader = Reader(sql)
    reader.expect("ALTER", "TABLE")
    database, name = reader.qualified()
    database = database or run.database
    table = partitions.table_or_fail(run, database, name)
    if is_iceberg(table):
        return iceberg_ddl.alter(run, reader, database, name)
    if reader.words("PARTITION"):
        return partitions.change(run, reader, database, table)
    if reader.words("DROP"):
        return partitions.drop(run, reader, database, table)
    descriptor = table["StorageDescriptor"]
    if reader.words("ADD", "COLUMNS"):
        descriptor["Columns"] = [*descriptor["Columns"], *create.columns(reader)]
    elif reader.words("ADD"):
        return partitions.add(run, reader, database, table)
    elif reader.words("REPLACE", "COLUMNS"):
        descriptor["Columns"] = create.columns(reader)
    elif reader.words("CHANGE"):
        _change(reader, descriptor)
    elif reader.words("SET", "TBLPROPERTIES"):
        table["Parameters"] = {**(table.get("Parameters") or {}), **create.properties(reader)}
    elif reader.words("SET", "LOCATION"):
        descriptor["Location"] = reader.string()
    else:
        raise unsupported(f"ALTER TABLE ... {reader.rest()[:60]}")
    reader.end()
    _update(run, database, table)
    return text([])


def _change(reader: Reader, descriptor: Shape) -> None:
    """CHANGE [COLUMN] old new type [COMMENT '...'] [FIRST | AFTER other]."""
    reader.words("COLUMN")
    old, new = reader.name(), reader.name()
    columns = list(descriptor["Columns"])
    place = next((i for i, c in enumerate(columns) if c["Name"].lower() == old), None)
    if place is None:
        raise QueryError("FAILED", f"Execution Error: Invalid column reference {old}")
    changed = {**columns.pop(place), "Name": new, "Type": create.column_type(reader, "FIRST", "AFTER")}
    if reader.words("COMMENT"):
        changed["Comment"] = reader.string()
    if reader.words("FIRST"):
        place = 0
    elif reader.words("AFTER"):
        other = reader.name()
        place = next((i + 1 for i, c in enumerate(columns) if c["Name"].lower() == other), -1)
        if place < 0:
            raise QueryError("FAILED", f"Execution Error: Invalid column reference {other}")
    descriptor["Columns"] = [*columns[:place], changed, *columns[place:]]


_INPUT = (
    "Name", "Description", "Owner", "LastAccessTime", "LastAnalyzedTime", "Retention", "StorageDescriptor",
    "PartitionKeys", "ViewOriginalText", "ViewExpandedText", "TableType", "Parameters", "TargetTable",
)  # fmt: skip


def _update(run: "Run", database: str, table: Shape) -> None:
    names = [
        c["Name"].lower()
        for c in (*table["StorageDescriptor"]["Columns"], *(table.get("PartitionKeys") or []))
    ]
    double = next((n for n in names if names.count(n) > 1), None)
    if double:
        raise QueryError("FAILED", f"Execution Error: Duplicate column name: {double}")
    run.glue.update_table(DatabaseName=database, TableInput={k: v for k, v in table.items() if k in _INPUT})
