# ruff: noqa: PLR0911 - one return a kind of relation
"""FROM: tables, views, subqueries, WITH names, VALUES, UNNEST, joins; and which predicates may prune partitions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlglot import exp

from local_cloud.athena.catalog import Catalog, Table, View
from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.iceberg.travel import travelled
from local_cloud.athena.trino.casts import coerce
from local_cloud.athena.trino.joins import PATH, Compiled, Cte, Joins, Scan
from local_cloud.athena.trino.predicates import only
from local_cloud.athena.trino.recursion import MAX_DEPTH, base_and_step, unrolled
from local_cloud.athena.trino.scope import Field, Needs, Scope
from local_cloud.athena.trino.shared import Shared
from local_cloud.athena.trino.syntax import parse, position
from local_cloud.athena.trino.typed import Typed, identifier
from local_cloud.athena.trino.types import VARCHAR, Type, common


class Relations(Joins):
    """Compiles FROM clauses."""

    def __init__(self, catalog: Catalog, sql: str, database: str) -> None:
        self.catalog, self.sql, self.database = catalog, sql, database
        self.needs = Needs()
        self.scans: list[Scan] = []
        self.shared = Shared()
        self.ctes: dict[str, Cte] = {}
        self.names = 0
        self.depth = 0
        self.views: list[str] = []

    def name(self) -> str:
        """A fresh relation alias."""
        self.names += 1
        return f"r{self.names}"

    # -- WITH ----------------------------------------------------------------------------------------------------

    @contextmanager
    def with_clause(self, node: exp.Expr, parent: Scope | None) -> Iterator[None]:
        """The WITH names of ``node``, visible while it is compiled."""
        with_ = node.args.get("with_")
        if with_ is None:
            yield
            return
        recursive = bool(with_.args.get("recursive"))
        kept = self.ctes
        self.ctes = dict(kept)
        try:
            for cte in with_.expressions:
                only(cte, "this", "alias")
                alias = cte.args["alias"]
                columns = [c.name for c in alias.args.get("columns") or []]
                self.ctes[cte.alias.lower()] = Cte(cte.this, columns, dict(self.ctes), parent, recursive)
            yield
        finally:
            self.ctes = kept

    # -- FROM ----------------------------------------------------------------------------------------------------

    def from_clause(self, node: exp.Select, parent: Scope | None) -> tuple[str, Scope]:
        """The text from FROM on, and the scope it makes."""
        from_ = node.args.get("from_")
        scope = Scope([], parent)
        if from_ is None:
            return "", scope
        only(from_, "this")
        text, scope.fields = self.relation(from_.this, scope)
        text, scope.fields = self.joined(text, scope.fields, node.args.get("joins") or [], parent)
        return f" FROM {text}", scope

    def relation(self, node: exp.Expr, scope: Scope) -> Compiled:
        """A table expression: text with its alias, fields as seen by the query."""
        inner = node.args.get("joins") if not isinstance(node, (exp.Select, exp.SetOperation)) else None
        if inner:
            bare = node.copy()
            bare.set("joins", None)
            text, fields = self.relation(bare, scope)
            text, fields = self.joined(text, fields, node.args["joins"], scope.parent)
            return f"({text})", fields
        if node.args.get("sample"):
            return self.sampled(node, scope)
        if isinstance(node, exp.Table):
            return self._table(node)
        if isinstance(node, exp.Subquery):
            only(node, "this", "alias", "order", "limit", "offset", "with_", "pivots")
            if node.args.get("pivots"):
                raise unsupported("PIVOT")
            if isinstance(node.this, exp.Table):
                return self.relation(node.this, scope)
            bare = node.copy()
            bare.set("alias", None)
            return self._derived(self.query(bare, scope.parent), node.args.get("alias"), node)
        if isinstance(node, exp.Values):
            return self._derived(self.values(node, scope.parent), node.args.get("alias"), node)
        if isinstance(node, exp.Unnest):
            return self._unnest(node, scope)
        if isinstance(node, exp.Lateral):
            only(node, "this", "alias")
            query = node.this.this if isinstance(node.this, exp.Subquery) else node.this
            text, fields = self._derived(self.query(query, scope), node.args.get("alias"), node)
            return f"LATERAL {text}", fields
        raise unsupported(f"{type(node).__name__.upper()} in FROM", position(node, self.sql))

    def _derived(self, compiled: Compiled, alias: exp.Expr | None, node: exp.Expr) -> Compiled:
        text, fields = compiled
        name = self.name()
        seen = [replace(f, sql=f"{name}.{f.sql}", qualifier=()) for f in fields]
        return f"({text}) AS {name}", self.aliased(seen, alias, node)

    def aliased(self, fields: list[Field], alias: exp.Expr | None, node: exp.Expr) -> list[Field]:
        if alias is None:
            return fields
        columns = [c.name for c in alias.args.get("columns") or []]
        visible = [f for f in fields if not f.hidden]
        if columns and len(columns) != len(visible):
            raise QueryError(
                "MISMATCHED_COLUMN_ALIASES",
                f"Column alias list has {len(columns)} entries but '{alias.name}' has {len(visible)} columns available",
                position(node, self.sql),
            )
        names = iter(columns) if columns else iter(f.name for f in visible)
        qualifier = (alias.name.lower(),)
        return [replace(f, name=f.name if f.hidden else next(names), qualifier=qualifier) for f in fields]

    # -- tables and views ----------------------------------------------------------------------------------------

    def _table(self, node: exp.Table) -> Compiled:
        only(node, "this", "db", "catalog", "alias", "version")
        if isinstance(node.this, exp.Values):
            return self._derived(self.values(node.this, None), node.args.get("alias"), node)
        if not isinstance(node.this, exp.Identifier):
            raise unsupported(
                f"Table function {node.this.sql(dialect='trino')[:40]}", position(node, self.sql)
            )
        name = node.name.lower()
        if not node.args.get("db") and name in self.ctes:
            return self._cte(name, node)
        catalog = (node.catalog or "awsdatacatalog").lower()
        database = (node.db or self.database).lower()
        version = travelled(node.args["version"]) if node.args.get("version") else None
        found = self.catalog.find(catalog, database, name, position(node, self.sql), version)
        qualifier = (catalog, database, name)
        text, fields = self._scan(found) if isinstance(found, Table) else self._view(found, node)
        fields = [replace(f, qualifier=qualifier) for f in fields]
        return text, self.aliased(fields, node.args.get("alias"), node)

    def _cte(self, name: str, node: exp.Table) -> Compiled:
        cte = self.ctes[name]
        relation = self.name()
        if cte.working is not None:
            text, fields = cte.working
            return f"{text} AS {relation}", self._named(fields, relation, name, node)
        kept, self.ctes = self.ctes, cte.visible
        try:
            parts = base_and_step(cte.query, name) if cte.recursive else None
            text, fields = self._recursion(name, cte, *parts) if parts else self.query(cte.query, cte.parent)
        finally:
            self.ctes = kept
        if parts is None and cte.parent is None:
            self.shared.add(cte.query, text)
        if cte.columns:
            if len(cte.columns) != len(fields):
                raise syntax(
                    f"Column alias list has {len(cte.columns)} entries but '{name}' has {len(fields)} columns available"
                )
            fields = [replace(f, name=n) for f, n in zip(fields, cte.columns, strict=True)]
        return f"({text}) AS {relation}", self._named(fields, relation, name, node)

    def _named(self, fields: list[Field], relation: str, name: str, node: exp.Table) -> list[Field]:
        seen = [replace(f, sql=f"{relation}.{f.sql}", qualifier=(name,)) for f in fields]
        return self.aliased(seen, node.args.get("alias"), node)

    def _recursion(self, name: str, cte: Cte, base: exp.Expr, step: exp.Expr) -> Compiled:
        """A WITH query that refers to itself."""
        if not cte.columns:
            raise QueryError("MISSING_COLUMN_ALIASES", "missing column aliases in recursive WITH query")
        text, found = self.query(base, cte.parent)
        if len(found) != len(cte.columns):
            raise syntax(
                f"Column alias list has {len(cte.columns)} entries but '{name}' has {len(found)} columns available"
            )
        # Rows of later steps are none of the base's: no predicate may prune what the base reads.
        fields = [replace(f, name=n, origins=()) for f, n in zip(found, cte.columns, strict=True)]
        mark = f"\x01STEP{self.name()}\x01"
        self.ctes = cte.visible | {name: replace(cte, working=(mark, fields))}
        following = self.query(step, cte.parent)
        for place, (f, s) in enumerate(zip(fields, following[1], strict=False), 1):
            if common(f.type, s.type) != f.type:
                raise QueryError(
                    "TYPE_MISMATCH",
                    f"recursion step relation output type ({s.type}) is not coercible to recursion base relation "
                    f"output type ({f.type}) at column {place}",
                )
        if len(following[1]) != len(fields):
            raise QueryError(
                "TYPE_MISMATCH", "base and step relations of recursion have different number of fields"
            )
        self.needs.always.update(*(f.needs for f in (*fields, *following[1])))
        body = self._coerced(following, [f.type for f in fields])
        names = [self.name() for _ in range(MAX_DEPTH + 2)]
        return unrolled(text, body, mark, len(fields), names), fields

    def _view(self, view: View, node: exp.Table) -> Compiled:
        where = position(node, self.sql)
        key = f"{view.database}.{view.name}"
        if key in self.views:
            raise QueryError("VIEW_IS_RECURSIVE", f"View is recursive: awsdatacatalog.{key}", where)
        kept = self.sql, self.database, self.ctes
        self.views.append(key)
        self.sql, self.database, self.ctes = view.sql, view.schema.lower(), {}
        try:
            text, fields = self.query(parse(view.sql), None)
        except QueryError as error:
            if error.name in ("VIEW_IS_RECURSIVE", "NOT_SUPPORTED"):
                raise
            raise QueryError(
                "INVALID_VIEW", f"Failed analyzing stored view 'awsdatacatalog.{key}': {error.reason}", where
            ) from error
        finally:
            self.sql, self.database, self.ctes = kept
            self.views.pop()
        relation = self.name()
        if len(fields) != len(view.columns):
            raise QueryError(
                "VIEW_IS_STALE",
                f"View 'awsdatacatalog.{key}' is stale or in invalid state: column count changed",
                where,
            )
        return f"({text}) AS {relation}", [
            self._view_column(f, c, relation, key, where) for f, c in zip(fields, view.columns, strict=True)
        ]

    def _view_column(
        self, f: Field, column: tuple[str, Type], relation: str, key: str, where: tuple[int, int] | None
    ) -> Field:
        name, kind = column
        if common(f.type, kind) != kind:
            raise QueryError(
                "VIEW_IS_STALE",
                f"View 'awsdatacatalog.{key}' is stale or in invalid state: column [{name}] of type "
                f"{f.type} projected from "
                f"query view cannot be coerced to column [{name}] of type {kind} stored in view definition",
                where,
            )
        value = coerce(Typed(f"{relation}.{f.sql}", f.type), kind)
        return replace(f, name=name, sql=value.sql, type=kind)

    def _scan(self, table: Table) -> Compiled:
        relation = self.name()
        scan = Scan(len(self.scans), table, relation)
        self.scans.append(scan)
        partitioned = {c.name for c in table.partition_keys}
        fields = [
            Field(
                c.name, f"{relation}.{identifier(c.name)}", c.type, (),
                ((scan.number, c.name),), frozenset() if c.name in partitioned else frozenset({(scan.number, c.name)}),
            )
            for c in [*table.columns, *table.partition_keys]
        ]  # fmt: skip
        fields.append(Field(PATH, f"{relation}.{identifier(PATH)}", VARCHAR, (), hidden=True))
        return f"{scan.placeholder} AS {relation}", fields


__all__ = ["PATH", "Cte", "Relations", "Scan"]
