# ruff: noqa: S608 - the text is SQL by purpose; names and values in it pass typed.identifier() and typed.quote()
"""Which partitions fulfil a scan's predicates, decided by the engine that runs the query."""

from collections.abc import Sequence
from typing import Any

from local_cloud.athena.catalog import Column
from local_cloud.athena.errors import QueryError
from local_cloud.athena.trino.casts import cast
from local_cloud.athena.trino.macros import needed_by
from local_cloud.athena.trino.typed import Typed, identifier
from local_cloud.athena.trino.types import VARCHAR, Type

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def partition_value(sql: str, kind: Type, name: str) -> str:
    """A partition's text as its declared type.

    Raises:
        QueryError: HIVE_INVALID_METADATA for a type that cannot be a partition key's.
    """
    if kind.base not in ("varchar", "char", "date", "timestamp", "boolean") and not kind.numeric:
        raise QueryError(
            "HIVE_INVALID_METADATA", f"Partition column {name} has type {kind}, which cannot be one"
        )
    text = f"CAST({sql} AS VARCHAR)"
    return text if kind == VARCHAR else cast(Typed(text, VARCHAR), kind).sql


def texts(rows: Sequence[tuple[str, ...]], width: int) -> dict[str, Any]:
    """The Arrow columns ``__v0``, ``__v1`` ... of partition values; Hive's name for NULL becomes NULL."""
    import pyarrow as pa

    return {
        f"__v{i}": pa.array([None if r[i] == NULL_PARTITION else r[i] for r in rows], pa.string())
        for i in range(width)
    }


def typed_values(keys: Sequence[Column]) -> str:
    """Select items that give the columns of ``texts`` their declared names and types."""
    return ", ".join(
        f"{partition_value(f'__v{i}', k.type, k.name)} AS {identifier(k.name)}" for i, k in enumerate(keys)
    )


def run_with_macros(connection: Any, sql: str) -> Any:
    """Executes ``sql`` after the macros it uses."""
    for statement in needed_by(sql):
        connection.execute(statement.replace("CREATE TEMP MACRO", "CREATE OR REPLACE TEMP MACRO"))
    return connection.execute(sql)


def surviving(
    connection: Any, keys: Sequence[Column], rows: Sequence[tuple[str, ...]], predicates: Sequence[str]
) -> list[int]:
    """The places of those ``rows`` (one text per key) that fulfil every predicate, which are over alias ``p``."""
    import pyarrow as pa

    if not predicates or not rows:
        return list(range(len(rows)))
    data = pa.table({"__place": pa.array(range(len(rows)), pa.int64()), **texts(rows, len(keys))})
    connection.register("pruned", data)
    try:
        found = run_with_macros(
            connection,
            f"SELECT __place FROM (SELECT __place, {typed_values(keys)} FROM pruned) AS p WHERE "
            f"{' AND '.join(f'({x})' for x in predicates)} ORDER BY __place",
        ).fetchall()
    finally:
        connection.unregister("pruned")
    return [place for (place,) in found]
