"""ORDER BY keys and window specifications: Trino puts NULLs last whatever the direction."""

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.trino.operators import comparable
from local_cloud.athena.trino.typed import Typed
from local_cloud.athena.trino.types import zoned

if TYPE_CHECKING:
    from local_cloud.athena.trino.calls import Calls


def direction(node: exp.Ordered) -> str:
    """``DESC NULLS LAST`` and the like."""
    for name, value in node.args.items():
        if value and name not in ("this", "desc", "nulls_first"):
            raise unsupported(f"{name.upper()} in ORDER BY")
    return f"{'DESC' if node.args.get('desc') else 'ASC'} NULLS {'FIRST' if node.args.get('nulls_first') else 'LAST'}"


def key(value: Typed) -> str:
    """The text to sort a value by.

    Raises:
        QueryError: TYPE_MISMATCH for types without an order.
    """
    if value.type.base in ("map", "json"):
        raise QueryError(
            "TYPE_MISMATCH", f"Type {value.type} is not orderable, and therefore cannot be used in ORDER BY"
        )
    return comparable(value.sql, value.type)


def distinct(values: list[Typed], what: str) -> str:
    """What makes rows equal, for DISTINCT ON; '' where DISTINCT itself says it.

    Raises:
        QueryError: NOT_SUPPORTED for zoned timestamps inside other values.
    """
    if not any(zoned(v.type) for v in values):
        return ""
    for value in values:
        if zoned(value.type) and value.type.base in ("row", "array", "map"):
            raise unsupported(f"{what} of {value.type}")
    return f" ON ({', '.join(comparable(v.sql, v.type) for v in values)})"


def keys(order: exp.Expr, compiler: "Calls") -> str:
    """The keys of an ORDER BY inside an aggregate or a window."""
    return ", ".join(f"{key(compiler.compile(o.this))} {direction(o)}" for o in order.expressions)


def window(node: exp.Window, compiler: "Calls") -> str:
    """The text between the parentheses of OVER."""
    if node.args.get("alias") is not None:
        named = compiler.windows.get(node.args["alias"].name.lower())
        if named is None:
            raise syntax(f"Cannot resolve WINDOW name {node.args['alias'].name}")
        if node.args.get("partition_by") or (node.args.get("order") and named.args.get("order")):
            raise syntax("WINDOW specification cannot override the named window")
        if not node.args.get("order") and not node.args.get("spec"):
            return window(named, compiler)
        raise unsupported("Extending a named window")
    parts = []
    if node.args.get("partition_by"):
        listed = [compiler.compile(p) for p in node.args["partition_by"]]
        parts.append("PARTITION BY " + ", ".join(comparable(v.sql, v.type) for v in listed))
    if node.args.get("order"):
        parts.append("ORDER BY " + keys(node.args["order"], compiler))
    spec = node.args.get("spec")
    if spec is not None:
        parts.append(_frame(spec, compiler))
    return " ".join(parts)


def _frame(spec: exp.Expr, compiler: "Calls") -> str:
    if spec.args.get("exclude"):
        raise unsupported("EXCLUDE in a window frame")
    start = _bound(spec.args.get("start"), spec.args.get("start_side"), compiler)
    end = (
        _bound(spec.args.get("end"), spec.args.get("end_side"), compiler)
        if spec.args.get("end")
        else "CURRENT ROW"
    )
    return f"{spec.args['kind']} BETWEEN {start} AND {end}"


def _bound(value: Any, side: str | None, compiler: "Calls") -> str:
    if value == "CURRENT ROW" or value is None:
        return "CURRENT ROW"
    text = "UNBOUNDED" if value == "UNBOUNDED" else compiler.compile(value).sql
    return f"{text} {side}"
