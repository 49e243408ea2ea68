"""A query compiled, planned and bound to its own DuckDB connection."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlglot import exp

from local_cloud.athena import connections
from local_cloud.athena.catalog import Catalog
from local_cloud.athena.errors import QueryError
from local_cloud.athena.scans import Planner
from local_cloud.athena.trino.query import Queries
from local_cloud.athena.trino.relations import PATH, Scan
from local_cloud.athena.trino.scope import Field
from local_cloud.athena.trino.shared import hoisted
from local_cloud.athena.trino.syntax import parse
from local_cloud.athena.trino.typed import identifier
from local_cloud.athena.trino.types import duck


@dataclass
class Compiled:
    """DuckDB text whose scans are placeholders, the output fields and the scans with what they must read.

    ``shared``: the texts of WITH queries read more than once, one a reference.
    """

    text: str
    fields: list[Field]
    scans: list[Scan]
    needed: dict[int, set[str]] = field(default_factory=dict)
    shared: list[list[str]] = field(default_factory=list)

    @property
    def only_parquet(self) -> bool:
        """Whether it reads tables, all of Parquet, and calls nothing that a DuckDB must be given first."""
        formats = {scan.table.format for scan in self.scans}
        return formats == {"parquet"} and not connections.uses_python(self.text)


def compile_query(catalog: Catalog, sql: str, database: str, parameters: list[str]) -> Compiled:
    """Parses and analyses a query.

    Raises:
        QueryError.
    """
    tree = parse(sql)
    _fill(tree, parameters)
    queries = Queries(catalog, sql, database)
    try:
        text, fields = queries.query(tree, None)
    except RecursionError as error:
        raise QueryError("QUERY_HAS_TOO_MANY_STAGES", "The query is nested too deeply") from error
    used = [s for s in queries.scans if s.placeholder in text]
    reads = set(queries.needs.always).union(*(f.needs for f in fields))
    needed: dict[int, set[str]] = {}
    for number, column in reads:
        needed.setdefault(number, set()).add(column)
    for scan in used:
        names = [c.name for c in (*scan.table.columns, *scan.table.partition_keys)]
        scan.columns = {n for n in names if f"{scan.relation}.{identifier(n)}" in text}
    return Compiled(text, fields, used, needed, queries.shared.groups)


def _fill(tree: exp.Expr, parameters: list[str]) -> None:
    """Puts the execution parameters, each one literal, in the place of the question marks, left to right."""
    marks = list(tree.find_all(exp.Placeholder, bfs=False))
    if len(marks) != len(parameters):
        raise QueryError(
            "INVALID_PARAMETER_USAGE",
            f"Incorrect number of parameters: expected {len(marks)} but found {len(parameters)}",
        )
    for mark, value in zip(marks, parameters, strict=True):
        mark.replace(_literal(value))


def _literal(value: str) -> exp.Expr:
    tree = parse(f"SELECT {value}")
    items = tree.expressions if isinstance(tree, exp.Select) else []
    extra = [k for k, v in tree.args.items() if v and k != "expressions"]
    if (
        len(items) != 1
        or extra
        or any(isinstance(n, (exp.Column, exp.Query, exp.Star)) for n in items[0].walk())
    ):
        raise QueryError(
            "INVALID_PARAMETER_USAGE",
            f"Execution parameter {value!r} is not a literal; write strings in single quotes: '{value}'",
        )
    found = items[0]
    for node in found.walk():  # positions would point into the parameter, not into the statement
        node.meta.clear()
    return found  # type: ignore[no-any-return]


@dataclass
class Bound:
    """A query ready to run: ``sql`` over real files, ``bytes`` it will scan, and its connection.

    ``kept``: that was locked when it was opened, by ``Instances``; else :meth:`lock` does it.
    """

    connection: Any
    sql: str
    fields: list[Field]
    bytes: int
    paths: list[str]
    kept: bool = False

    def lock(
        self,
        *extra: str,
        paths: list[str] | None = None,
        folders: list[str] | None = None,
        describe: bool = True,
    ) -> None:
        """Closes the connection to everything but the files of the plan, and checks the result's types.

        ``extra``: what else the statement says; ``describe``: False where the statement has :meth:`types_hold` in it.
        """
        if self.kept:
            connections.prepare(self.connection, " ".join([self.sql, *extra]))
        else:
            connections.lock(
                self.connection,
                " ".join([self.sql, *extra]),
                [*self.paths, *(paths or [])],
                folders or [],
                constants=not self.paths,
            )
        if describe:
            connections.check_types(self.connection, self.sql, [duck(f.type) for f in self.fields])

    def types_hold(self, source: str) -> str:
        """The check of the types as a condition over the query's rows under the alias ``source``."""
        names = [f"{source}.{f.sql}" for f in self.fields]
        return connections.types_hold(names, [duck(f.type) for f in self.fields])


def bind(compiled: Compiled, catalog: Catalog, objects: Any, connection: Any) -> Bound:
    """Plans every scan and puts its text in place."""
    planner = Planner(catalog, objects, connection)
    text, total, paths = compiled.text, 0, set()
    shared = compiled.shared
    for scan in compiled.scans:
        uses_path = f"{scan.relation}.{identifier(PATH)}" in compiled.text
        plan = planner.plan(scan, compiled.needed.get(scan.number, set()), uses_path=uses_path)
        text = text.replace(scan.placeholder, plan.sql)
        shared = [[t.replace(scan.placeholder, plan.sql) for t in group] for group in shared]
        total += plan.bytes
        paths |= {f.path for f in plan.files}
    return Bound(connection, hoisted(text, shared), compiled.fields, total, sorted(paths))


__all__ = ["Bound", "Compiled", "Path", "bind", "compile_query"]
