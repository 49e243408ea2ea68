"""Predicates over partition columns as Glue partition expressions, where the two agree on their meaning."""

import re
from collections.abc import Callable

from sqlglot import exp

from local_cloud.athena.trino.syntax import TypedLiteral
from local_cloud.athena.trino.types import Type

_OPERATORS: dict[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
Names = Callable[[exp.Expr], str]


def glue_expression(node: exp.Expr, name_of: Names, kinds: dict[str, Type]) -> str | None:
    """``node`` in GetPartitions' grammar, or None: it only narrows what is fetched, the predicate itself still decides.

    https://docs.aws.amazon.com/glue/latest/webapi/API_GetPartitions.html
    """
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, (exp.And, exp.Or)):
        parts = [glue_expression(n, name_of, kinds) for n in (node.left, node.right)]
        if None in parts:
            return None
        return f"({parts[0]} {'AND' if isinstance(node, exp.And) else 'OR'} {parts[1]})"
    if type(node) in _OPERATORS:
        return _compared(node, name_of, kinds)
    if isinstance(node, exp.In) and isinstance(node.this, exp.Column) and node.expressions:
        kind = kinds[name_of(node.this)]
        values = [_literal(v, kind) for v in node.expressions]
        return None if None in values else f"{name_of(node.this)} IN ({', '.join(map(str, values))})"
    if isinstance(node, exp.Between) and isinstance(node.this, exp.Column):
        kind = kinds[name_of(node.this)]
        low, high = _literal(node.args["low"], kind), _literal(node.args["high"], kind)
        return None if low is None or high is None else f"{name_of(node.this)} BETWEEN {low} AND {high}"
    return None


def _compared(node: exp.Expr, name_of: Names, kinds: dict[str, Type]) -> str | None:
    left, right, operator = node.this, node.expression, _OPERATORS[type(node)]
    if isinstance(right, exp.Column):
        left, right, operator = right, left, _FLIPPED[operator]
    if not isinstance(left, exp.Column) or isinstance(right, exp.Column):
        return None
    name = name_of(left)
    value = _literal(right, kinds[name])
    return None if value is None else f"{name} {operator} {value}"


def _literal(node: exp.Expr, kind: Type) -> str | None:
    """A literal of the column's own type; everything else stays with the predicate."""
    if isinstance(node, exp.Literal) and node.is_string and kind.base == "varchar":
        text = str(node.this)
        return "'" + text.replace("'", "''") + "'" if text and "\\" not in text else None
    if (
        isinstance(node, exp.Literal)
        and not node.is_string
        and kind.integral
        and re.fullmatch(r"\d+", node.this)
    ):
        return str(node.this)
    if (
        isinstance(node, TypedLiteral)
        and kind.base == "date"
        and re.fullmatch(r"\d{4}-\d\d-\d\d", node.this.this)
    ):
        return f"'{node.this.this}'"
    return None
