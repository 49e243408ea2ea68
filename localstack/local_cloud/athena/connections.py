"""A DuckDB for one query: in memory, alone, allowed to touch nothing but the files its plan names."""

from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from local_cloud.athena.errors import QueryError
from local_cloud.athena.trino.macros import needed_by
from local_cloud.athena.trino.typed import quote

_spares: "SimpleQueue[Any]" = SimpleQueue()  # opening a DuckDB costs more than many a query


def connect(temp: Path, memory_mb: int, threads: int, spill_mb: int = 1024) -> Any:
    """A connection of its own with Trino's settings; ``temp`` takes what spills to disk, up to ``spill_mb``."""
    try:
        connection = _spares.get_nowait()
    except Empty:
        connection = _opened()
    Thread(target=_keep_one, name="athena-spare").start()
    connection.execute(f"SET threads = {threads}")
    connection.execute(f"SET memory_limit = '{memory_mb}MB'")
    connection.execute(f"SET temp_directory = {quote(str(temp))}")
    connection.execute(f"SET max_temp_directory_size = '{spill_mb}MB'")
    return connection


def _keep_one() -> None:
    if _spares.empty():
        _spares.put(_opened())


def _opened() -> Any:
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "preserve_insertion_order": "true",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        },
    )
    connection.execute("SET GLOBAL TimeZone = 'UTC'")  # global: of every cursor
    connection.execute("SET GLOBAL order_by_non_integer_literal = true")
    return connection


def prepare(connection: Any, sql: str) -> None:
    """Creates the macros and functions that ``sql`` uses."""
    for statement in needed_by(sql):
        connection.execute(statement.replace("CREATE TEMP MACRO", "CREATE OR REPLACE TEMP MACRO"))
    if uses_python(sql):
        _json_sorted(connection)


def lock(connection: Any, sql: str, paths: list[str], folders: list[str], *, constants: bool) -> None:
    """Creates what ``sql`` uses, then closes the doors: only ``paths`` and ``folders`` can be opened, for good.

    ``constants``: the query reads no file.
    """
    prepare(connection, sql)
    if constants:
        # Over constants alone DuckDB's rewriter evaluates a nested CASE whose branch is not taken, errors included.
        connection.execute("SET disabled_optimizers = 'expression_rewriter'")
    close_doors(connection, paths, folders)


def close_doors(connection: Any, paths: list[str], folders: list[str]) -> None:
    """From here on only ``paths`` and what lies below ``folders`` can be opened, and no setting changed."""
    connection.execute(f"SET allowed_paths = [{', '.join(quote(p) for p in paths)}]")
    connection.execute(f"SET allowed_directories = [{', '.join(quote(f) for f in folders)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def uses_python(sql: str) -> bool:
    """Whether ``sql`` calls a function written in Python, which every connection of a DuckDB would share."""
    return "py_json_sorted" in sql


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
            raise QueryError("GENERIC_INTERNAL_ERROR", _came_out(place, wanted, got))


def _normal(text: str) -> str:
    return text.replace('"', "").replace(" ", "").upper()


def types_hold(names: list[str], expected: list[str]) -> str:
    """The check of :func:`check_types` as a condition inside the query, which costs no second planning.

    DuckDB knows the types when it plans: the condition is gone by the time the query runs, or raises.
    """
    return " AND ".join(
        f"CASE WHEN upper(replace(replace(typeof({name}), '\"', ''), ' ', '')) = {quote(_normal(wanted))} THEN true "
        f"ELSE error({quote('@@GENERIC_INTERNAL_ERROR: ' + _came_out(place, wanted=wanted) + '@@')}) END"
        for place, (name, wanted) in enumerate(zip(names, expected, strict=True))
    )


def _came_out(place: int, wanted: str, got: str = "something else") -> str:
    return (
        f"Column {place} came out as {got} instead of {wanted}; the local engine refuses to guess. "
        "Please report the query"
    )
