"""Decimals, integers and aggregates whose type follows from the arguments."""

from local_cloud.athena.errors import QueryError, unsupported
from local_cloud.athena.trino import operators
from local_cloud.athena.trino.functions.special import SPECIAL, Call, special
from local_cloud.athena.trino.typed import Typed, once
from local_cloud.athena.trino.types import (
    BIGINT,
    Type,
    decimal,
    duck,
)


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
        digits_text = (
            f"t_div({operators.unscaled(Typed('{0}', value.type))}, CAST({unit * 10**scale} AS HUGEINT)) "
            f"* {unit}"
        )
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


def _sortable(call: Call, place: int) -> str:
    """The argument without NaN, which Trino's max takes for the least of all and DuckDB for the greatest."""
    return (
        f"CASE WHEN NOT isnan({{{place}}}) THEN {{{place}}} END" if _floating(call.args[place].type) else ""
    )


def _floating(kind: Type) -> bool:
    return kind.base in ("double", "real")


@special("max")
def _max(call: Call) -> Typed:
    if not _floating(call.args[0].type):
        return once(call.args, "max({d}{0})@", call.result)
    return once(call.args, f"coalesce(max({_sortable(call, 0)})@, max({{d}}{{0}})@)", call.result)


@special("max_n")
def _max_n(call: Call) -> Typed:
    if _floating(call.args[0].type):
        raise unsupported("max(x, n) of floating point numbers")
    return once(call.args, "max({0}, {1})@", call.result)


@special("max_by")
def _max_by(call: Call) -> Typed:
    if not _floating(call.args[1].type):
        return once(call.args, "arg_max_null({0}, {1})@", call.result)
    least = "struct_pack(real := NOT isnan({1}), y := {1})"
    text = f"arg_max_null({{0}}, CASE WHEN {{1}} IS NOT NULL THEN {least} END)@"
    return once(call.args, text, call.result)


@special("percentile")
def _percentile(call: Call) -> Typed:
    if call.args[1].constant and not 0 <= float(call.constant(1, "percentage")) <= 1:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", "Percentile must be between 0 and 1")
    return once(call.args, "quantile_disc({0}, {1})@", call.result)


@special("skewness")
def _skewness(call: Call) -> Typed:
    count = "count({0})@"
    return _moment(call, 3, f"(skewness({{0}})@ * ({count} - 2) / sqrt({count} * ({count} - 1e0)))")


@special("kurtosis")
def _kurtosis(call: Call) -> Typed:
    return _moment(call, 4, "kurtosis({0})@")


def _moment(call: Call, least: int, text: str) -> Typed:
    """A moment of equal values is 0/0, of which DuckDB makes NULL."""
    equal = f"count({{0}})@ >= {least} AND var_pop({{0}})@ = 0"
    return once(call.args, f"CASE WHEN {equal} THEN CAST('NaN' AS DOUBLE) ELSE {text} END", call.result)


@special("histogram")
def _histogram(call: Call) -> Typed:
    kind = Type("map", (call.args[0].type, BIGINT))
    return once(call.args, f"CAST(nullif(histogram({{0}})@, map()) AS {duck(kind)})", kind)
