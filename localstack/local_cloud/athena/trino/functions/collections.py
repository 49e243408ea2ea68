"""Arrays and maps."""

from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.trino.casts import coerce, over_array, text_of
from local_cloud.athena.trino.functions.special import Call, special
from local_cloud.athena.trino.typed import Typed, once, slots
from local_cloud.athena.trino.types import (
    BIGINT,
    BOOLEAN,
    VARCHAR,
    Type,
    array,
    common,
)


def _nan(kind: Type) -> bool:
    """Whether values of ``kind`` may be NaN, which equals nothing in Trino and itself in DuckDB."""
    return kind.base in ("double", "real")


@special("contains")
def _contains(call: Call) -> Typed:
    items = "list_filter({0}, lambda e: e IS NULL OR NOT isnan(e))" if _nan(call.args[1].type) else "{0}"
    return once(call.args, f"t_contains({items}, {{1}})", BOOLEAN)


@special("array_position")
def _array_position(call: Call) -> Typed:
    nan = "WHEN isnan({1}) THEN CAST(0 AS BIGINT) " if _nan(call.args[1].type) else ""
    text = (
        f"CASE WHEN {{0}} IS NULL OR {{1}} IS NULL THEN NULL {nan}"
        "ELSE CAST(coalesce(list_position({0}, {1}), 0) AS BIGINT) END"
    )
    return once(call.args, text, BIGINT)


@special("array_remove")
def _array_remove(call: Call) -> Typed:
    nan = "WHEN isnan({1}) THEN {0} " if _nan(call.args[1].type) else ""
    text = f"CASE WHEN {{1}} IS NULL THEN NULL {nan}ELSE list_filter({{0}}, lambda e: e IS NULL OR e <> {{1}}) END"
    return once(call.args, text, call.result)


@special("array_extreme")
def _array_extreme(call: Call) -> Typed:
    """array_max and array_min: what NaN does there differs between Trino's versions."""
    if not _nan(call.result):
        return once(call.args, call.rest, call.result)
    fail = f"t_fail('NOT_SUPPORTED: {call.rule.name}() of NaN is not supported by the local Athena engine')"
    text = f"CASE WHEN len(list_filter({{0}}, lambda e: isnan(e))) > 0 THEN {fail} ELSE ({call.rest}) END"
    return once(call.args, text, call.result)


@special("array_sort")
def _array_sort(call: Call) -> Typed:
    return once(call.args, "list_sort({0}, 'ASC', 'NULLS LAST')", call.args[0].type)


@special("array_join")
def _array_join(call: Call) -> Typed:
    unknown = call.args[0].type.args[0].base == "unknown"
    template = "CAST(NULL AS VARCHAR)" if unknown else text_of(call.args[0].type.args[0])
    if template is None:
        raise syntax(f"Input type {call.args[0].type} not supported")
    texts = over_array(template, "{0}")
    if len(call.args) > 2:
        inner = over_array("coalesce(" + template + ", {2})", "{0}")
        text = f"CASE WHEN {{1}} IS NOT NULL AND {{2}} IS NOT NULL THEN array_to_string({inner}, {{1}}) END"
        return once(call.args, text, VARCHAR)
    kept = f"list_filter({texts}, lambda e: e IS NOT NULL)"
    return once(call.args, f"CASE WHEN {{1}} IS NOT NULL THEN array_to_string({kept}, {{1}}) END", VARCHAR)


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
    listed = ", ".join(slots(len(call.args)))
    nulls = " OR ".join(slots(len(call.args), then=" IS NULL"))
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
    text = (
        "CASE WHEN {0} IS NULL THEN NULL ELSE map(list_transform({0}, lambda e: e.f1), "
        "list_transform({0}, lambda e: e.f2)) END"
    )
    return once(call.args, text, kind)


@special("map_concat")
def _map_concat(call: Call) -> Typed:
    nulls = " OR ".join(slots(len(call.args), then=" IS NULL"))
    listed = ", ".join(slots(len(call.args)))
    return once(
        [coerce(a, call.result) for a in call.args],
        f"CASE WHEN {nulls} THEN NULL ELSE map_concat({listed}) END",
        call.result,
    )


@special("map_filter")
def _map_filter(call: Call) -> Typed:
    kept = _named_pairs(call.args[1], "{0}")
    text = (
        f"CASE WHEN {{0}} IS NULL THEN NULL ELSE map_from_entries(list_filter(map_entries({{0}}), lambda "
        f"e, i: ({kept})[i])) END"
    )
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
