"""Where expressions of a SELECT are typed: a probe with the same FROM and other columns."""

from collections.abc import Callable
from typing import Any

from local_glue.corrections.differences import refuse


class Scope:
    """The types of expressions in a SELECT: the same FROM, other columns."""

    def __init__(self, select: Any, types_of: Callable[[str], list[Any]]) -> None:
        self._select, self._types_of = select, types_of

    def types_of(self, nodes: list[Any]) -> list[Any]:
        """The engine's types."""
        return [field.dataType for field in self.fields(nodes)]

    def fields(self, nodes: list[Any]) -> list[Any]:
        """Name and type of each expression."""
        if not nodes:
            return []
        for clauses in (
            ("from", "from_", "joins", "laterals"),
            ("from", "from_", "joins", "laterals", "group"),
        ):
            try:
                return self._types_of(self._probe(nodes, clauses))
            except Exception as error:  # noqa: BLE001 - which error, depends on the engine's version
                failure = error
        if len(nodes) > 1:
            return [field for node in nodes for field in self.fields([node])]
        try:
            return self._types_of(self._probe(nodes, None))[-1:]
        except Exception as error:  # noqa: BLE001
            refuse("types of a subquery", f"{nodes[0].sql(dialect='spark')} ({str(failure or error)[:150]})")

    def _probe(self, nodes: list[Any], clauses: tuple[str, ...] | None) -> str:
        from sqlglot import exp

        if clauses is None:
            select = self._select.copy()
            select.set("expressions", [*select.expressions, *[node.copy() for node in nodes]])
            for key in ("order", "limit", "distinct"):
                select.set(key, None)
        else:
            select = exp.Select(expressions=[node.copy() for node in nodes])
            for key in clauses:
                value = self._select.args.get(key)
                if value:
                    copies = [one.copy() for one in value] if isinstance(value, list) else value.copy()
                    select.set(key, copies)
        select.set("with", None)
        select.set("with_", None)
        ctes = [cte for one in self._withs() for cte in one]
        body = select.sql(dialect="spark")
        return f"WITH {', '.join(cte.sql(dialect='spark') for cte in ctes)} {body}" if ctes else str(body)

    def _withs(self) -> list[list[Any]]:
        """The common table expressions in sight, outermost first; of the one around, those before it."""
        from sqlglot import exp

        found: list[list[Any]] = []
        node, inside = self._select, None
        while node is not None:
            clause = node.args.get("with_") or node.args.get("with")
            if isinstance(node, exp.Query) and clause is not None:
                ctes = list(clause.expressions)
                if inside in ctes:
                    ctes = ctes[: ctes.index(inside)]
                found.insert(0, ctes)
            inside = node if isinstance(node, exp.CTE) else inside
            node = node.parent
        return found
