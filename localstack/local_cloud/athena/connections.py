"""A DuckDB for one query: in memory, alone, allowed to touch nothing but the files its plan names."""

from pathlib import Path
from typing import Any

from local_cloud.athena.errors import QueryError
from local_cloud.athena.trino.macros import needed_by
from local_cloud.athena.trino.typed import quote


def connect(temp: Path, memory_mb: int, threads: int, spill_mb: int = 1024) -> Any:
    """A fresh connection with Trino's settings; ``temp`` takes what spills to disk, up to ``spill_mb``."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": threads,
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": str(temp),
            "max_temp_directory_size": f"{spill_mb}MB",
            "preserve_insertion_order": "true",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET order_by_non_integer_literal = true")
    return connection


def lock(connection: Any, sql: str, paths: list[str], folders: list[str], *, constants: bool) -> None:
    """Creates what ``sql`` uses, then closes the doors: only ``paths`` and ``folders`` can be opened, for good.

    ``constants``: the query reads no file.
    """
    for statement in needed_by(sql):
        connection.execute(statement.replace("CREATE TEMP MACRO", "CREATE OR REPLACE TEMP MACRO"))
    if "py_json_sorted" in sql:
        _json_sorted(connection)
    listed = ", ".join(quote(p) for p in paths)
    connection.execute(f"SET allowed_paths = [{listed}]")
    connection.execute(f"SET allowed_directories = [{', '.join(quote(f) for f in folders)}]")
    if constants:
        # Over constants alone DuckDB's rewriter evaluates a nested CASE whose branch is not taken, errors included.
        connection.execute("SET disabled_optimizers = 'expression_rewriter'")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _json_sorted(connection: Any) -> None:
    """json_parse's canonical text: keys sorted, numbers as Java writes them."""
    import json

    def canonical(text: str) -> str:
        return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    connection.create_function("py_json_sorted", canonical, ["VARCHAR"], "VARCHAR")


def check_types(connection: Any, sql: str, expected: list[str]) -> None:
    """Compares the types DuckDB found with those Trino's rules gave: a difference is refused, never passed on.

    Raises:
        QueryError: GENERIC_INTERNAL_ERROR.
    """
    found = [row[1] for row in connection.execute(f"DESCRIBE {sql}").fetchall()]
    for place, (got, wanted) in enumerate(zip(found, expected, strict=True)):
        if _normal(got) != _normal(wanted):
            raise QueryError(
                "GENERIC_INTERNAL_ERROR",
                f"Column {place} came out as {got} instead of {wanted}; the local engine refuses to "
                f"guess. Please report the query",
            )


def _normal(text: str) -> str:
    return text.replace('"', "").replace(" ", "").upper()
