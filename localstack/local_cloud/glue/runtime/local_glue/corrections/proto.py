"""Expressions of Spark Connect's protocol: read, written."""

from typing import Any

import pyspark.sql.connect.proto as pb2

from local_glue.corrections import rules, sql_text

_NUMBERS = ("byte", "short", "integer", "long", "double", "float", "string")


def literal(expression: Any) -> Any:
    """A literal's value, else ``None``."""
    if expression.WhichOneof("expr_type") != "literal":
        return None
    kind = expression.literal.WhichOneof("literal_type")
    return getattr(expression.literal, kind) if kind in _NUMBERS else None


def text(expression: Any) -> str:  # noqa: PLR0911
    """A short name for messages."""
    kind = expression.WhichOneof("expr_type")
    match kind:
        case "unresolved_attribute":
            return str(expression.unresolved_attribute.unparsed_identifier)
        case "literal":
            return repr(literal(expression))
        case "unresolved_function":
            function = expression.unresolved_function
            inner = [text(one) for one in function.arguments]
            if len(inner) == 2 and not function.function_name.isidentifier():
                return f"({inner[0]} {function.function_name} {inner[1]})"
            return f"{function.function_name}({', '.join(inner)})"
        case "cast":
            return f"CAST({text(expression.cast.expr)} AS {expression.cast.type_str or 'string'})"
        case "alias":
            return text(expression.alias.expr)
        case "expression_string":
            return str(expression.expression_string.expression)
        case "unresolved_named_lambda_variable":
            return str(expression.unresolved_named_lambda_variable.name_parts[0])
    return str(kind)


def render(value: Any, original: Any) -> Any:
    """A rule's expression as a message."""
    result = pb2.Expression()
    match value:
        case rules.Raw(node):
            result.CopyFrom(node)
        case rules.Sql(sql):
            result.expression_string.expression = sql
        case rules.Cast(inner, kind):
            result.cast.expr.CopyFrom(render(inner, original))
            result.cast.type_str = kind
        case rules.Call("__json_part", (inner,)):
            return render(sql_text.json_part(inner), original)
        case rules.Call(name, arguments):
            result.unresolved_function.function_name = name
            result.unresolved_function.arguments.extend(render(one, original) for one in arguments)
        case rules.Same(arguments):
            result.CopyFrom(original)
            del result.unresolved_function.arguments[:]
            result.unresolved_function.arguments.extend(render(one, original) for one in arguments)
        case _:
            raise TypeError(f"{value!r} is no expression")
    return result
