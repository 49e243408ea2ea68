"""Queries: SELECT, set operations, VALUES, WITH, and their clauses, as DuckDB text over placeholders for the scans."""

from dataclasses import replace

from sqlglot import exp

from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.trino import ordering
from local_cloud.athena.trino.clauses import Clauses, Compiled, Item
from local_cloud.athena.trino.expressions import Expressions, Grouping
from local_cloud.athena.trino.predicates import only
from local_cloud.athena.trino.scope import ColumnOf, Field, Scope
from local_cloud.athena.trino.syntax import position
from local_cloud.athena.trino.typed import Typed, identifier
from local_cloud.athena.trino.types import BIGINT, UNKNOWN


class Queries(Clauses):
    """Compiles queries; every result is (text, fields) whose fields are named c0, c1 ... in the text."""

    def query(self, node: exp.Expr, parent: Scope | None) -> Compiled:
        """Any query expression.

        Raises:
            QueryError.
        """
        self.depth += 1
        try:
            if self.depth > 60:
                raise QueryError("QUERY_HAS_TOO_MANY_STAGES", "The query is nested too deeply")
            with self.with_clause(node, parent):
                return self._query(node, parent)
        finally:
            self.depth -= 1

    def _query(self, node: exp.Expr, parent: Scope | None) -> Compiled:
        if isinstance(node, exp.Select):
            return self._select(node, parent)
        if isinstance(node, exp.SetOperation):
            return self.set_operation(node, parent)
        if isinstance(node, exp.Subquery):
            only(node, "this", "order", "limit", "offset", "with_", "alias")
            inner = self.query(node.this, parent)
            return self.bounded(node, inner, parent)
        if isinstance(node, exp.Values):
            only(node, "expressions", "order", "limit", "offset")
            return self.bounded(node, self.values(node, parent), parent)
        if isinstance(node, exp.Table):  # TABLE t
            return self._select(exp.select("*").from_(node), parent)
        raise unsupported(f"{type(node).__name__.upper()} as a query", position(node, self.sql))

    def expressions(self, scope: Scope) -> Expressions:
        return Expressions(self.sql, scope, self.needs, self._nested, [])

    def _nested(self, node: exp.Expr, parent: Scope | None) -> Compiled:
        """A query inside an expression: what its columns read, the expression reads."""
        text, fields = self.query(node, parent)
        self.needs.add(frozenset[ColumnOf]().union(*(f.needs for f in fields)))
        return text, fields

    # -- SELECT --------------------------------------------------------------------------------------------------

    def _select(self, node: exp.Select, parent: Scope | None) -> Compiled:
        if node.args.get("sample") and not node.args.get("joins"):
            node = node.copy()  # the parser leaves the sample of VALUES and subqueries here
            node.args["from_"].this.set("sample", node.args.pop("sample"))
        only(
            node, "expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset", "distinct",
            "with_", "windows", "laterals", "operation_modifiers",
        )  # fmt: skip
        for lateral in node.args.get("laterals") or []:
            raise unsupported("LATERAL VIEW", position(lateral, self.sql))
        source, scope = self.from_clause(node, parent)
        where = ""
        if not node.expressions:
            raise syntax("mismatched input: SELECT without columns", position(node, self.sql))
        if node.args.get("where"):
            with self.needs.into_always():
                condition = self.expressions(scope).filter(node.args["where"].this, "WHERE")
            self.prune(node.args["where"].this, scope)
            where = f" WHERE {condition.sql}"
        compiler = self.expressions(scope)
        compiler.windows = {w.this.name.lower(): w for w in node.args.get("windows") or []}
        items = self._expand(node.expressions, scope)
        group, keys = self.group_by(node, items, scope)
        aggregated = bool(keys) or node.args.get("group") is not None or self._aggregates(node, items)
        if aggregated:
            compiler.grouping = Grouping(keys)
        compiler.aggregates_allowed, compiler.windows_allowed = True, True
        fields, texts, sources = self._outputs(items, compiler, scope, aggregated)
        having = ""
        if node.args.get("having"):
            compiler.windows_allowed = False
            compiler.grouping = compiler.grouping or Grouping()
            with self.needs.into_always():
                having = f" HAVING {compiler.boolean(node.args['having'].this, 'HAVING').sql}"
            compiler.windows_allowed = True
        distinct = bool(node.args.get("distinct"))
        if distinct:
            only(node.args["distinct"])
            self.needs.always.update(*(f.needs for f in fields))
        shown = f"DISTINCT{ordering.distinct(sources, 'DISTINCT')} " if distinct else ""
        columns = ", ".join(f"{text} AS c{i}" for i, text in enumerate(texts))
        text = f"SELECT {shown}{columns}{source}{where}{group}{having}"
        limited = node.args.get("limit") is not None or node.args.get("offset") is not None
        order, ranked = "", ""
        if node.args.get("order"):
            order, ranked = self.order_by(node.args["order"], fields, texts, sources, compiler, distinct)
        text += self.ties(node, ranked) + order + self.limits(node)
        if limited or self._looks_at_other_rows(node):
            fields = [replace(f, origins=()) for f in fields]
        return text, fields

    def _looks_at_other_rows(self, node: exp.Select) -> bool:
        """Whether removing rows beforehand would change the others: windows, and sub-totals over several groupings."""
        group = node.args.get("group")
        if group is not None and group.find(exp.GroupingSets, exp.Cube, exp.Rollup):
            return True
        clauses = [*node.expressions, *([node.args["order"]] if node.args.get("order") else [])]
        return any(self._has_window(item) for item in clauses)

    def _has_window(self, node: exp.Expr) -> bool:
        if isinstance(node, exp.Query):
            return False
        return isinstance(node, exp.Window) or any(
            self._has_window(child) for child in node.iter_expressions()
        )

    def _aggregates(self, node: exp.Select, items: list[Item]) -> bool:
        from local_cloud.athena.trino.functions import AGGREGATE_RULES

        roots = [n for n, _, f in items if f is None]
        if node.args.get("having"):
            return True
        if node.args.get("order"):
            roots += node.args["order"].expressions
        return any(self._has_aggregate(root, AGGREGATE_RULES.keys()) for root in roots)

    def _has_aggregate(self, node: exp.Expr, names: object) -> bool:
        if isinstance(node, exp.Query):
            return False
        if isinstance(node, exp.Window):
            call = node.this
            while isinstance(call, (exp.Filter, exp.IgnoreNulls, exp.RespectNulls)):
                call = call.this
            inner = [
                *call.iter_expressions(),
                *(
                    n
                    for k, n in ((k, v) for k, v in node.args.items() if k != "this")
                    if isinstance(n, exp.Expr)
                ),
            ]
            inner += list(node.args.get("partition_by") or [])
            return any(self._has_aggregate(child, names) for child in inner)
        if isinstance(node, exp.Anonymous) and str(node.this).lower() in names:  # type: ignore[operator]
            return True
        return any(self._has_aggregate(child, names) for child in node.iter_expressions())

    def _expand(self, nodes: list[exp.Expr], scope: Scope) -> list[Item]:
        """The output columns: (expression, name, the field where it comes from a star)."""
        items: list[Item] = []
        for node in nodes:
            if isinstance(node, exp.Star) or (
                isinstance(node, exp.Column) and isinstance(node.this, exp.Star)
            ):
                star = node.this if isinstance(node, exp.Column) else node
                only(star)
                qualifier = (
                    tuple(p.name.lower() for p in node.parts[:-1]) if isinstance(node, exp.Column) else ()
                )
                hits = [
                    f
                    for f in scope.fields
                    if not f.hidden and (not qualifier or f.qualifier[-len(qualifier) :] == qualifier)
                ]
                if not hits:
                    if qualifier:
                        raise syntax(
                            f"Unable to resolve reference {'.'.join(qualifier)}", position(node, self.sql)
                        )
                    raise QueryError(
                        "COLUMN_NOT_FOUND",
                        "SELECT * not allowed from relation that has no columns",
                        position(node, self.sql),
                    )
                items += [(node, f.name, f) for f in hits]
                continue
            if isinstance(node, exp.Alias):
                items.append((node.this, node.alias, None))
            else:
                items.append((node, self._name(node), None))
        return items

    def _name(self, node: exp.Expr) -> str | None:
        if isinstance(node, (exp.Column, exp.Identifier)):
            return node.name
        if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Identifier):
            return node.expression.name
        return None

    def _outputs(
        self,
        items: list[Item],
        compiler: Expressions,
        scope: Scope,
        aggregated: bool,
    ) -> tuple[list[Field], list[str], list[Typed]]:
        fields, texts, values = [], [], []
        keys = compiler.grouping.keys if compiler.grouping else set()
        for i, (node, name, star) in enumerate(items):
            with self.needs.collect() as needs:
                if star is not None:
                    self.needs.add(star.needs)
                    value = star.typed()
                    if aggregated and star.sql not in keys:
                        raise QueryError(
                            "EXPRESSION_NOT_AGGREGATE",
                            f"'{star.name}' must be an aggregate expression or appear in GROUP BY clause",
                            position(node, self.sql),
                        )
                else:
                    value = compiler.compile(node)
            origins = self._origins(node, star, scope) if not aggregated or value.sql in keys else ()
            fields.append(Field(name or f"_col{i}", f"c{i}", value.type, (), origins, frozenset(needs)))
            texts.append(value.sql)
            values.append(value)
        return fields, texts, values

    def _origins(self, node: exp.Expr, star: Field | None, scope: Scope) -> tuple[tuple[int, str], ...]:
        if star is not None:
            return star.origins
        while isinstance(node, exp.Paren):
            node = node.this
        if not isinstance(node, exp.Column):
            return ()
        path = tuple(p.name.lower() for p in node.parts)
        found = scope.find(path)
        return found[0].origins if found and found[1] == len(path) and found[0] in scope.fields else ()


__all__ = ["BIGINT", "UNKNOWN", "Queries", "identifier"]
