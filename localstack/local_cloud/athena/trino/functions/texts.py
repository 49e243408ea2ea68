"""Regular expressions, formats, strings and URLs."""

from local_cloud.athena.errors import QueryError, unsupported
from local_cloud.athena.trino.casts import text_of
from local_cloud.athena.trino.functions import formats
from local_cloud.athena.trino.functions.special import Call, special
from local_cloud.athena.trino.typed import Typed, once, quote, slot
from local_cloud.athena.trino.types import (
    BIGINT,
    VARCHAR,
    array,
)


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
    kind, value = call.args[place].type, slot(place)
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
        return (
            f"format('{{:{sign}{pad}{comma}.{digits or 6}f}}', CAST(round(CAST({value} AS "
            f"DECIMAL(38,12)), {digits or 6}) AS DOUBLE))"
        )
    raise unsupported(f"format() with %{flags}{width}{letter} of {kind}")


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
    text = (
        f"CASE WHEN regexp_matches({{0}}, {pattern}) THEN url_decode(replace(regexp_extract({{0}}, "
        f"{pattern}, 1), '+', '%20')) END"
    )
    return once(call.args[:1], text, VARCHAR)
