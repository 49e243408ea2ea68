"""Function calls: finding the rule, typing lambdas, aggregates and windows."""

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.trino import ordering
from local_cloud.athena.trino.casts import coerce
from local_cloud.athena.trino.functions import (
    AGGREGATE_RULES,
    KNOWN_TO_TRINO,
    SCALARS,
    WINDOW_RULES,
    collections,
    dates,
    generic,
    json,
    numbers,
    texts,
)
from local_cloud.athena.trino.functions.special import SPECIAL, Call, NullArgument
from local_cloud.athena.trino.operators import comparable
from local_cloud.athena.trino.signatures import Bindings, Rule, candidates, expand, fit, substitute
from local_cloud.athena.trino.typed import Typed, null, once
from local_cloud.athena.trino.types import BIGINT, Type, common, zoned

if TYPE_CHECKING:
    from local_cloud.athena.trino.scope import Needs, Scope


HANDLERS = (collections, dates, generic, json, numbers, texts)
"""The modules whose handlers are registered by being imported."""


def _special(name: str, call: Call) -> Typed:
    try:
        return SPECIAL[name](call)
    except NullArgument:
        return null(call.result)


# They compare values as DuckDB holds them: for a zoned timestamp, instant and zone.
_BY_EQUALITY = frozenset(
    ("array_distinct", "array_except", "array_intersect", "array_position", "array_remove", "array_union",
     "arrays_overlap", "contains", "element_at", "histogram", "map", "map_agg", "map_concat", "map_from_entries",
     "multimap_agg")
)  # fmt: skip

_OF_CHAR = frozenset(
    ("concat", "lower", "ltrim", "replace", "reverse", "rtrim", "substr", "substring", "trim", "upper")
)


class Calls:
    """The part of the expression compiler that deals with functions."""

    sql: str
    scope: "Scope"
    needs: "Needs"
    lambdas: dict[str, Typed]
    lambda_count: int
    aggregates_allowed: bool
    windows_allowed: bool
    aggregated: bool
    windows: dict[str, exp.Window]
    grouping: Any

    def compile(self, node: exp.Expr) -> Typed:
        raise NotImplementedError

    def boolean(self, node: exp.Expr, clause: str) -> Typed:
        raise NotImplementedError

    def inside_aggregate(self) -> Any:
        raise NotImplementedError

    # -- scalars -------------------------------------------------------------------------------------------------

    def _on_anonymous(self, node: exp.Anonymous) -> Typed:
        name = str(node.this).lower()
        if name in AGGREGATE_RULES:
            return self._aggregate(node)
        if name in WINDOW_RULES:
            raise syntax(f"Window function {name} requires an OVER clause")
        if name == "row":
            return self.row([self.compile(a) for a in node.expressions])  # type: ignore[attr-defined, no-any-return]
        if name == "grouping":
            return self._grouping(node)
        if name not in SCALARS:
            if name in KNOWN_TO_TRINO:
                raise unsupported(f"Function '{name}'")
            raise QueryError("FUNCTION_NOT_FOUND", f"Function '{name}' not registered")
        return self.function(name, list(node.expressions))

    def function(self, name: str, arguments: "list[exp.Expr] | list[Typed]") -> Typed:
        """A scalar function applied to nodes or to compiled values."""
        compiled = [
            a if isinstance(a, Typed) else None if isinstance(a, exp.Lambda) else self.compile(a)
            for a in arguments
        ]
        if name in _OF_CHAR and any(v is not None and v.type.base == "char" for v in compiled):
            raise unsupported(
                f"{name}() of a char(n), whose blanks Trino keeps by rules of its own; cast it to varchar"
            )
        rule, bound = self._resolve(name, SCALARS[name], compiled)
        values, bound = self._fitted(rule, bound, arguments, compiled)
        return self._apply(rule, bound, values)

    def _resolve(self, name: str, overloads: list[Rule], values: list[Typed | None]) -> tuple[Rule, Bindings]:
        found = candidates(overloads, [None if v is None else v.type for v in values])
        if found is None:
            given = ", ".join("function" if v is None else str(v.type) for v in values)
            expected = ", ".join(rule.signature() for rule in overloads)
            raise QueryError(
                "FUNCTION_NOT_FOUND",
                f"Unexpected parameters ({given}) for function {name}. Expected: {expected}",
            )
        if found[0].template == "$refuse":
            raise unsupported(f"Function '{found[0].signature()}'")
        return found

    def _fitted(
        self, rule: Rule, bound: Bindings, nodes: Any, values: list[Typed | None]
    ) -> tuple[list[Typed], Bindings]:
        """The arguments as the rule wants them; lambdas are compiled when the types of their parameters are known."""
        patterns = expand(rule, len(values)) or []
        fitted: list[Typed] = []
        for node, value, pattern in zip(nodes, values, patterns, strict=True):
            if value is None:
                fitted.append(self._lambda(node, pattern, bound))
            else:
                fitted.append(coerce(value, substitute(pattern, bound, value.type)))
        return fitted, bound

    def _lambda(self, node: exp.Lambda, pattern: Type, bound: Bindings) -> Typed:
        *parameters, result = pattern.args
        names = [p.name.lower() for p in node.expressions]
        if len(names) != len(parameters):
            raise syntax(f"Expected a lambda that takes {len(parameters)} argument(s) but got {len(names)}")
        kept = dict(self.lambdas)
        try:
            texts = []
            for name, parameter in zip(names, parameters, strict=True):
                self.lambda_count += 1
                texts.append(f"l{self.lambda_count}")
                self.lambdas[name] = Typed(texts[-1], substitute(parameter, bound))
            body = self.compile(node.this)
        finally:
            self.lambdas = kept
        if not fit(result, body.type, bound, coerce=True):
            raise QueryError("TYPE_MISMATCH", f"Lambda returns {body.type}, which does not fit")
        body = coerce(body, substitute(result, bound, body.type))
        return Typed(f"lambda {', '.join(texts)}: {body.sql}", body.type, body.volatile, literal=tuple(texts))

    def _apply(self, rule: Rule, bound: Bindings, values: list[Typed]) -> Typed:
        by_place = rule.name == "element_at" and values[0].type.base == "array"
        if rule.name in _BY_EQUALITY and not by_place and any(zoned(v.type) for v in values):
            raise unsupported(f"{rule.name}() of a timestamp with time zone")
        first = values[0].type if values else None
        result = substitute(rule.result, bound)
        if rule.result.base in ("decimal", "timestamp", "timestamp with time zone") and not rule.result.args:
            same = [v.type for v in values if v.type.base == rule.result.base]
            result = same[0] if same else result
        if (
            rule.result.base == "varchar"
            and first is not None
            and rule.name in ("lower", "upper", "trim", "ltrim", "rtrim", "reverse", "substr", "substring")
        ):
            result = first
        if rule.template.startswith("$"):
            name, _, rest = rule.template[1:].partition(":")
            return _special(name, Call(rule, values, result, rest, self))
        if "$regex1" in rule.template:
            return _special("regex", Call(rule, values, result, rule.template, self))
        return once(values, rule.template, result)

    # -- aggregates ----------------------------------------------------------------------------------------------

    def _aggregate(
        self, node: exp.Expr, suffix: str = "", *, window: bool = False, order: exp.Expr | None = None
    ) -> Typed:
        name = str(node.this).lower()
        if not (window or self.aggregates_allowed):
            raise QueryError("EXPRESSION_NOT_SCALAR", f"Aggregate function {name} is not allowed here")
        self.aggregated = self.aggregated or not window
        nodes = list(node.expressions)
        distinct = bool(nodes) and isinstance(nodes[0], exp.Distinct)
        if distinct:
            if window:
                raise syntax(f"DISTINCT in window function parameters not yet supported: {name}")
            nodes = list(nodes[0].expressions)
        if nodes and isinstance(nodes[-1], exp.Order):
            order, nodes[-1] = nodes[-1], nodes[-1].this
            if isinstance(nodes[0], exp.Distinct):
                distinct, nodes = True, list(nodes[0].expressions)
        if name == "count" and len(nodes) == 1 and isinstance(nodes[0], exp.Star):
            nodes = []

        def build() -> Typed:
            compiled: list[Typed | None] = [
                None if isinstance(n, exp.Lambda) else self.compile(n) for n in nodes
            ]
            rule, bound = self._resolve(name, AGGREGATE_RULES[name], compiled)
            values, bound = self._fitted(rule, bound, nodes, compiled)
            keys = ordering.keys(order, self) if order is not None else ""
            return self._aggregated(rule, bound, values, distinct, keys, suffix)

        if window:
            return build()
        with self.inside_aggregate():
            return build()

    def _aggregated(
        self, rule: Rule, bound: Bindings, values: list[Typed], distinct: bool, keys: str, suffix: str
    ) -> Typed:
        if rule.name == "approx_distinct" or (distinct and rule.name == "count"):
            ordering.distinct(values, rule.name)
            values = [v.with_sql(comparable(v.sql, v.type)) for v in values]
        elif distinct and any(zoned(v.type) for v in values) and rule.name not in ("min", "max"):
            raise unsupported(f"DISTINCT of a timestamp with time zone in {rule.name}()")
        if rule.name in ("sum", "avg"):  # they add up in 38 digits whatever they are given, small ones faster
            values = [v.with_sql(v.narrow) if v.narrow else v for v in values]
        result = self._apply(rule, bound, values)
        text = result.sql
        for mark, wanted, shown in (("{d}", distinct, "DISTINCT "), ("{o}", bool(keys), f" ORDER BY {keys}")):
            if wanted and mark not in text:
                if mark == "{d}" and rule.name in (
                    "min",
                    "max",
                    "bool_and",
                    "bool_or",
                    "every",
                    "arbitrary",
                    "approx_distinct",
                ):
                    continue
                raise unsupported(f"{shown.split()[0]} in {rule.name}()")
            text = text.replace(mark, shown if wanted else "")
        return Typed(text.replace("@", suffix), result.type)

    def _on_filter(self, node: exp.Filter, suffix: str = "", *, window: bool = False) -> Typed:
        call = node.this
        order = None
        if isinstance(call, exp.WithinGroup):
            call, order = call.this, call.expression
        if not isinstance(call, exp.Anonymous) or str(call.this).lower() not in AGGREGATE_RULES:
            raise syntax("Filter is only valid for aggregate functions")
        if window:
            condition = self.boolean(node.expression.this, "FILTER")
        else:
            with self.inside_aggregate():
                condition = self.boolean(node.expression.this, "FILTER")
        return self._aggregate(call, f" FILTER (WHERE {condition.sql}){suffix}", window=window, order=order)

    def _on_withingroup(self, node: exp.WithinGroup) -> Typed:
        if not isinstance(node.this, exp.Anonymous) or str(node.this.this).lower() != "listagg":
            raise syntax("mismatched input 'WITHIN'")
        return self._aggregate(node.this, order=node.expression)

    def _grouping(self, node: exp.Anonymous) -> Typed:
        if self.grouping is None:
            raise syntax("GROUPING operation requires a GROUP BY clause")
        keys = self.grouping.keys
        with self.inside_aggregate():
            values = [self.compile(a) for a in node.expressions]
        if any(v.sql not in keys for v in values):
            raise syntax(
                "The arguments to GROUPING() must be expressions referenced by the GROUP BY at the "
                "associated query level"
            )
        return Typed(f"CAST(GROUPING({', '.join(v.sql for v in values)}) AS BIGINT)", BIGINT)

    # -- windows -------------------------------------------------------------------------------------------------

    def _on_window(self, node: exp.Window) -> Typed:
        if not self.windows_allowed:
            raise syntax("Window functions are not allowed here")
        over = f" OVER ({ordering.window(node, self)})"
        call, nulls = node.this, ""
        if isinstance(call, (exp.IgnoreNulls, exp.RespectNulls)):
            nulls = " IGNORE NULLS" if isinstance(call, exp.IgnoreNulls) else ""
            call = call.this
        kept, self.windows_allowed = self.windows_allowed, False
        try:
            if isinstance(call, exp.Filter):
                return self._on_filter(call, over, window=True)
            if not isinstance(call, exp.Anonymous):
                raise syntax("mismatched input 'OVER'")
            name = str(call.this).lower()
            if name in AGGREGATE_RULES and not nulls:
                return self._aggregate(call, over, window=True)
            if name not in WINDOW_RULES:
                raise syntax(f"{name} is not a window function")
            return self._window_function(name, list(call.expressions), over, nulls)
        finally:
            self.windows_allowed = kept

    def _window_function(self, name: str, nodes: list[exp.Expr], over: str, nulls: str) -> Typed:
        values: list[Typed | None] = [self.compile(n) for n in nodes]
        rule, bound = self._resolve(name, WINDOW_RULES[name], values)
        fitted, bound = self._fitted(rule, bound, nodes, values)
        if nulls and "{i}" not in rule.template:
            raise syntax(f"Cannot specify null treatment clause for {name} function")
        result = self._apply(rule, bound, fitted)
        return Typed(result.sql.replace("{i}", nulls).replace("@", over), result.type)


__all__ = ["Calls", "common"]
