"""What becomes of a function whose result would differ, given its operands' types.

A rule returns an expression to take the function's place, ``None`` where the engine's own is right, or refuses.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from local_glue.corrections import types
from local_glue.corrections.differences import refuse
from local_glue.corrections.strings import as_text


@dataclass(frozen=True)
class Raw:
    """An expression of the caller's, as it stands."""

    node: Any


@dataclass(frozen=True)
class Sql:
    """A constant, as SQL."""

    text: str


@dataclass(frozen=True)
class Cast:
    """``CAST(value AS kind)``."""

    value: Any
    kind: str


@dataclass(frozen=True)
class Call:
    """A function."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Same:
    """The function itself over other operands."""

    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Operand:
    """An argument: the caller's node, its type, its value if it is a literal."""

    node: Any
    kind: Any = None
    literal: Any = None


@dataclass
class Function:
    """A call to be looked at; ``text`` names it in messages."""

    name: str
    operands: list[Operand]
    text: str
    target: str = ""
    over: Callable[[str], Any] | None = field(default=None)


def corrected(function: Function) -> Any:
    """The expression to use instead, or ``None``."""
    rule = RULES.get(function.name)
    return rule(function) if rule else None


def _decimals(function: Function) -> tuple[types.Decimal, types.Decimal] | None:
    """Both operands as decimals, if the arithmetic is of decimals."""
    if len(function.operands) != 2:
        return None
    if not any(types.decimal_of(one.kind) for one in function.operands):
        return None
    whole = [one.literal if isinstance(one.literal, int) else None for one in function.operands]
    a, b = (types.as_decimal(one.kind, lit) for one, lit in zip(function.operands, whole, strict=True))
    return (a, b) if a and b else None


def _sides(function: Function, a: types.Decimal, b: types.Decimal) -> tuple[Any, Any]:
    left, right = function.operands
    return tuple(
        Raw(one.node) if types.decimal_of(one.kind) == kind else Cast(Raw(one.node), str(kind))
        for one, kind in ((left, a), (right, b))
    )


def _divide(function: Function) -> Any:
    pair = _decimals(function)
    if pair is None:
        if len(function.operands) == 2 and function.operands[1].literal == 0:
            return Sql("CAST(NULL AS double)")  # the engine's NULL has no type
        return None
    return quotient(*_sides(function, *pair), *pair, types.divided(*pair), function.text)


def quotient(
    left: Any, right: Any, a: types.Decimal, b: types.Decimal, result: types.Decimal, text: str
) -> Any:
    """``left / right``, rounded half up at the result's scale.

    The engine's division has four digits more than the numerator and cuts there: one digit beyond the result's
    scale is all that rounding half up needs.
    """
    scale = max(a.scale, result.scale - 3)
    whole = a.precision - a.scale
    if whole + scale > 38:
        refuse("decimal division", f"{text}: {a} / {b} has no room for its digits")
    numerator = Cast(left, str(types.Decimal(min(38, whole + scale), scale)))
    return Cast(Call("/", (numerator, right)), str(result))


def _arithmetic(result: Callable[[types.Decimal, types.Decimal], types.Decimal]) -> Callable[[Function], Any]:
    def rule(function: Function) -> Any:
        pair = _decimals(function)
        if pair is None:
            return None
        return Cast(Same(_sides(function, *pair)), str(result(*pair)))

    return rule


def _subtract(function: Function) -> Any:
    kinds = [one.kind.typeName() if one.kind else "" for one in function.operands]
    if kinds == ["date", "date"]:
        refuse("date - date", function.text)
    return _arithmetic(types.added)(function)


def _negative(function: Function) -> Any:
    kind = types.decimal_of(function.operands[0].kind)
    if kind is None:
        return None
    zero = Sql(f"CAST(0 AS {kind})")
    return Cast(Call("-", (zero, Raw(function.operands[0].node))), str(kind))


def _round(function: Function) -> Any:
    kind = types.decimal_of(function.operands[0].kind)
    if kind is None:
        return None
    places = function.operands[1].literal if len(function.operands) > 1 else 0
    if not isinstance(places, int):
        refuse("round of a decimal", function.text)
    return Cast(Same(tuple(Raw(one.node) for one in function.operands)), str(types.rounded(kind, places)))


def _average(function: Function) -> Any:
    kind = types.decimal_of(function.operands[0].kind)
    if kind is None:
        return None
    total = types.Decimal(min(38, kind.precision + 10), kind.scale)
    result = types.Decimal(min(38, kind.precision + 4), min(38, kind.scale + 4))
    over = function.over or (lambda _: None)
    count = types.Decimal(20, 0)
    return quotient(
        Raw(over("sum")), Cast(Raw(over("count")), str(count)), total, count, result, function.text
    )


def _isnan(function: Function) -> Any:
    if function.operands[0].literal is None and function.operands[0].kind.typeName() == "void":
        return Sql("false")
    return Call("coalesce", (Same((Raw(function.operands[0].node),)), Sql("false")))


def _to_int(function: Function) -> Any:
    return Cast(Same(tuple(Raw(one.node) for one in function.operands)), "int")


def _cast(function: Function) -> Any:
    (operand,) = function.operands
    if function.target.lower() not in ("string", "str"):
        return None
    if types.is_double(operand.kind):
        return as_text(Raw(operand.node))
    nested = operand.kind is not None and operand.kind.typeName() in ("array", "map", "struct")
    if (
        nested
        and operand.kind.typeName() == "array"
        and not types.contains(operand.kind.elementType, *_NOT_PLAIN)
    ):
        items = Cast(Raw(operand.node), "array<string>")
        joined = Call("array_join", (items, Sql("', '"), Sql("'null'")))
        return Call("concat", (Sql("'['"), joined, Sql("']'")))
    if nested:
        refuse("cast of a nested value to string", function.text)
    return None


def _text_function(function: Function) -> Any:
    """Operands that Spark makes strings of."""
    if not any(types.is_double(one.kind) for one in function.operands):
        return None
    return Same(tuple(_as_string(one) for one in function.operands))


def _first_as_text(function: Function) -> Any:
    if not types.is_double(function.operands[0].kind):
        return None
    first, *rest = function.operands
    return Same((_as_string(first), *(Raw(one.node) for one in rest)))


def _as_string(operand: Operand) -> Any:
    return as_text(Raw(operand.node)) if types.is_double(operand.kind) else Raw(operand.node)


def _choice(values: Callable[[int, int], bool]) -> Callable[[Function], Any]:
    """Functions whose result has the widest type of some operands: ``values(index, number)`` says which."""

    def rule(function: Function) -> Any:
        number = len(function.operands)
        chosen = [values(n, number) for n in range(number)]
        kinds = [one.kind for one, is_value in zip(function.operands, chosen, strict=True) if is_value]
        names = {kind.typeName() for kind in kinds if kind is not None} - {"void"}
        wide: Any
        if "string" in names and names & {"double", "float"}:
            wide = None
        elif "decimal" in names and names & {"double", "float"}:
            wide = "double"  # the engine would make decimals of the doubles
        elif "decimal" in names and len({str(k.simpleString()) for k in kinds if k.typeName() != "void"}) > 1:
            exact = [types.widened(kind) for kind in kinds if kind.typeName() != "void"]
            if not all(exact):
                return None
            wide = reduce(types.wider, [kind for kind in exact if kind])
        else:
            return None

        def convert(one: Operand) -> Any:
            if wide is None and types.is_double(one.kind):
                return as_text(Raw(one.node))
            return Cast(Raw(one.node), str(wide or "string"))

        return Same(
            tuple(
                convert(one) if is_value else Raw(one.node)
                for one, is_value in zip(function.operands, chosen, strict=True)
            )
        )

    return rule


def _compared(function: Function) -> Any:
    """Doubles beside decimals: Spark compares doubles; the engine would round them to 15 places first."""
    names = {one.kind.typeName() for one in function.operands if one.kind is not None}
    if "decimal" not in names or not names & {"double", "float"}:
        return None
    return Same(tuple(Cast(Raw(one.node), "double") for one in function.operands))


def _null_if(function: Function) -> Any:
    first, second = function.operands
    if not types.is_double(first.kind) or not types.decimal_of(second.kind):
        return None
    return Same((Raw(first.node), Cast(Raw(second.node), "double")))


def _nested_text(function: Function) -> Any:
    if types.contains(function.operands[0].kind, "double", "float", "decimal", "timestamp", "timestamp_ntz"):
        refuse(function.name, function.text)
    return None


def _format(function: Function) -> Any:
    if any(types.is_double(one.kind) for one in function.operands[1:]):
        text = function.operands[0].literal
        if not isinstance(text, str):
            refuse("format_string", function.text)
        if "%s" in text.lower() or "$s" in text.lower():
            refuse("format_string", function.text)
    return None


def _json_path(function: Function) -> Any:
    """The engine gives a part of the text as it stands, Spark writes it anew: often the same."""
    raw = Same(tuple(Raw(one.node) for one in function.operands))
    return Call("__json_part", (raw,))


def _refused(name: str) -> Callable[[Function], Any]:
    def rule(function: Function) -> Any:
        return refuse(name, function.text)

    return rule


def _any(_: int, __: int) -> bool:
    return True


def _branches(index: int, number: int) -> bool:
    """Of ``when(test, value, test, value, otherwise)``, the values."""
    return index % 2 == 1 or index == number - 1


def _after_first(index: int, _: int) -> bool:
    return index > 0


_TEXT_ALL = (
    *("concat", "concat_ws", "||", "replace", "translate", "contains", "startswith"),
    *("endswith", "instr", "levenshtein", "like", "ilike", "rlike", "split_part"),
    *("find_in_set", "locate", "position"),
)
_TEXT_FIRST = (
    *("upper", "lower", "ucase", "lcase", "length", "char_length", "character_length", "len"),
    *("substring", "substr", "left", "right", "lpad", "rpad", "trim", "ltrim", "rtrim"),
    *("btrim", "reverse", "initcap", "split", "repeat", "regexp_replace", "regexp_extract"),
    *("regexp_extract_all", "substring_index", "ascii", "md5", "sha", "sha1", "sha2", "crc32"),
    *("base64", "encode", "soundex", "octet_length", "bit_length", "overlay", "mask"),
    *("url_encode", "regexp_count", "regexp_instr", "regexp_substr"),
)

_NOT_PLAIN = ("double", "float", "array", "map", "struct", "binary", "timestamp", "timestamp_ntz")

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "<=>", "between", "in")


def harmless(name: str, literals: list[Any]) -> bool:
    """Whether this is a comparison with strings or whole numbers, whose other side's type is of no matter."""
    plain = [isinstance(one, int | str) for one in literals]
    return name in COMPARISONS and len(plain) > 1 and (plain[0] or all(plain[1:]))


RULES: dict[str, Callable[[Function], Any]] = {
    **dict.fromkeys(_TEXT_ALL, _text_function),
    **dict.fromkeys(_TEXT_FIRST, _first_as_text),
    **dict.fromkeys(COMPARISONS, _compared),
    "/": _divide,
    "%": _arithmetic(types.remainder),
    "mod": _arithmetic(types.remainder),
    "pmod": _arithmetic(types.remainder),
    "+": _arithmetic(types.added),
    "-": _subtract,
    "*": _arithmetic(types.multiplied),
    "negative": _negative,
    "round": _round,
    "avg": _average,
    "mean": _average,
    "isnan": _isnan,
    "regexp_count": _to_int,
    "datediff": _to_int,
    "date_diff": _to_int,
    "cast": _cast,
    "string": _cast,
    "nullif": _null_if,
    "coalesce": _choice(_any),
    "ifnull": _choice(_any),
    "nvl": _choice(_any),
    "greatest": _choice(_any),
    "least": _choice(_any),
    "array": _choice(_any),
    "nvl2": _choice(_after_first),
    "if": _choice(_after_first),
    "when": _choice(_branches),
    "to_json": _nested_text,
    "to_csv": _nested_text,
    "format_string": _format,
    "printf": _format,
    "get_json_object": _json_path,
    "percentile_approx": _refused("percentile_approx"),
    "approx_percentile": _refused("percentile_approx"),
    "version": lambda _: Sql("'3.5.4'"),
}
