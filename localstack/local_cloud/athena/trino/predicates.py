# ruff: noqa: S608 - the text is SQL by purpose; names and values in it pass typed.identifier() and typed.quote()
"""Predicates, CASE and subqueries inside expressions."""

import re
from collections.abc import Callable

from sqlglot import exp

from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.trino import literals, operators
from local_cloud.athena.trino.calls import Calls
from local_cloud.athena.trino.casts import coerce
from local_cloud.athena.trino.macros import may_fail
from local_cloud.athena.trino.scope import Field, Scope
from local_cloud.athena.trino.typed import Typed, null, once
from local_cloud.athena.trino.types import BOOLEAN, UNKNOWN, VARCHAR, Type, common

COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM", exp.NullSafeNEQ: "IS DISTINCT FROM",
}  # fmt: skip


def only(node: exp.Expr, *allowed: str) -> None:
    """Refuses a node that carries a clause the caller does not honour."""
    for name, value in node.args.items():
        if value and name not in allowed:
            raise unsupported(f"{name.strip('_').replace('_', ' ').upper()} in {type(node).__name__.upper()}")


_RELATION = re.compile(r"\br\d+(?=\.)")


def _conjuncts(node: exp.Expr) -> list[exp.Expr]:
    while isinstance(node, exp.Paren):
        node = node.this
    return (
        [c for n in (node.left, node.right) for c in _conjuncts(n)] if isinstance(node, exp.And) else [node]
    )


class Predicates(Calls):
    """The part of the expression compiler that deals with truth and with subqueries."""

    subquery: Callable[[exp.Expr, Scope], tuple[str, list[Field]]]

    def row(self, values: list[Typed], names: list[str | None] | None = None) -> Typed:
        raise NotImplementedError

    # -- logic ---------------------------------------------------------------------------------------------------

    def _on_and(self, node: exp.And) -> Typed:
        return self._logic(node, "AND", "false")

    def _on_or(self, node: exp.Or) -> Typed:
        return self._logic(node, "OR", "true")

    def _logic(self, node: exp.Expr, word: str, settled: str) -> Typed:
        items = [self.boolean(item, "Logical expression") for item in node.flatten(unnest=False)]
        plain = f"({f' {word} '.join(item.sql for item in items)})"
        volatile = any(item.volatile for item in items)
        if not any(may_fail(item.sql) for item in items[1:]):
            return Typed(plain, BOOLEAN, volatile)
        if any(item.volatile for item in items[:-1]):
            raise unsupported(f"{word} of a value that changes with every evaluation and one that may fail")
        last = max(i for i, item in enumerate(items) if may_fail(item.sql))
        negated = "NOT " if word == "AND" else ""
        # Trino stops at what settles the result.
        stops = " ".join(f"WHEN {negated}{item.sql} THEN {settled}" for item in items[:last])
        return Typed(f"(CASE {stops} ELSE {plain} END)", BOOLEAN, volatile)

    def filter(self, node: exp.Expr, clause: str) -> Typed:
        """A row filter. Its conjuncts stay apart, so that DuckDB can push them down and join by them; one that may
        fail for a row which an earlier one over the same relations rejects is guarded by that one."""
        while isinstance(node, exp.Paren):
            node = node.this
        if not isinstance(node, exp.And):
            return self.boolean(node, clause)
        parts: list[str] = []
        guards: list[tuple[str, set[str]]] = []
        volatile = False
        for item in _conjuncts(node):
            value = self.boolean(item, "Logical expression")
            volatile = volatile or value.volatile
            names, nested = set(_RELATION.findall(value.sql)), "SELECT" in value.sql
            within = [] if nested or self._joins(item) else [g for g, used in guards if used <= names]
            guarded = within and may_fail(value.sql)
            stops = " ".join(f"WHEN NOT {g} THEN false" for g in within)
            parts.append(f"(CASE {stops} ELSE {value.sql} END)" if guarded else value.sql)
            if not (nested or value.volatile or may_fail(value.sql)):
                guards.append((value.sql, names))
        return Typed(f"({' AND '.join(parts)})", BOOLEAN, volatile)

    def _joins(self, node: exp.Expr) -> bool:
        """Whether a conjunct equates two relations: both engines compute its sides below the join."""
        if not isinstance(node, exp.EQ):
            return False
        with self.needs.collect():
            sides = [set(_RELATION.findall(self.compile(n).sql)) for n in (node.this, node.expression)]
        return bool(sides[0] and sides[1]) and not sides[0] & sides[1]

    def _on_not(self, node: exp.Not) -> Typed:
        value = self.boolean(node.this, "Value of logical NOT expression")
        return value.with_sql(f"(NOT {value.sql})")

    def _on_is(self, node: exp.Is) -> Typed:
        value = self.compile(node.this)
        if isinstance(node.expression, exp.Null):
            return value.with_sql(f"({value.sql} IS NULL)", BOOLEAN)
        raise syntax("mismatched input 'IS'")

    def _comparison(self, node: exp.Expr) -> Typed:
        operator = COMPARISONS[type(node)]
        left = self.compile(node.this)
        if isinstance(node.expression, (exp.All, exp.Any)):
            return self._quantified(operator, left, node.expression)
        return operators.comparison(operator, left, self.compile(node.expression))

    def _quantified(self, operator: str, left: Typed, node: exp.Expr) -> Typed:
        left, text = self._against(left, node.this)
        return Typed(f"({left.sql} {operator} {type(node).__name__.upper()} ({text}))", BOOLEAN)

    def _against(self, left: Typed, query: exp.Expr) -> tuple[Typed, str]:
        """A value and a one-column subquery, brought to one type."""
        text, fields = self.subquery(query, self.scope)
        if len(fields) != 1:
            if left.type.base != "row" or len(left.type.args) != len(fields):
                raise syntax(
                    f"Multiple columns returned by subquery are not yet supported. Found {len(fields)}"
                )
            right = self.row([f.typed() for f in fields])
        else:
            right = fields[0].typed()
        kind = common(left.type, right.type)
        if kind is None:
            raise QueryError(
                "TYPE_MISMATCH",
                f"value and result of subquery must be of the same type for IN expression: {left.type} vs {right.type}",
            )
        x, y = coerce(left, kind), coerce(right, kind)
        return (
            x.with_sql(operators.comparable(x.sql, kind)),
            f"SELECT {operators.comparable(y.sql, kind)} FROM ({text}) AS q",
        )

    def _on_between(self, node: exp.Between) -> Typed:
        only(node, "this", "low", "high")
        value = self.compile(node.this)
        low = operators.comparison(">=", value, self.compile(node.args["low"]))
        high = operators.comparison("<=", value, self.compile(node.args["high"]))
        return Typed(f"({low.sql} AND {high.sql})", BOOLEAN, value.volatile)

    def _on_in(self, node: exp.In) -> Typed:
        only(node, "this", "expressions", "query")
        value = self.compile(node.this)
        query = node.args.get("query")
        if query is not None:
            left, text = self._against(value, query.this if isinstance(query, exp.Subquery) else query)
            return Typed(f"({left.sql} IN ({text}))", BOOLEAN, value.volatile)
        items = [self.compile(item) for item in node.expressions]
        kind: Type | None = value.type
        for item in items:
            kind = common(kind, item.type) if kind is not None else None
            if kind is None:
                raise QueryError(
                    "TYPE_MISMATCH", f"IN value and list items must be the same type: {value.type}"
                )
        nan = kind is not None and kind.base in ("double", "real") and not all(i.constant for i in items)
        if kind is None or nan or kind.base in ("row", "array", "map", "json"):
            parts = [operators.comparison("=", value, item).sql for item in items]
            return Typed("(" + " OR ".join(parts) + ")", BOOLEAN, value.volatile)
        listed = ", ".join(operators.comparable(coerce(i, kind).sql, kind) for i in items)
        return Typed(
            f"({operators.comparable(coerce(value, kind).sql, kind)} IN ({listed}))", BOOLEAN, value.volatile
        )

    def _on_like(self, node: exp.Like, escape: exp.Expr | None = None) -> Typed:
        only(node, "this", "expression", "negate")
        value, pattern = self.compile(node.this), self.compile(node.expression)
        if not (value.type.text and pattern.type.text):
            raise QueryError(
                "TYPE_MISMATCH",
                f"Left side of LIKE expression must evaluate to a varchar (actual: {value.type})",
            )
        if escape is not None:
            self._check_escapes(pattern, self.compile(escape))
        tail = f" ESCAPE {coerce(self.compile(escape), VARCHAR).sql}" if escape is not None else ""
        word = "NOT LIKE" if node.args.get("negate") else "LIKE"
        return once([value, pattern], f"({{0}} {word} {{1}}{tail})", BOOLEAN)

    def _check_escapes(self, pattern: Typed, escape: Typed) -> None:
        """DuckDB takes any character behind the escape, Trino only what needs one.

        Raises:
            QueryError: INVALID_FUNCTION_ARGUMENT; NOT_SUPPORTED where a side is no literal.
        """
        if not (isinstance(pattern.literal, str) and isinstance(escape.literal, str)):
            raise unsupported("LIKE ... ESCAPE with a pattern or an escape that is no literal")
        sign = escape.literal
        if len(sign) != 1:
            raise QueryError("INVALID_FUNCTION_ARGUMENT", "Escape string must be a single character")
        rest = pattern.literal
        while sign in rest:
            rest = rest[rest.index(sign) + 1 :]
            if rest[:1] not in ("%", "_", sign):
                raise QueryError(
                    "INVALID_FUNCTION_ARGUMENT",
                    "Escape character must be followed by '%', '_' or the escape character itself",
                )
            rest = rest[1:]

    def _on_escape(self, node: exp.Escape) -> Typed:
        if not isinstance(node.this, exp.Like):
            raise syntax("mismatched input 'ESCAPE'")
        return self._on_like(node.this, node.expression)

    def _on_case(self, node: exp.Case) -> Typed:
        branches = [(item.this, item.args["true"]) for item in node.args["ifs"]]
        default = node.args.get("default")
        results = [self.compile(result) for _, result in branches]
        results.append(self.compile(default) if default is not None else null(UNKNOWN))
        kind: Type | None = UNKNOWN
        for result in results:
            kind = common(kind, result.type) if kind is not None else None
            if kind is None:
                raise QueryError("TYPE_MISMATCH", f"All CASE results must be the same type: {result.type}")
        conditions = self._conditions(node.this, [condition for condition, _ in branches])
        kind = kind or UNKNOWN
        parts = [
            f"WHEN {c} THEN {coerce(r, kind).sql}" for c, r in zip(conditions, results[:-1], strict=True)
        ]
        text = f"(CASE {' '.join(parts)} ELSE {coerce(results[-1], kind).sql} END)"
        return Typed(text, kind, any(r.volatile for r in results))

    def _conditions(self, operand: exp.Expr | None, nodes: list[exp.Expr]) -> list[str]:
        if operand is None:
            return [self.boolean(n, "CASE WHEN").sql for n in nodes]
        value = self.compile(operand)
        if value.volatile:
            raise unsupported("CASE over a value that changes with every evaluation")
        return [operators.comparison("=", value, self.compile(n)).sql for n in nodes]

    def _on_if(self, node: exp.If) -> Typed:
        condition = self.boolean(node.this, "IF condition")
        yes = self.compile(node.args["true"])
        other = node.args.get("false")
        no = self.compile(other) if other is not None else null(UNKNOWN)
        kind = common(yes.type, no.type)
        if kind is None:
            raise syntax(f"Result types for IF must be the same: {yes.type} vs {no.type}")
        return once(
            [condition, coerce(yes, kind), coerce(no, kind)], "(CASE WHEN {0} THEN {1} ELSE {2} END)", kind
        )

    def _on_neg(self, node: exp.Neg) -> Typed:
        inner = node.this
        if isinstance(inner, exp.Literal) and not inner.is_string:
            return literals.number("-" + inner.this)
        value = self.compile(inner)
        if not value.type.numeric and value.type.base not in (
            "interval day to second",
            "interval year to month",
        ):
            raise QueryError("TYPE_MISMATCH", f"Cannot negate {value.type}")
        return value.with_sql(f"(- {value.sql})")

    # -- subqueries ----------------------------------------------------------------------------------------------

    def _on_subquery(self, node: exp.Subquery) -> Typed:
        only(node, "this")
        return self._scalar(node.this)

    def _on_select(self, node: exp.Select) -> Typed:
        return self._scalar(node)

    def _scalar(self, node: exp.Expr) -> Typed:
        text, fields = self.subquery(node, self.scope)
        if len(fields) != 1:
            return self.row([Typed(f"(SELECT {f.sql} FROM ({text}) AS q)", f.type) for f in fields])
        return Typed(f"(SELECT {fields[0].sql} FROM ({text}) AS q)", fields[0].type)

    def _on_exists(self, node: exp.Exists) -> Typed:
        with self.needs.collect():
            text, _ = self.subquery(node.this, self.scope)
        return Typed(f"EXISTS ({text})", BOOLEAN)
