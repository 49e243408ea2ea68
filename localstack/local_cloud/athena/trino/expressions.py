"""Expressions: each kind of node has its own handler; a node without one is refused."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.trino import literals, operators
from local_cloud.athena.trino.casts import cast, coerce
from local_cloud.athena.trino.predicates import COMPARISONS, Predicates, only
from local_cloud.athena.trino.scope import Field, Needs, Scope
from local_cloud.athena.trino.syntax import TypedLiteral, parse, position
from local_cloud.athena.trino.typed import Typed, null
from local_cloud.athena.trino.types import (
    BIGINT,
    BOOLEAN,
    INTEGER,
    UNKNOWN,
    Type,
    array,
    common,
    parse_type,
)


@dataclass
class Grouping:
    """The keys of an aggregation, as DuckDB text; a column outside of them must be inside an aggregate."""

    keys: set[str] = field(default_factory=set)


_ARITHMETIC: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
}


class Expressions(Predicates):
    """Compiles expressions over a scope. ``queries`` compiles subqueries: (node, scope) -> (text, fields)."""

    def __init__(
        self,
        sql: str,
        scope: Scope,
        needs: Needs,
        subquery: Callable[[exp.Expr, Scope], tuple[str, list[Field]]],
        parameters: list[str],
    ) -> None:
        self.sql, self.scope, self.needs, self.subquery, self.parameters = (
            sql,
            scope,
            needs,
            subquery,
            parameters,
        )
        self.lambdas: dict[str, Typed] = {}
        self.lambda_count = 0
        self.grouping: Grouping | None = None
        self.aggregates_allowed = False
        self.windows_allowed = False
        self.windows: dict[str, exp.Window] = {}
        self.aggregated = False

    # -- entry ---------------------------------------------------------------------------------------------------

    def compile(self, node: exp.Expr) -> Typed:
        """The expression's DuckDB text and type.

        Raises:
            QueryError: with the position of the innermost node at fault.
        """
        try:
            return self._compile(node)
        except QueryError as error:
            if error.position is None:
                raise QueryError(error.name, error.message, position(node, self.sql)) from error
            raise

    def _compile(self, node: exp.Expr) -> Typed:
        if self.grouping is not None:
            kept, self.grouping = self.grouping, None
            allowed, self.aggregates_allowed = self.aggregates_allowed, False
            windows, self.windows_allowed = self.windows_allowed, False
            try:
                with self.needs.collect():
                    plain = self._dispatch(node)
            except QueryError:
                plain = None
            finally:
                self.grouping, self.aggregates_allowed, self.windows_allowed = kept, allowed, windows
            if plain is not None and plain.sql in kept.keys:
                if (
                    plain.type.base == "timestamp with time zone"
                ):  # grouped by its instant; Trino shows any of the zones
                    return plain.with_sql(f"any_value({plain.sql})")
                return plain
        return self._dispatch(node)

    def _dispatch(self, node: exp.Expr) -> Typed:
        kind = type(node)
        if kind in COMPARISONS:
            return self._comparison(node)
        if kind in _ARITHMETIC:
            return operators.arithmetic(
                _ARITHMETIC[kind], self.compile(node.this), self.compile(node.expression)
            )
        handler = getattr(self, f"_on_{kind.__name__.lower()}", None)
        if handler is None:
            raise unsupported(_shown(node))
        result: Typed = handler(node)
        return result

    def boolean(self, node: exp.Expr, clause: str) -> Typed:
        """A predicate; ``clause`` names it in the error."""
        value = self.compile(node)
        if value.type.base not in ("boolean", "unknown"):
            raise QueryError(
                "TYPE_MISMATCH", f"{clause} clause must evaluate to a boolean: actual type {value.type}",
                position(node, self.sql),
            )  # fmt: skip
        return coerce(value, BOOLEAN)

    @contextmanager
    def inside_aggregate(self) -> Iterator[None]:
        """Arguments of an aggregate see single rows and may not aggregate again."""
        kept = self.grouping, self.aggregates_allowed, self.windows_allowed
        self.grouping, self.aggregates_allowed, self.windows_allowed = None, False, False
        try:
            yield
        finally:
            self.grouping, self.aggregates_allowed, self.windows_allowed = kept

    # -- names ---------------------------------------------------------------------------------------------------

    def _on_column(self, node: exp.Column) -> Typed:
        only(node, "this", "table", "db", "catalog")
        path = tuple(part.name.lower() for part in node.parts)
        if path[0] in self.lambdas:
            return self._members(self.lambdas[path[0]], path[1:])
        found = self.scope.find(path)
        if found is None:
            raise QueryError("COLUMN_NOT_FOUND", f"Column '{'.'.join(path)}' cannot be resolved")
        field_, used = found
        self.needs.add(field_.needs)
        if self.grouping is not None and field_ in self.scope.fields and field_.sql not in self.grouping.keys:
            raise QueryError(
                "EXPRESSION_NOT_AGGREGATE",
                f"'{'.'.join(path)}' must be an aggregate expression or appear in GROUP BY clause",
            )
        return self._members(field_.typed(), path[used:])

    def _members(self, value: Typed, names: tuple[str, ...]) -> Typed:
        for name in names:
            if value.type.base != "row":
                raise syntax(f"Expression is not of type ROW: {value.type}")
            places = [i for i, (n, _) in enumerate(value.type.args, 1) if n is not None and n.lower() == name]
            if not places:
                raise QueryError("COLUMN_NOT_FOUND", f"Column '{name}' cannot be resolved")
            value = value.with_sql(f"({value.sql}).f{places[0]}", value.type.args[places[0] - 1][1])
        return value

    def _on_dot(self, node: exp.Dot) -> Typed:
        if isinstance(node.expression, exp.Identifier):
            return self._members(self.compile(node.this), (node.expression.name.lower(),))
        raise syntax("mismatched input '.'")

    def _on_identifier(self, node: exp.Identifier) -> Typed:
        name = node.name.lower()
        if name in self.lambdas:
            return self.lambdas[name]
        return self._on_column(exp.Column(this=node))

    # -- literals ------------------------------------------------------------------------------------------------

    def _on_literal(self, node: exp.Literal) -> Typed:
        return literals.text(node.this) if node.is_string else literals.number(node.this)

    def _on_null(self, node: exp.Null) -> Typed:
        del node
        return null(UNKNOWN)

    def _on_boolean(self, node: exp.Boolean) -> Typed:
        return Typed("true" if node.this else "false", BOOLEAN, literal=bool(node.this))

    def _on_hexstring(self, node: exp.HexString) -> Typed:
        return literals.binary(str(node.this))

    def _on_typedliteral(self, node: TypedLiteral) -> Typed:
        return literals.typed(node.this.this, node.args["to"].sql(dialect="trino"))

    def _on_interval(self, node: exp.Interval) -> Typed:
        only(node, "this", "unit")
        return literals.interval(node)

    def _on_placeholder(self, node: exp.Placeholder) -> Typed:
        del node
        if not self.parameters:
            raise QueryError("INVALID_PARAMETER_USAGE", "Incorrect number of parameters: no value for a ?")
        tree = parse(f"SELECT {self.parameters.pop(0)}")
        items = tree.expressions
        if (
            not isinstance(tree, exp.Select)
            or len(items) != 1
            or len([v for v in tree.args.values() if v]) != 1
        ):
            raise QueryError("INVALID_PARAMETER_USAGE", "A parameter must be one literal")
        if any(isinstance(n, (exp.Column, exp.Query)) for n in items[0].walk()):
            raise QueryError(
                "INVALID_PARAMETER_USAGE", "A parameter must be a literal; write strings in single quotes"
            )
        return self.compile(items[0])

    # -- structure -----------------------------------------------------------------------------------------------

    def _on_paren(self, node: exp.Paren) -> Typed:
        return self.compile(node.this)

    def _on_tuple(self, node: exp.Tuple) -> Typed:
        return self.row([self.compile(item) for item in node.expressions])

    def row(self, values: list[Typed], names: list[str | None] | None = None) -> Typed:
        """ROW(...)."""
        if not values:
            raise syntax("mismatched input ')'")
        kind = Type("row", tuple(zip(names or [None] * len(values), (v.type for v in values), strict=True)))
        fields = ", ".join(f"f{i} := {v.sql}" for i, v in enumerate(values, 1))
        return Typed(f"struct_pack({fields})", kind, any(v.volatile for v in values))

    def _on_array(self, node: exp.Array) -> Typed:
        return self.array_of([self.compile(item) for item in node.expressions])

    def array_of(self, values: list[Typed]) -> Typed:
        """ARRAY[...], its elements brought to one type."""
        element: Type | None = UNKNOWN
        for value in values:
            element = common(element, value.type) if element is not None else None
            if element is None:
                raise QueryError("TYPE_MISMATCH", f"All ARRAY elements must be the same type: {value.type}")
        items = ", ".join(coerce(v, element).sql for v in values) if element else ""
        kind = array(element or UNKNOWN)
        text = f"[{items}]" if values else "CAST([] AS INTEGER[])"
        return Typed(text, kind, any(v.volatile for v in values))

    def _on_bracket(self, node: exp.Bracket) -> Typed:
        only(node, "this", "expressions", "safe")
        if len(node.expressions) != 1:
            raise syntax("mismatched input ','")
        return operators.subscript(self.compile(node.this), self.compile(node.expressions[0]))

    def _on_cast(self, node: exp.Cast) -> Typed:
        only(node, "this", "to")
        return cast(self.compile(node.this), parse_type(node.args["to"].sql(dialect="trino")))

    def _on_trycast(self, node: exp.TryCast) -> Typed:
        only(node, "this", "to", "requires_string", "safe")
        value = cast(self.compile(node.this), parse_type(node.args["to"].sql(dialect="trino")))
        return value if value.constant else value.with_sql(f"TRY({value.sql})")

    def _on_dpipe(self, node: exp.DPipe) -> Typed:
        items = [self.compile(item) for item in node.flatten(unnest=False)]
        value = items[0]
        for item in items[1:]:
            value = operators.concatenation([value, item])
        return value

    def _on_extract(self, node: exp.Extract) -> Typed:
        field_ = node.this.name.lower()
        if field_ not in _EXTRACTED:
            raise syntax(f"Invalid EXTRACT field: {node.this.name}", position(node, self.sql))
        return self.function(field_, [self.compile(node.expression)])

    def _on_trim(self, node: exp.Trim) -> Typed:
        only(node, "this", "expression", "position")
        name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(
            str(node.args.get("position") or "").upper(), "trim"
        )
        arguments = [node.this] + ([node.expression] if node.expression else [])
        return self.function(name, [self.compile(a) for a in arguments])

    def _on_substring(self, node: exp.Substring) -> Typed:
        only(node, "this", "start", "length")
        parts = [node.this, node.args.get("start"), node.args.get("length")]
        return self.function("substring", [self.compile(p) for p in parts if p is not None])

    def _on_strposition(self, node: exp.StrPosition) -> Typed:
        only(node, "this", "substr")
        return self.function("strpos", [self.compile(node.this), self.compile(node.args["substr"])])

    def _on_attimezone(self, node: exp.AtTimeZone) -> Typed:
        value = self.compile(node.this)
        if value.type.base == "timestamp":
            value = cast(value, Type("timestamp with time zone", value.type.args))
        return self.function("at_timezone", [value, self.compile(node.args["zone"])])

    def _on_currentdate(self, node: exp.CurrentDate) -> Typed:
        only(node)
        return self.function("current_date", [])

    def _on_currenttimestamp(self, node: exp.CurrentTimestamp) -> Typed:
        only(node)
        return self.function("current_timestamp", [])

    def _on_localtimestamp(self, node: exp.Localtimestamp) -> Typed:
        only(node)
        return self.function("localtimestamp", [])

    def _on_localtime(self, node: exp.Localtime) -> Typed:
        only(node)
        return self.function("localtime", [])


__all__ = ["BIGINT", "INTEGER", "Any", "Expressions", "Grouping", "only"]


# https://trino.io/docs/current/functions/datetime.html#extraction-function
_EXTRACTED = {
    "year", "quarter", "month", "week", "day", "day_of_month", "day_of_week", "dow", "day_of_year", "doy",
    "year_of_week", "yow", "hour", "minute", "second", "timezone_hour", "timezone_minute",
}  # fmt: skip


def _shown(node: exp.Expr) -> str:
    """A node for an error; one that sqlglot cannot write has only its name."""
    try:
        return f"{node.sql(dialect='trino')[:80]!r} ({type(node).__name__})"
    except (ValueError, AttributeError):
        return type(node).__name__
