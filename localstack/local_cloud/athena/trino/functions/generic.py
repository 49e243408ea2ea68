"""Conditionals, concatenation, and calls that only need their types."""

from local_cloud.athena.errors import QueryError, unsupported
from local_cloud.athena.trino import operators
from local_cloud.athena.trino.casts import coerce
from local_cloud.athena.trino.functions.special import SPECIAL, Call, special
from local_cloud.athena.trino.typed import Typed, once, quote, slots
from local_cloud.athena.trino.types import (
    VARCHAR,
    duck,
)


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
    items = ", ".join(slots(len(call.args), 1))
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
    nulls = " OR ".join(slots(len(call.args), then=" IS NULL"))
    parts = slots(len(call.args))
    if (
        call.result.base in ("double", "real") and call.rule.name == "greatest"
    ):  # to Trino NaN is the least here
        numbers = ", ".join(f"CASE WHEN NOT isnan({p}) THEN {p} END" for p in parts)
        listed = f"{numbers}), {parts[0]}"
        body = f"coalesce(greatest({listed})"
    else:
        body = f"{call.rule.name}({', '.join(parts)})"
    return once(
        [coerce(a, call.result) for a in call.args],
        f"CASE WHEN {nulls} THEN NULL ELSE {body} END", call.result,
    )  # fmt: skip


@special("offset")
def _offset(call: Call) -> Typed:
    """lag, lead and nth_value: an offset that is checked before any row is read."""
    least = 1 if call.rule.name == "nth_value" else 0
    if call.args[1].constant and call.args[1].literal is None:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", "Offset must not be null")
    if call.constant(1, "offset") < least:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"Offset must be at least {least}")
    return once(call.args, call.rest, call.result)


SPECIAL["greatest"] = SPECIAL["least"] = _extreme
