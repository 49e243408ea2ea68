"""Plans of the DataFrame API: relations and expressions of Spark Connect's protocol.

https://github.com/apache/spark/blob/v3.5.4/connector/connect/common/src/main/protobuf/spark/connect/expressions.proto
"""

from collections.abc import Iterator
from typing import Any

import pyspark.sql.connect.proto as pb2

from local_glue.corrections import lambdas, levels, sql_text
from local_glue.corrections.proto import literal, render, text
from local_glue.corrections.rules import RULES, harmless

_EXPRESSIONS = {
    "project": ("expressions",),
    "filter": ("condition",),
    "aggregate": ("grouping_expressions", "aggregate_expressions"),
    "sort": ("order",),
    "with_columns": ("aliases",),
    "join": ("join_condition",),
}
_NAMED = {"project": "expressions", "aggregate": "aggregate_expressions"}
_done: dict[bytes, bytes | None] = {}


def correct(client: Any, message: Any) -> None:
    """Correct every relation inside a plan or command, in place."""
    for relation in _relations(message):
        _correct_relation(client, relation)


def _relations(message: Any) -> Iterator[Any]:
    """All relations inside a message, inputs first."""
    for descriptor, value in message.ListFields():
        if descriptor.type != descriptor.TYPE_MESSAGE or descriptor.message_type.GetOptions().map_entry:
            continue
        for one in value if descriptor.label == descriptor.LABEL_REPEATED else [value]:
            if not isinstance(one, pb2.Expression | pb2.LocalRelation):
                yield from _relations(one)
    if isinstance(message, pb2.Relation):
        yield message


def _correct_relation(client: Any, relation: Any) -> None:
    kind = relation.WhichOneof("rel_type")
    if kind not in _EXPRESSIONS:
        return
    body = getattr(relation, kind)
    roots = [expression for field in _EXPRESSIONS[kind] for expression in _all(body, field)]
    found = [one for root in roots for one in _functions(root, [])]
    strings = [one for root in roots for one in _strings(root)]
    if not found and not strings:
        return
    key = relation.SerializeToString(deterministic=True)
    if key in _done:
        kept = _done[key]
        if kept is not None:
            relation.ParseFromString(kept)
        return
    scope = _Scope(client, kind, body)
    names = scope.names(list(_all(body, _NAMED[kind]))) if kind in _NAMED else []
    changed = False
    for string in strings:
        changed = sql_text.correct_expression(string, scope.types_of, scope.plan) or changed
    changed = levels.correct(found, scope.types_of) or changed
    if changed and kind in _NAMED:
        _keep_names(list(_all(body, _NAMED[kind])), names)
    _done[key] = relation.SerializeToString(deterministic=True) if changed else None


def _all(body: Any, field: str) -> Iterator[Any]:
    value = getattr(body, field)
    if isinstance(value, pb2.Expression):
        yield value
        return
    for one in value:
        if isinstance(one, pb2.Expression.SortOrder):
            yield one.child
        elif isinstance(one, pb2.Expression.Alias):
            yield one.expr
        else:
            yield one


def _children(expression: Any) -> list[Any]:  # noqa: PLR0911
    kind = expression.WhichOneof("expr_type")
    match kind:
        case "unresolved_function":
            return list(expression.unresolved_function.arguments)
        case "alias":
            return [expression.alias.expr]
        case "cast":
            return [expression.cast.expr]
        case "window":
            window = expression.window
            return [
                window.window_function,
                *window.partition_spec,
                *[order.child for order in window.order_spec],
            ]
        case "sort_order":
            return [expression.sort_order.child]
        case "lambda_function":
            return [expression.lambda_function.function]
        case "unresolved_extract_value":
            return [expression.unresolved_extract_value.child, expression.unresolved_extract_value.extraction]
        case "common_inline_user_defined_function":
            return list(expression.common_inline_user_defined_function.arguments)
        case "update_fields":
            return [expression.update_fields.struct_expression, expression.update_fields.value_expression]
    return []


def _strings(expression: Any) -> Iterator[Any]:
    if expression.WhichOneof("expr_type") == "expression_string":
        yield expression
    for child in _children(expression):
        yield from _strings(child)


def _functions(expression: Any, bound: list[lambdas.Binding]) -> list[levels.Found]:
    """The functions in an expression that rules exist for, innermost first."""
    kind = expression.WhichOneof("expr_type")
    function, over = expression, None
    found: list[levels.Found] = []
    if kind == "window":
        function = expression.window.window_function
        inner = function.unresolved_function.arguments
        for child in (*inner, *_children(expression)[1:]):
            found += _functions(child, bound)
        name, operands = function.unresolved_function.function_name.lower(), list(inner)
        if name not in ("avg", "mean"):
            return found
    else:
        inside = lambdas.bindings(expression)
        for child in _children(expression):
            is_lambda = child.WhichOneof("expr_type") == "lambda_function"
            found += _functions(child, bound + inside if is_lambda else bound)
        if kind == "unresolved_function":
            name = expression.unresolved_function.function_name.lower()
            operands = list(expression.unresolved_function.arguments)
        elif kind == "cast":
            name, operands = "cast", [expression.cast.expr]
        else:
            return found
    literals = [literal(one) for one in operands]
    if name not in RULES or harmless(name, literals) or (not operands and name != "version"):
        return found
    if name in ("avg", "mean"):
        over = lambda other: _renamed(expression, other)  # noqa: E731
    found.append(
        levels.Found(
            name=name,
            operands=operands,
            probes=[lambdas.outside(one, bound) for one in operands],
            literals=literals,
            height=1 + max((one.height for one in found), default=0),
            text=lambda: text(expression),
            replace=lambda result: expression.CopyFrom(render(result, expression)),
            target=_target(expression) if kind == "cast" else "",
            over=over,
        )
    )
    return found


def _renamed(expression: Any, name: str) -> Any:
    copy = pb2.Expression()
    copy.CopyFrom(expression)
    inner = copy.window.window_function if copy.WhichOneof("expr_type") == "window" else copy
    inner.unresolved_function.function_name = name
    return copy


def _target(expression: Any) -> str:
    cast = expression.cast
    return cast.type_str if cast.type_str else str(cast.type.WhichOneof("kind"))


def _keep_names(expressions: list[Any], names: list[str]) -> None:
    """A column keeps the name the caller's expression gives it."""
    for expression, name in zip(expressions, names, strict=True):
        if name and expression.WhichOneof("expr_type") in (
            "unresolved_function",
            "cast",
            "window",
            "expression_string",
        ):
            copy = pb2.Expression()
            copy.alias.expr.CopyFrom(expression)
            copy.alias.name.append(name)
            expression.CopyFrom(copy)


class _Scope:
    """Where a relation's expressions are resolved: over its input."""

    def __init__(self, client: Any, kind: str, body: Any) -> None:
        self._client, self._kind, self._body = client, kind, body

    def names(self, expressions: list[Any]) -> list[str]:
        """The column names of expressions that have none of their own."""
        plain = [e.WhichOneof("expr_type") for e in expressions]
        unnamed = [
            e for e, kind in zip(expressions, plain, strict=True) if kind not in ("alias", "unresolved_star")
        ]
        fields = iter(self._fields(unnamed))
        return ["" if kind in ("alias", "unresolved_star") else next(fields).name for kind in plain]

    def types_of(self, expressions: list[Any]) -> list[Any]:
        """The engine's types."""
        return [field.dataType for field in self._fields(expressions)]

    def _fields(self, expressions: list[Any]) -> list[Any]:
        if not expressions:
            return []
        expressions = [
            pb2.Expression(expression_string=pb2.Expression.ExpressionString(expression=one))
            if isinstance(one, str)
            else one
            for one in expressions
        ]
        try:
            return self._schema(self._projection(expressions))
        except Exception:
            if len(expressions) > 1:
                return [field for one in expressions for field in self._fields([one])]
            if self._kind != "aggregate":
                raise
            return self._schema(self._aggregation(expressions))[-1:]

    def plan(self, expression: str) -> str:
        """The engine's resolved plan of an expression's text."""
        text = pb2.Expression.ExpressionString(expression=expression)
        relation = self._projection([pb2.Expression(expression_string=text)])
        return str(self._client._uncorrected_plan(pb2.Plan(root=relation)))

    def _schema(self, relation: Any) -> list[Any]:
        plan = pb2.Plan(root=relation)
        fields = self._client._uncorrected_schema(plan).fields
        return list(fields)

    def _projection(self, expressions: list[Any]) -> Any:
        relation = pb2.Relation()
        if self._kind == "join":
            relation.project.input.join.CopyFrom(self._body)
            relation.project.input.join.ClearField("join_condition")
            relation.project.input.join.ClearField("using_columns")
            relation.project.input.join.join_type = pb2.Join.JOIN_TYPE_CROSS
        else:
            relation.project.input.CopyFrom(self._body.input)
        relation.project.expressions.extend(expressions)
        return relation

    def _aggregation(self, expressions: list[Any]) -> Any:
        relation = pb2.Relation()
        relation.aggregate.CopyFrom(self._body)
        relation.aggregate.ClearField("aggregate_expressions")
        relation.aggregate.aggregate_expressions.extend(expressions)
        return relation
