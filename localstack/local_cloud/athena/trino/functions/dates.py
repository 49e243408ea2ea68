"""Date arithmetic by unit."""

from local_cloud.athena.errors import QueryError
from local_cloud.athena.trino.casts import coerce
from local_cloud.athena.trino.functions.special import Call, special
from local_cloud.athena.trino.typed import Typed, once
from local_cloud.athena.trino.types import (
    BIGINT,
    common,
    duck,
)

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
    if unit in _UNITS[:4]:  # by the offset the instant has: a local time may occur twice in a day
        text = (
            "CASE WHEN {0} IS NULL THEN NULL ELSE struct_pack(t := CAST(({0}).t AS TIMESTAMP) - (t_local({0}) - "
            f"date_trunc('{unit}', t_local({{0}}))), z := ({{0}}).z) END"
        )
        return once([value], text, value.type)
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
            text = (
                f"CASE WHEN {{0}} IS NULL OR {{1}} IS NULL THEN NULL ELSE struct_pack(t := ({{0}}).t + "
                f"{delta}, z := ({{0}}).z) END"
            )
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
