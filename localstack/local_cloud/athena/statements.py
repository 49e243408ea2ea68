"""Which kind of statement a text is, by its first words; nothing is parsed yet."""

import re
from typing import NamedTuple

from local_cloud.athena.errors import syntax


class Kind(NamedTuple):
    """``type`` and ``substatement`` as GetQueryExecution names them; ``handler`` runs it."""

    type: str
    substatement: str
    handler: str


_COMMENTS = re.compile(r"\s+|--[^\n]*(?:\n|$)|/\*.*?\*/", re.S)

# First words to kind; the first match counts.
_KINDS: tuple[tuple[str, Kind], ...] = (
    (r"(SELECT|WITH|VALUES|TABLE|\()", Kind("DML", "SELECT", "query")),
    (r"INSERT INTO", Kind("DML", "INSERT", "insert")),
    (r"UNLOAD", Kind("DML", "UNLOAD", "unload")),
    (r"DELETE FROM", Kind("DML", "DELETE", "delete")),
    (r"UPDATE", Kind("DML", "UPDATE", "update")),
    (r"MERGE INTO", Kind("DML", "MERGE", "merge")),
    (r"OPTIMIZE", Kind("DML", "OPTIMIZE", "optimize")),
    (r"VACUUM", Kind("DML", "VACUUM", "vacuum")),
    (r"EXPLAIN", Kind("UTILITY", "EXPLAIN", "explain")),
    (r"CREATE (OR REPLACE )?VIEW", Kind("DDL", "CREATE_VIEW", "create_view")),
    (r"CREATE EXTERNAL TABLE", Kind("DDL", "CREATE_TABLE", "create_table")),
    (r"CREATE TABLE", Kind("DDL", "CREATE_TABLE_AS_SELECT", "create_table_as")),
    (r"CREATE (DATABASE|SCHEMA)", Kind("DDL", "CREATE_DATABASE", "create_database")),
    (r"DROP VIEW", Kind("DDL", "DROP_VIEW", "drop_view")),
    (r"DROP TABLE", Kind("DDL", "DROP_TABLE", "drop_table")),
    (r"DROP (DATABASE|SCHEMA)", Kind("DDL", "DROP_DATABASE", "drop_database")),
    (r"ALTER TABLE", Kind("DDL", "ALTER_TABLE", "alter_table")),
    (r"ALTER (DATABASE|SCHEMA)", Kind("DDL", "ALTER_DATABASE", "alter_database")),
    (r"MSCK REPAIR TABLE", Kind("DDL", "MSCK_REPAIR_TABLE", "msck")),
    (r"SHOW CREATE (TABLE|VIEW)", Kind("UTILITY", "SHOW_CREATE_TABLE", "show_create")),
    (r"SHOW (DATABASES|SCHEMAS)", Kind("UTILITY", "SHOW_DATABASES", "show_databases")),
    (r"SHOW TABLES", Kind("UTILITY", "SHOW_TABLES", "show_tables")),
    (r"SHOW VIEWS", Kind("UTILITY", "SHOW_VIEWS", "show_views")),
    (r"SHOW COLUMNS", Kind("UTILITY", "SHOW_COLUMNS", "show_columns")),
    (r"SHOW PARTITIONS", Kind("UTILITY", "SHOW_PARTITIONS", "show_partitions")),
    (r"SHOW TBLPROPERTIES", Kind("UTILITY", "SHOW_TBLPROPERTIES", "show_properties")),
    (r"(DESCRIBE|DESC)", Kind("UTILITY", "DESCRIBE_TABLE", "describe")),
    (r"PREPARE", Kind("DDL", "PREPARE", "prepare")),
    (r"DEALLOCATE PREPARE", Kind("DDL", "DEALLOCATE", "deallocate")),
)


def kinds() -> list[tuple[str, Kind]]:
    """Every statement there is: its first words, and its kind."""
    shown = []
    for pattern, kind in _KINDS:
        words = re.sub(r"\(([^()]*) \)\?", r"[\1] ", pattern)
        shown.append((re.sub(r"[()]", "", words).replace("|", " / ").replace(" / \\", ""), kind))
    return shown


def bare(sql: str) -> str:
    """The text without leading comments and space, and without a final semicolon."""
    at = 0
    while found := _COMMENTS.match(sql, at):
        at = found.end()
    return re.sub(r"[;\s]+$", "", sql[at:])


def kind_of(sql: str) -> Kind:
    """The statement's kind.

    Raises:
        QueryError: SYNTAX_ERROR for what Athena has no statement for, or this engine has none.
    """
    text = bare(sql)
    words = re.sub(r"\s+", " ", text[:200]).upper()
    for pattern, kind in _KINDS:
        if re.match(
            pattern + r"(?![A-Z0-9_])"
            if pattern[-1] not in "(" and not pattern.endswith(r"\()")
            else pattern,
            words,
        ):
            return kind
    first = text.split(None, 1)[0] if text else "<EOF>"
    raise syntax(
        f"mismatched input '{first}'. Expecting: 'ALTER', 'CREATE', 'DEALLOCATE', 'DESCRIBE', 'DROP', "
        f"'EXECUTE', 'EXPLAIN', "
        "'INSERT', 'MSCK', 'PREPARE', 'SHOW', 'UNLOAD', <query>",
        (1, 1),
    )
