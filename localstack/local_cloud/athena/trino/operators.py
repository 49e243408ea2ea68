"""Operators: arithmetic with Trino's result types, comparisons, concatenation, subscripts."""

from dataclasses import replace

from local_cloud.athena.errors import QueryError, syntax
from local_cloud.athena.trino.casts import cast, coerce, folded
from local_cloud.athena.trino.typed import Typed, null, once, slots
from local_cloud.athena.trino.types import (
    BOOLEAN,
    DAY_SECOND,
    UNKNOWN,
    VARCHAR,
    YEAR_MONTH,
    Type,
    array,
    as_decimal,
    common,
    decimal,
    duck,
    zoned,
)  # fmt: skip

_INTERVALS = (DAY_SECOND, YEAR_MONTH)


def mismatch(operator: str, a: Typed, b: Typed) -> QueryError:
    return QueryError("TYPE_MISMATCH", f"Cannot apply operator: {a.type} {operator} {b.type}")


def arithmetic(operator: str, a: Typed, b: Typed) -> Typed:
    """``a operator b`` for + - * / %.

    Raises:
        QueryError: TYPE_MISMATCH.
    """
    if a.type.base == "unknown" and b.type.base == "unknown":
        return null(UNKNOWN)
    if a.type.base == "unknown" and b.type.numeric:
        a = null(b.type)
    if b.type.base == "unknown" and a.type.numeric:
        b = null(a.type)
    if a.type.numeric and b.type.numeric:
        return _numeric(operator, a, b)
    if (operator in "+-" and (a.type.temporal or a.type in _INTERVALS)) or (
        operator == "+" and b.type.temporal
    ):
        return _temporal(operator, a, b)
    if operator in "*/" and a.type == DAY_SECOND and b.type.numeric:
        return _scale_interval(operator, a, b)
    if operator == "*" and b.type == DAY_SECOND and a.type.numeric:
        return _scale_interval(operator, b, a)
    raise mismatch(operator, a, b)


def _scale_interval(operator: str, a: Typed, b: Typed) -> Typed:
    return once([a, b], f"to_microseconds(CAST(t_us({{0}}) {operator} {{1}} AS BIGINT))", DAY_SECOND)


def _numeric(operator: str, a: Typed, b: Typed) -> Typed:
    kind = common(a.type, b.type)
    if kind is None:
        raise mismatch(operator, a, b)
    if kind.base == "decimal":
        return decimal_arithmetic(operator, a, b)
    x, y = coerce(a, kind), coerce(b, kind)
    if kind.integral and operator in "+-*" and isinstance(a.literal, int) and isinstance(b.literal, int):
        whole = {"+": a.literal + b.literal, "-": a.literal - b.literal, "*": a.literal * b.literal}[operator]
        literal = folded(Typed("", kind, literal=whole), kind)
        if literal is not None:  # else it overflows, when it is run
            return literal
    if kind.integral:
        text = "//" if operator == "/" else operator
        return once([x, y], f"CAST(({{0}} {text} {{1}}) AS {duck(kind)})", kind)
    return once([x, y], f"CAST(({{0}} {operator} {{1}}) AS {duck(kind)})", kind)


def unscaled(value: Typed) -> str:
    """A decimal's digits as a HUGEINT."""
    scale = value.type.args[1]
    if scale == 0:
        return f"CAST({value.sql} AS HUGEINT)"
    return f"CAST(({value.sql} * CAST({10**scale} AS DECIMAL({scale + 1},0))) AS HUGEINT)"


def rescaled(digits: str, kind: Type) -> str:
    """A HUGEINT of digits as a decimal of type ``kind``."""
    precision, scale = kind.args
    if scale == 0:
        return f"CAST({digits} AS DECIMAL({precision},0))"
    unit = "0." + "0" * (scale - 1) + "1"
    return f"CAST((CAST({digits} AS DECIMAL(38,0)) * CAST({unit} AS DECIMAL({scale + 1},{scale}))) AS {duck(kind)})"


def decimal_result(operator: str, x: Type, y: Type) -> Type:
    """Trino's result type: https://trino.io/docs/current/functions/decimal.html"""
    (p1, s1), (p2, s2) = x.args, y.args
    scale = max(s1, s2)
    if operator in "+-":
        return decimal(max(p1 - s1, p2 - s2) + scale + 1, scale)
    if operator == "*":
        if s1 + s2 > 38:
            raise QueryError(
                "INVALID_FUNCTION_ARGUMENT", f"DECIMAL scale must be in range [0, 38]: {s1 + s2}"
            )
        return decimal(p1 + p2, s1 + s2)
    if operator == "/":
        return decimal(p1 + s2 + max(s2 - s1, 0), scale)
    return decimal(min(p2 - s2, p1 - s1) + scale, scale)


def decimal_arithmetic(operator: str, a: Typed, b: Typed) -> Typed:
    """Exact arithmetic, with half-up rounding in division."""
    x, y = cast(a, as_decimal(a.type)), cast(b, as_decimal(b.type))
    kind = decimal_result(operator, x.type, y.type)
    if operator == "*":
        product = once([x, y], "({0} * {1})", kind)
        return replace(product, sql=f"CAST({product.sql} AS {duck(kind)})", narrow=product.sql)
    if operator in "+-":
        # One digit more than either side has holds the result, unless 38 are used up.
        wide = [cast(v, kind) for v in (x, y)]
        fits = max(x.type.args[0] - x.type.args[1], y.type.args[0] - y.type.args[1]) + kind.args[1] < 38
        text = f"({{0}} {operator} {{1}})"
        return once(wide, f"({text})::{duck(kind)}" if fits else f"CAST({text} AS {duck(kind)})", kind)
    s1, s2 = x.type.args[1], y.type.args[1]
    left = Typed("{0}", x.type)
    right = Typed("{1}", y.type)
    if operator == "/":
        power = kind.args[1] - s1 + s2
        digits = f"t_div({unscaled(left)} * CAST({10**power} AS HUGEINT), {unscaled(right)})"
        return once([x, y], rescaled(digits, kind), kind)
    scale = max(s1, s2)
    up = f"({unscaled(left)} * CAST({10 ** (scale - s1)} AS HUGEINT))"
    down = f"({unscaled(right)} * CAST({10 ** (scale - s2)} AS HUGEINT))"
    return once([x, y], rescaled(f"({up} % {down})", kind), kind)


def _temporal(operator: str, a: Typed, b: Typed) -> Typed:
    if a.type in _INTERVALS and b.type.temporal and operator == "+":
        a, b = b, a
    if b.type in _INTERVALS and a.type.temporal:
        return _shift(operator, a, b)
    if a.type in _INTERVALS and a.type == b.type:
        return once([a, b], f"({{0}} {operator} {{1}})", a.type)
    kind = common(a.type, b.type)
    if operator != "-" or kind is None or kind.base == "time":
        raise mismatch(operator, a, b)
    x, y = coerce(a, kind), coerce(b, kind)
    if kind.base == "timestamp with time zone":
        return once([x, y], "to_microseconds(epoch_us(({0}).t) - epoch_us(({1}).t))", DAY_SECOND)
    return once(
        [x, y],
        "to_microseconds(epoch_us(CAST({0} AS TIMESTAMP)) - epoch_us(CAST({1} AS TIMESTAMP)))",
        DAY_SECOND,
    )


def _shift(operator: str, a: Typed, b: Typed) -> Typed:
    base = a.type.base
    if base == "time":
        if b.type != DAY_SECOND:
            raise mismatch(operator, a, b)
        return once([a, b], f"({{0}} {operator} {{1}})", a.type)
    if base == "date":
        if b.constant and b.literal == "clock":
            raise QueryError("INVALID_FUNCTION_ARGUMENT", "Cannot add hour, minutes or seconds to a date")
        return once([a, b], f"CAST(({{0}} {operator} {{1}}) AS DATE)", a.type)
    if base == "timestamp":
        return once([a, b], f"({{0}} {operator} {{1}})", a.type)
    if b.type == DAY_SECOND:
        return once([a, b], f"CASE WHEN {{0}} IS NULL OR {{1}} IS NULL THEN NULL ELSE "
                    f"struct_pack(t := ({{0}}).t {operator} {{1}}, z := ({{0}}).z) END", a.type)  # fmt: skip
    return once([a, b], f"t_atzone(t_local({{0}}) {operator} {{1}}, ({{0}}).z)", a.type)


def comparison(operator: str, a: Typed, b: Typed) -> Typed:
    """``a operator b`` for = <> < <= > >= and IS [NOT] DISTINCT FROM; both sides brought to one type."""
    kind = common(a.type, b.type)
    if kind is None or kind.base == "json" or (kind.base == "map" and operator not in ("=", "<>")):
        raise mismatch(operator, a, b)
    x, y = coerce(a, kind), coerce(b, kind)
    if kind.base == "row" and operator in ("=", "<>"):
        return _rows(operator, x, y)
    if kind.base == "array" and operator in ("=", "<>"):
        return _arrays(operator, x, y)
    if kind.base in ("row", "array", "map") and operator not in ("IS DISTINCT FROM", "IS NOT DISTINCT FROM"):
        raise QueryError("NOT_SUPPORTED", f"{operator} of {kind} is not supported by the local Athena engine")
    if kind.base in ("row", "array", "map") and zoned(kind):
        raise QueryError("NOT_SUPPORTED", f"{operator} of {kind} is not supported by the local Athena engine")
    if kind.base in ("double", "real"):
        return _floats(operator, x, y)
    return once([x, y], f"({comparable('{0}', kind)} {operator} {comparable('{1}', kind)})", BOOLEAN)


def _floats(operator: str, a: Typed, b: Typed) -> Typed:
    """Doubles: to Trino NaN equals nothing and has no order, to DuckDB it equals itself and is the greatest."""
    left, right = not a.constant, not b.constant  # a literal is no NaN
    text = f"({{0}} {operator} {{1}})"
    if operator in (">", ">=") and left:
        text = f"({text} AND NOT isnan({{0}}))"
    elif operator in ("<", "<=") and right:
        text = f"({text} AND NOT isnan({{1}}))"
    elif operator == "=" and left and right:
        text = f"({text} AND NOT isnan({{0}}))"
    elif operator == "<>" and left and right:
        text = f"({text} OR isnan({{0}}))"
    if operator in ("<=", ">=") and left and right:
        text = f"({text} AND NOT isnan({{0}}) AND NOT isnan({{1}}))"
    return once([a, b], text, BOOLEAN)


def comparable(sql: str, kind: Type) -> str:
    """The text two values of ``kind`` compare by: a zoned timestamp by its instant, an interval by its length."""
    if kind.base == "timestamp with time zone":
        return f"({sql}).t"
    return f"t_us({sql})" if kind == DAY_SECOND else sql


def _rows(operator: str, a: Typed, b: Typed) -> Typed:
    parts = []
    for i, (_, kind) in enumerate(a.type.args, 1):
        x, y = Typed(f"({{0}}).f{i}", kind), Typed(f"({{1}}).f{i}", kind)
        parts.append(comparison("=", x, y).sql)
    text = "(" + " AND ".join(parts) + ")"
    return once([a, b], f"(NOT {text})" if operator == "<>" else text, BOOLEAN)


def _arrays(operator: str, a: Typed, b: Typed) -> Typed:
    element = a.type.args[0]
    if element.base in ("array", "row", "map", "json") or zoned(element):
        raise QueryError(
            "NOT_SUPPORTED", f"{operator} of {a.type} is not supported by the local Athena engine"
        )
    differs = "len(list_filter(list_zip({0}, {1}), lambda p: p[1] <> p[2]))"
    has_null = "len(list_filter(list_concat({0}, {1}), lambda p: p IS NULL))"
    text = (
        f"CASE WHEN {{0}} IS NULL OR {{1}} IS NULL THEN NULL WHEN len({{0}}) <> len({{1}}) THEN false "
        f"WHEN {differs} > 0 THEN false WHEN {has_null} > 0 THEN NULL ELSE true END"
    )
    return once([a, b], f"(NOT {text})" if operator == "<>" else f"({text})", BOOLEAN)


def concatenation(parts: list[Typed]) -> Typed:
    """``||`` and concat(): strings, binaries, arrays and array with element."""
    if any(p.type.base == "array" for p in parts):
        return _concat_arrays(parts)
    if all(p.type.text or p.type.base == "unknown" for p in parts):
        texts = [cast(p, VARCHAR) if p.type.base != "varchar" else p for p in parts]
        return once(texts, "(" + " || ".join(slots(len(texts))) + ")", VARCHAR)
    if all(p.type.base == "varbinary" for p in parts):
        return once(parts, "(" + " || ".join(slots(len(parts))) + ")", parts[0].type)
    raise mismatch("||", parts[0], parts[1])


def _concat_arrays(parts: list[Typed]) -> Typed:
    element: Type | None = UNKNOWN
    for p in parts:
        one = p.type.args[0] if p.type.base == "array" else p.type
        element = common(element, one) if element else None
    if element is None:
        raise mismatch("||", parts[0], parts[1])
    lists = [coerce(p, array(element)) if p.type.base == "array" else
             Typed(f"[{coerce(p, element).sql}]", array(element), p.volatile) for p in parts]  # fmt: skip
    nulls = " OR ".join(slots(len(lists), then=" IS NULL"))
    body = "{0}"
    for i in range(1, len(lists)):
        body = f"list_concat({body}, {{{i}}})"
    return once(lists, f"CASE WHEN {nulls} THEN NULL ELSE {body} END", array(element))


def subscript(value: Typed, index: Typed) -> Typed:
    """``value[index]``: arrays from 1, maps by key, rows by place; what is not there is an error."""
    base = value.type.base
    if base == "array" and index.type.integral:
        return once([value, index], "t_at({0}, {1})", value.type.args[0])
    if base == "map":
        key = coerce(index, value.type.args[0])
        if zoned(key.type):
            raise QueryError(
                "NOT_SUPPORTED", f"Subscript of {value.type} is not supported by the local Athena engine"
            )
        return once([value, key], "t_key({0}, {1})", value.type.args[1])
    if base == "row" and index.constant and isinstance(index.literal, int):
        if not 1 <= index.literal <= len(value.type.args):
            raise syntax(f"ROW index out of bounds: {index.literal}")
        return value.with_sql(f"({value.sql}).f{index.literal}", value.type.args[index.literal - 1][1])
    raise syntax(f"Cannot use {index.type} for subscript of {value.type}")
