"""JSON functions: paths are literals, documents that are none give NULL."""

from local_cloud.athena.trino.functions import formats
from local_cloud.athena.trino.functions.special import Call, special
from local_cloud.athena.trino.typed import Typed, once, quote
from local_cloud.athena.trino.types import (
    BIGINT,
    BOOLEAN,
    JSON,
    VARCHAR,
)


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
        "'INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: ''' || {0} || '''') AS JSON) ELSE "
        "CAST(py_json_sorted({0}) AS JSON) END"
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
        f"len(list_filter(CAST(json_extract({document}, '$[*]') AS JSON[]), lambda e: {wanted})) > 0 END"
    )
    return once(call.args, text, BOOLEAN)
