"""Variables of lambdas, outside of which they have no type: an element of the array or map stands for them."""

from dataclasses import dataclass
from typing import Any

import pyspark.sql.connect.proto as pb2


@dataclass(frozen=True)
class Binding:
    """A variable's name and an expression of its type."""

    name: str
    value: Any


def bindings(expression: Any) -> list[Binding]:
    """What the lambdas among a function's arguments bind."""
    if expression.WhichOneof("expr_type") != "unresolved_function":
        return []
    function = expression.unresolved_function
    found = []
    for argument in function.arguments:
        if argument.WhichOneof("expr_type") != "lambda_function":
            continue
        names = [variable.name_parts[0] for variable in argument.lambda_function.arguments]
        found += [Binding(n, v) for n, v in zip(names, _values(function), strict=False)]
    return found


def _values(function: Any) -> list[Any]:
    collection = function.arguments[0]
    match function.function_name.lower():
        case "aggregate" | "reduce":
            return [function.arguments[1], _item(collection)]
        case "map_filter" | "transform_keys" | "transform_values":
            return [_item(_call("map_keys", collection)), _item(_call("map_values", collection))]
        case "zip_with":
            return [_item(collection), _item(function.arguments[1])]
    return [_item(collection), pb2.Expression(literal=pb2.Expression.Literal(integer=0))]


def _call(name: str, argument: Any) -> Any:
    result = pb2.Expression()
    result.unresolved_function.function_name = name
    result.unresolved_function.arguments.append(argument)
    return result


def _item(collection: Any) -> Any:
    result = pb2.Expression()
    result.unresolved_extract_value.child.CopyFrom(collection)
    result.unresolved_extract_value.extraction.literal.integer = 0
    return result


def outside(expression: Any, bound: list[Binding]) -> Any:
    """The expression with lambda variables replaced."""
    if not bound:
        return expression
    copy = pb2.Expression()
    copy.CopyFrom(expression)
    _replace(copy, {binding.name: binding.value for binding in bound})
    return outside(copy, bound[:-1]) if len(bound) > 1 else copy


def _replace(message: Any, values: dict[str, Any]) -> None:
    if message.DESCRIPTOR is pb2.Expression.DESCRIPTOR and (
        message.WhichOneof("expr_type") == "unresolved_named_lambda_variable"
    ):
        name = message.unresolved_named_lambda_variable.name_parts[0]
        if name in values:
            message.CopyFrom(values[name])
        return
    for descriptor, value in message.ListFields():
        if descriptor.type == descriptor.TYPE_MESSAGE:
            for one in value if descriptor.label == descriptor.LABEL_REPEATED else [value]:
                _replace(one, values)
