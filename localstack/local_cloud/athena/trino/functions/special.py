"""Functions whose DuckDB text depends on types or literal arguments."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.trino import operators
from local_cloud.athena.trino.casts import cast, coerce, over_array, text_of
from local_cloud.athena.trino.functions import formats
from local_cloud.athena.trino.signatures import Rule
from local_cloud.athena.trino.typed import Typed, once, quote
from local_cloud.athena.trino.types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    JSON,
    VARCHAR,
    Type,
    array,
    common,
    decimal,
    duck,
)  # fmt: skip

if TYPE_CHECKING:
    from local_cloud.athena.trino.calls import Calls


class NullArgument(Exception):
    """An argument that must be literal is NULL, and so is the result."""


@dataclass(frozen=True)
class Call:
    """One call: its rule, the fitted arguments, the result type and what follows the handler's name in the table."""

    rule: Rule
    args: list[Typed]
    result: Type
    rest: str
    compiler: "Calls"

    def constant(self, place: int, what: str) -> Any:
        """The literal value of an argument.

        Raises:
            QueryError: NOT_SUPPORTED where it is no literal.
        """
        value = self.args[place]
        if not value.constant:
            raise unsupported(f"{self.rule.name}() with a {what} that is no literal")
        if value.literal is None:
            raise NullArgument
        return value.literal


SPECIAL: dict[str, Callable[[Call], Typed]] = {}


def special(name: str) -> Callable[[Callable[[Call], Typed]], Callable[[Call], Typed]]:
    """Registers a handler under the name the tables use."""

    def register(handler: Callable[[Call], Typed]) -> Callable[[Call], Typed]:
        SPECIAL[name] = handler
        return handler

    return register


@special("same")
def _same(call: Call) -> Typed:
    kind = call.args[0].type
    return once(call.args, f"CAST({call.rest} AS {duck(kind)})".replace("$T", duck(kind)), kind)


@special("volatile")
def _volatile(call: Call) -> Typed:
    return Typed(once(call.args, call.rest, call.result).sql, call.result, volatile=True)


@special("concat")
def _concat(call: Call) -> Typed:
    return operators.concatenation(call.args)


@special("concat_ws")
def _concat_ws(call: Call) -> Typed:
    items = ", ".join("{%d}" % i for i in range(1, len(call.args)))
    text = (
        "CASE WHEN {0} IS NULL THEN NULL ELSE coalesce(array_to_string("
        f"list_filter([{items}], lambda e: e IS NOT NULL), {{0}}), '') END"
    )
    return once(call.args, text, VARCHAR)


@special("typeof")
def _typeof(call: Call) -> Typed:
    return Typed(quote(str(call.args[0].type)), VARCHAR)


@special("try")
def _try(call: Call) -> Typed:
    value = call.args[0]
    if value.volatile:
        raise unsupported("TRY over a value that changes with every evaluation")
    return value if value.constant else value.with_sql(f"TRY({value.sql})")


@special("coalesce")
def _coalesce(call: Call) -> Typed:
    kind = call.result
    return Typed(
        f"coalesce({', '.join(coerce(a, kind).sql for a in call.args)})",
        kind,
        any(a.volatile for a in call.args),
    )


@special("nullif")
def _nullif(call: Call) -> Typed:
    first, second = call.args
    same = operators.comparison("=", Typed("{0}", first.type), Typed("{1}", second.type))
    return once([first, second], f"CASE WHEN {same.sql} THEN NULL ELSE {{0}} END", first.type)


def _extreme(call: Call) -> Typed:
    if call.result.base in ("row", "array"):
        raise unsupported(f"{call.rule.name} of {call.result}")
    nulls = " OR ".join("{%d} IS NULL" % i for i in range(len(call.args)))
    listed = ", ".join("{%d}" % i for i in range(len(call.args)))
    return once(
        [coerce(a, call.result) for a in call.args],
        f"CASE WHEN {nulls} THEN NULL ELSE {call.rule.name}({listed}) END", call.result,
    )  # fmt: skip


SPECIAL["greatest"] = SPECIAL["least"] = _extreme


# -- decimals ------------------------------------------------------------------------------------------------------


def _whole(call: Call, name: str) -> Typed:
    value = call.args[0]
    precision, scale = value.type.args
    kind = decimal(precision - scale + min(1, scale), 0)
    return once([value], f"CAST({name}({{0}}) AS {duck(kind)})", kind)


SPECIAL["ceil"] = lambda call: _whole(call, "ceil")
SPECIAL["floor"] = lambda call: _whole(call, "floor")
SPECIAL["round"] = lambda call: _whole(call, "round")


@special("truncate")
def _truncate(call: Call) -> Typed:
    value = call.args[0]
    precision, scale = value.type.args
    kind = decimal(max(1, precision - scale), 0)
    return once([value], f"CAST(trunc({{0}}) AS {duck(kind)})", kind)


@special("round_digits")
def _round_digits(call: Call) -> Typed:
    value, digits = call.args[0], call.constant(1, "number of digits")
    precision, scale = value.type.args
    kind = decimal(precision + 1, scale)
    if digits >= scale:
        return once([value], f"CAST({{0}} AS {duck(kind)})", kind)
    if digits < 0:
        unit = 10**-digits
        digits_text = f"t_div({operators.unscaled(Typed('{0}', value.type))}, CAST({unit * 10**scale} AS HUGEINT)) * {unit}"
        return once([value], f"CAST(({digits_text}) AS {duck(kind)})", kind)
    return once([value], f"CAST(round({{0}}, {digits}) AS {duck(kind)})", kind)


@special("truncate_digits")
def _truncate_digits(call: Call) -> Typed:
    value, digits = call.args[0], call.constant(1, "number of digits")
    _, scale = value.type.args
    if digits >= scale:
        return value
    if digits < 0:
        raise unsupported("truncate() to a negative number of digits")
    unit = 10 ** (scale - digits)
    body = f"({operators.unscaled(Typed('{0}', value.type))} // {unit} * {unit})"
    return once([value], operators.rescaled(body, value.type), value.type)


@special("round_integer")
def _round_integer(call: Call) -> Typed:
    value, digits = call.args[0], call.constant(1, "number of digits")
    if digits >= 0:
        return value
    unit = 10**-digits
    return once(
        [value],
        f"CAST(t_div(CAST({{0}} AS HUGEINT), CAST({unit} AS HUGEINT)) * {unit} AS {duck(value.type)})",
        value.type,
    )


@special("sign_decimal")
def _sign_decimal(call: Call) -> Typed:
    return once(call.args, "CAST(sign({0}) AS DECIMAL(1,0))", decimal(1, 0))


@special("modulus")
def _modulus(call: Call) -> Typed:
    return operators.arithmetic("%", call.args[0], call.args[1])


@special("bit_count")
def _bit_count(call: Call) -> Typed:
    bits = call.constant(1, "number of bits")
    if bits == 64:
        return once(call.args[:1], "CAST(bit_count({0}) AS BIGINT)", BIGINT)
    if not 2 <= bits < 64:
        raise QueryError(
            "INVALID_FUNCTION_ARGUMENT",
            "Bits specified in bit_count must be between 2 and 64, got " + str(bits),
        )
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    text = (
        f"CASE WHEN {{0}} < {low} OR {{0}} > {high} THEN CAST(t_fail('INVALID_FUNCTION_ARGUMENT: Number must be "
        f"representable with the bits specified') AS BIGINT) ELSE CAST(bit_count({{0}} & {2**bits - 1}) AS BIGINT) END"
    )
    return once(call.args[:1], text, BIGINT)


# -- aggregates ----------------------------------------------------------------------------------------------------


@special("sum_decimal")
def _sum_decimal(call: Call) -> Typed:
    kind = decimal(38, call.args[0].type.args[1])
    return once(call.args, f"CAST(sum({{d}}{{0}})@ AS {duck(kind)})", kind)


@special("avg_decimal")
def _avg_decimal(call: Call) -> Typed:
    kind = call.args[0].type
    total = operators.unscaled(Typed("sum({d}{0})@", decimal(38, kind.args[1])))
    text = operators.rescaled(f"t_div({total}, CAST(nullif(count({{d}}{{0}})@, 0) AS HUGEINT))", kind)
    return once(call.args, text, kind)


@special("histogram")
def _histogram(call: Call) -> Typed:
    kind = Type("map", (call.args[0].type, BIGINT))
    return once(call.args, f"CAST(nullif(histogram({{0}})@, map()) AS {duck(kind)})", kind)


# -- regular expressions and formats -------------------------------------------------------------------------------


def _regex(call: Call) -> str:
    return quote(formats.pattern(call.constant(1, "pattern")))


@special("regex")
def _with_regex(call: Call) -> Typed:
    return once(call.args, call.rest.replace("$regex1", _regex(call)), call.result)


def _group(call: Call) -> int:
    group = call.constant(2, "group") if len(call.args) > 2 else 0
    import re

    count = re.compile(formats.pattern(call.constant(1, "pattern"))).groups
    if not 0 <= group <= count:
        raise QueryError(
            "INVALID_FUNCTION_ARGUMENT", f"Pattern has {count} groups. Cannot access group {group}"
        )
    return int(group)


@special("regexp_extract")
def _regexp_extract(call: Call) -> Typed:
    text = f"regexp_extract_all({{0}}, {_regex(call)}, {_group(call)})[1]"
    if _group(call):  # a group that took no part is NULL in Trino and '' in RE2
        _sure_group(call)
    return once(call.args[:1], text, VARCHAR)


def _sure_group(call: Call) -> None:
    pattern = str(call.constant(1, "pattern"))
    if "|" in pattern or ")?" in pattern or ")*" in pattern or "){0" in pattern:
        raise unsupported(f"{call.rule.name}() of a group that may take no part in the match: '{pattern}'")


@special("regexp_extract_all")
def _regexp_extract_all(call: Call) -> Typed:
    if _group(call):
        _sure_group(call)
    return once(call.args[:1], f"regexp_extract_all({{0}}, {_regex(call)}, {_group(call)})", array(VARCHAR))


@special("regexp_replace")
def _regexp_replace(call: Call) -> Typed:
    with_ = formats.replacement(call.constant(2, "replacement")) if len(call.args) > 2 else ""
    return once(call.args[:1], f"regexp_replace({{0}}, {_regex(call)}, {quote(with_)}, 'g')", VARCHAR)


@special("regexp_split")
def _regexp_split(call: Call) -> Typed:
    return once(call.args[:1], f"regexp_split_to_array({{0}}, {_regex(call)})", array(VARCHAR))


@special("regexp_count")
def _regexp_count(call: Call) -> Typed:
    return once(call.args[:1], f"CAST(len(regexp_extract_all({{0}}, {_regex(call)})) AS BIGINT)", BIGINT)


def _local(value: Typed) -> str:
    return "t_local({0})" if value.type.base == "timestamp with time zone" else "{0}"


@special("date_format")
def _date_format(call: Call) -> Typed:
    pattern = formats.mysql(call.constant(1, "format"), parsing=False)
    return once(call.args[:1], f"strftime({_local(call.args[0])}, {quote(pattern)})", VARCHAR)


@special("format_datetime")
def _format_datetime(call: Call) -> Typed:
    pattern = formats.joda(call.constant(1, "format"), parsing=False)
    return once(call.args[:1], f"strftime({_local(call.args[0])}, {quote(pattern)})", VARCHAR)


@special("date_parse")
def _date_parse(call: Call) -> Typed:
    pattern = formats.mysql(call.constant(1, "format"), parsing=True).replace("%-", "%")
    return once(call.args[:1], f"CAST(strptime({{0}}, {quote(pattern)}) AS TIMESTAMP)", call.result)


@special("parse_datetime")
def _parse_datetime(call: Call) -> Typed:
    pattern = formats.joda(call.constant(1, "format"), parsing=True).replace("%-", "%")
    return once(
        call.args[:1], f"t_atzone(CAST(strptime({{0}}, {quote(pattern)}) AS TIMESTAMP), 'UTC')", call.result
    )


@special("format")
def _format(call: Call) -> Typed:
    """format(): %s %d %f with width, precision, zeros and thousands, each argument by its own conversion."""
    import re

    pieces: list[str] = []
    used = 0
    for found in re.finditer(r"%%|%([-,0+]*)(\d*)(?:\.(\d+))?([a-zA-Z])|[^%]+|%", call.constant(0, "format")):
        whole, (flags, width, digits, letter) = found.group(0), found.groups()
        if letter is None:
            if whole == "%":
                raise QueryError("INVALID_FUNCTION_ARGUMENT", "Invalid format string: %")
            pieces.append(quote("%" if whole == "%%" else whole))
            continue
        used += 1
        if used >= len(call.args):
            raise QueryError(
                "INVALID_FUNCTION_ARGUMENT", f"Invalid format string: Format specifier '{whole}'"
            )
        pieces.append(_conversion(call, used, flags, width, digits, letter))
    return once(call.args, "(" + " || ".join(pieces or ["''"]) + ")", VARCHAR)


def _conversion(call: Call, place: int, flags: str, width: str, digits: str | None, letter: str) -> str:
    kind, value = call.args[place].type, "{%d}" % place
    sign = "+" if "+" in flags else ""
    pad = ("0" + width) if "0" in flags and width else width
    comma = "," if "," in flags else ""
    if letter == "s" and not digits and not flags.strip("-"):
        template = text_of(kind)
        if template is None:
            raise unsupported(f"format() of {kind}")
        text = f"coalesce({template.replace('{0}', value)}, 'null')"
        if not width:
            return text
        return f"format('{{:{'<' if '-' in flags else '>'}{width}}}', {text})"
    if letter == "d" and kind.integral and digits is None and "-" not in flags:
        return f"format('{{:{sign}{pad}{comma}d}}', {value})"
    if letter == "f" and kind.base in ("double", "real", "decimal") and "-" not in flags:
        return f"format('{{:{sign}{pad}{comma}.{digits or 6}f}}', CAST(round(CAST({value} AS DECIMAL(38,12)), {digits or 6}) AS DOUBLE))"
    raise unsupported(f"format() with %{flags}{width}{letter} of {kind}")


# -- strings, URLs -------------------------------------------------------------------------------------------------


@special("strpos")
def _strpos(call: Call) -> Typed:
    instance = call.constant(2, "instance")
    if instance < 1:
        raise unsupported("strpos() from the end")
    text = (
        "CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL "
        f"WHEN len(string_split({{0}}, {{1}})) <= {instance} THEN CAST(0 AS BIGINT) ELSE CAST(length(array_to_string("
        f"string_split({{0}}, {{1}})[1:{instance}], {{1}})) + 1 AS BIGINT) END"
    )
    return once(call.args[:2], text, BIGINT)


@special("url_extract_parameter")
def _url_parameter(call: Call) -> Typed:
    import re

    name = re.escape(call.constant(1, "name"))
    pattern = quote(rf"^[^?#]*\?(?:[^#]*&)?{name}(?:=([^&#]*))?(?:[&#]|$)")
    text = f"CASE WHEN regexp_matches({{0}}, {pattern}) THEN url_decode(replace(regexp_extract({{0}}, {pattern}, 1), '+', '%20')) END"
    return once(call.args[:1], text, VARCHAR)


# -- JSON ----------------------------------------------------------------------------------------------------------


def _json_value(call: Call) -> str:
    """The document, NULL where a text is no JSON (json_extract forgives)."""
    return "{0}" if call.args[0].type.base == "json" else "CASE WHEN json_valid({0}) THEN {0} END"


def _json_path(call: Call) -> str:
    return quote(formats.json_path(call.constant(1, "path")))


@special("json_extract")
def _json_extract(call: Call) -> Typed:
    return once(call.args[:1], f"json_extract({_json_value(call)}, {_json_path(call)})", JSON)


@special("json_extract_scalar")
def _json_extract_scalar(call: Call) -> Typed:
    document, path = _json_value(call), _json_path(call)
    text = (
        f"CASE WHEN json_type({document}, {path}) NOT IN ('OBJECT', 'ARRAY') THEN "
        f"json_extract_string({document}, {path}) END"
    )
    return once(call.args[:1], text, VARCHAR)


@special("json_size")
def _json_size(call: Call) -> Typed:
    document, path = _json_value(call), _json_path(call)
    text = (
        f"CASE json_type({document}, {path}) WHEN 'OBJECT' THEN CAST(len(json_keys({document}, {path})) AS BIGINT) "
        f"WHEN 'ARRAY' THEN CAST(json_array_length({document}, {path}) AS BIGINT) WHEN NULL THEN NULL ELSE "
        f"CASE WHEN json_type({document}, {path}) IS NOT NULL THEN CAST(0 AS BIGINT) END END"
    )
    return once(call.args[:1], text, BIGINT)


@special("json_parse")
def _json_parse(call: Call) -> Typed:
    """Objects keep no order in Trino: json_parse sorts their keys."""
    text = (
        "CASE WHEN {0} IS NULL THEN NULL WHEN NOT json_valid({0}) THEN CAST(t_failv("
        "'INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: ''' || {0} || '''') AS JSON) ELSE CAST(py_json_sorted({0}) AS JSON) END"
    )
    return once(call.args, text, JSON)


@special("json_array_contains")
def _json_array_contains(call: Call) -> Typed:
    kind = call.args[1].type.base
    wanted = {
        "boolean": "json_type(e) = 'BOOLEAN' AND CAST(e AS VARCHAR) = CAST({1} AS VARCHAR)",
        "varchar": "json_type(e) = 'VARCHAR' AND json_extract_string(e, '$') = {1}",
    }.get(kind, "json_type(e) IN ('BIGINT', 'UBIGINT') AND CAST(e AS VARCHAR) = CAST({1} AS VARCHAR)")
    document = _json_value(call)
    text = (
        f"CASE WHEN {{1}} IS NOT NULL AND json_type({document}) = 'ARRAY' THEN "
        f"len(list_filter(json_extract({document}, '$[*]'), lambda e: {wanted})) > 0 END"
    )
    return once(call.args, text, BOOLEAN)


# -- dates ---------------------------------------------------------------------------------------------------------

_UNITS = ("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")


def _unit(call: Call) -> str:
    unit = str(call.constant(0, "unit")).lower()
    if unit not in _UNITS:
        raise QueryError(
            "INVALID_FUNCTION_ARGUMENT", f"'{unit}' is not a valid {call.args[-1].type.base} field"
        )
    if call.args[-1].type.base == "date" and unit in _UNITS[:4]:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"'{unit}' is not a valid DATE field")
    return unit


@special("date_trunc")
def _date_trunc(call: Call) -> Typed:
    unit, value = _unit(call), call.args[1]
    if value.type.base == "date":
        return once([value], f"CAST(date_trunc('{unit}', {{0}}) AS DATE)", value.type)
    if value.type.base == "timestamp":
        return once([value], f"date_trunc('{unit}', {{0}})", value.type)
    return once([value], f"t_atzone(date_trunc('{unit}', t_local({{0}})), ({{0}}).z)", value.type)


@special("date_add")
def _date_add(call: Call) -> Typed:
    unit, amount, value = _unit(call), call.args[1], call.args[2]
    step = {
        "week": ("days", 7),
        "quarter": ("months", 3),
        "year": ("months", 12),
        "month": ("months", 1),
    }.get(unit, (unit + "s", 1))
    kind = "BIGINT" if step[0] in ("seconds", "minutes", "hours", "milliseconds") else "INTEGER"
    delta = f"to_{step[0]}(CAST({{1}} * {step[1]} AS {kind}))"
    if value.type.base == "timestamp with time zone":
        if unit in _UNITS[:4]:
            text = f"CASE WHEN {{0}} IS NULL OR {{1}} IS NULL THEN NULL ELSE struct_pack(t := ({{0}}).t + {delta}, z := ({{0}}).z) END"
        else:
            text = f"t_atzone(t_local({{0}}) + {delta}, ({{0}}).z)"
        return once([value, amount], text, value.type)
    return once([value, amount], f"CAST({{0}} + {delta} AS {duck(value.type)})", value.type)


@special("date_diff")
def _date_diff(call: Call) -> Typed:
    """Full units between: partial ones do not count."""
    unit, a, b = _unit(call), call.args[1], call.args[2]
    kind = common(a.type, b.type) or a.type
    a, b = coerce(a, kind), coerce(b, kind)
    fields = unit in ("day", "week", "month", "quarter", "year")
    if kind.base == "timestamp with time zone":
        left, right = (
            ("t_local({0})", "t_local(struct_pack(t := ({1}).t, z := ({0}).z))")
            if fields
            else ("({0}).t", "({1}).t")
        )
    else:
        left, right = "CAST({0} AS TIMESTAMP)", "CAST({1} AS TIMESTAMP)"
    return once([a, b], f"CAST(datesub('{unit}', {left}, {right}) AS BIGINT)", BIGINT)


# -- arrays and maps -----------------------------------------------------------------------------------------------


@special("array_sort")
def _array_sort(call: Call) -> Typed:
    return once(call.args, "list_sort({0}, 'ASC', 'NULLS LAST')", call.args[0].type)


@special("array_join")
def _array_join(call: Call) -> Typed:
    template = text_of(call.args[0].type.args[0])
    if template is None:
        raise syntax(f"Input type {call.args[0].type} not supported")
    texts = over_array(template, "{0}")
    if len(call.args) > 2:
        inner = over_array("coalesce(" + template + ", {2})", "{0}")
        return once(call.args, f"array_to_string({inner}, {{1}})", VARCHAR)
    return once(call.args, f"array_to_string(list_filter({texts}, lambda e: e IS NOT NULL), {{1}})", VARCHAR)


@special("reduce")
def _reduce(call: Call) -> Typed:
    items, start, step, final = call.args
    state = start.type
    element = items.type.args[0]
    if common(element, state) != state:
        raise unsupported(f"reduce() whose state ({state}) differs from the elements ({element})")
    wide = coerce(items, array(state))
    if step.type != state:
        raise unsupported(f"reduce() whose step gives {step.type} for a state of {state}")
    if element != state:
        raise unsupported(f"reduce() over {element} with a state of {state}; cast the elements")
    folded = f"list_reduce({{0}}, {step.sql}, {{1}})"
    text = f"list_transform([CASE WHEN len({{0}}) = 0 THEN {{1}} ELSE {folded} END], {final.sql})[1]"
    return once([wide, start], f"CASE WHEN {{0}} IS NULL THEN NULL ELSE {text} END", call.result)


@special("zip")
def _zip(call: Call) -> Typed:
    kind = array(Type("row", tuple((None, a.type.args[0]) for a in call.args)))
    fields = ", ".join(f"f{i} := p[{i}]" for i in range(1, len(call.args) + 1))
    listed = ", ".join("{%d}" % i for i in range(len(call.args)))
    nulls = " OR ".join("{%d} IS NULL" % i for i in range(len(call.args)))
    return once(
        call.args,
        f"CASE WHEN {nulls} THEN NULL ELSE list_transform(list_zip({listed}), lambda p: struct_pack({fields})) END",
        kind,
    )


def _over_pairs(body: Typed, pairs: str, first: str, second: str) -> str:
    """A two-parameter lambda applied to a list of pairs."""
    x, y = body.literal
    text = body.sql.split(": ", 1)[1]
    import re

    text = re.sub(rf"\b{x}\b", f"p.{first}" if first else "p[1]", text)
    text = re.sub(rf"\b{y}\b", f"p.{second}" if second else "p[2]", text)
    return f"list_transform({pairs}, lambda p: {text})"


def _named_pairs(body: Typed, map_: str) -> str:
    x, y = body.literal
    inner = body.sql.split(": ", 1)[1]
    return (
        f"list_transform(map_entries({map_}), lambda p_{x}: list_transform([p_{x}.key], lambda {x}: "
        f"list_transform([p_{x}.value], lambda {y}: {inner})[1])[1])"
    )


@special("zip_with")
def _zip_with(call: Call) -> Typed:
    body = call.args[2]
    x, y = body.literal
    inner = body.sql.split(": ", 1)[1]
    text = (
        f"CASE WHEN {{0}} IS NULL OR {{1}} IS NULL THEN NULL ELSE list_transform(list_zip({{0}}, {{1}}), lambda p_{x}: "
        f"list_transform([p_{x}[1]], lambda {x}: list_transform([p_{x}[2]], lambda {y}: {inner})[1])[1]) END"
    )
    return once(call.args[:2], text, call.result)


@special("map_element")
def _map_element(call: Call) -> Typed:
    key = coerce(call.args[1], call.args[0].type.args[0])
    return once([call.args[0], key], "map_extract({0}, {1})[1]", call.result)


@special("map_entries")
def _map_entries(call: Call) -> Typed:
    key, value = call.args[0].type.args
    kind = array(Type("row", ((None, key), (None, value))))
    return once(
        call.args, "list_transform(map_entries({0}), lambda e: struct_pack(f1 := e.key, f2 := e.value))", kind
    )


@special("map_from_entries")
def _map_from_entries(call: Call) -> Typed:
    element = call.args[0].type.args[0]
    if element.base != "row" or len(element.args) != 2:
        raise QueryError(
            "FUNCTION_NOT_FOUND", f"Unexpected parameters ({call.args[0].type}) for function map_from_entries"
        )
    kind = Type("map", (element.args[0][1], element.args[1][1]))
    text = "CASE WHEN {0} IS NULL THEN NULL ELSE map(list_transform({0}, lambda e: e.f1), list_transform({0}, lambda e: e.f2)) END"
    return once(call.args, text, kind)


@special("map_concat")
def _map_concat(call: Call) -> Typed:
    nulls = " OR ".join("{%d} IS NULL" % i for i in range(len(call.args)))
    listed = ", ".join("{%d}" % i for i in range(len(call.args)))
    return once(
        [coerce(a, call.result) for a in call.args],
        f"CASE WHEN {nulls} THEN NULL ELSE map_concat({listed}) END",
        call.result,
    )


@special("map_filter")
def _map_filter(call: Call) -> Typed:
    kept = _named_pairs(call.args[1], "{0}")
    text = f"CASE WHEN {{0}} IS NULL THEN NULL ELSE map_from_entries(list_filter(map_entries({{0}}), lambda e, i: ({kept})[i])) END"
    return once(call.args[:1], text, call.args[0].type)


@special("transform_values")
def _transform_values(call: Call) -> Typed:
    values = _named_pairs(call.args[1], "{0}")
    return once(
        call.args[:1],
        f"CASE WHEN {{0}} IS NULL THEN NULL ELSE map(map_keys({{0}}), {values}) END",
        call.result,
    )


@special("transform_keys")
def _transform_keys(call: Call) -> Typed:
    made = _named_pairs(call.args[1], "{0}")
    return once(
        call.args[:1],
        f"CASE WHEN {{0}} IS NULL THEN NULL ELSE map({made}, map_values({{0}})) END",
        call.result,
    )


__all__ = ["DOUBLE", "SPECIAL", "Call", "cast"]
