"""Regular expressions, formats, strings and URLs."""

import re

from local_cloud.athena.errors import QueryError, unsupported
from local_cloud.athena.trino.casts import text_of
from local_cloud.athena.trino.functions import formats
from local_cloud.athena.trino.functions.special import Call, special
from local_cloud.athena.trino.typed import Typed, once, quote, slot
from local_cloud.athena.trino.types import (
    BIGINT,
    VARCHAR,
    array,
    duck,
)


def _regex(call: Call) -> str:
    return quote(formats.pattern(call.constant(1, "pattern")))


@special("regex")
def _with_regex(call: Call) -> Typed:
    return once(call.args, call.rest.replace("$regex1", _regex(call)), call.result)


def _group(call: Call) -> int:
    group = call.constant(2, "group") if len(call.args) > 2 else 0
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
    if re.match(formats.pattern(call.constant(1, "pattern")), ""):
        raise unsupported("regexp_split() by a pattern that matches the empty string")
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
    return once(call.args[:1], _parsed(pattern), call.result)


def _parsed(pattern: str) -> str:
    """``{0}`` by a strptime pattern, with Joda's defaults: the epoch, for a month or day the year 2000."""
    letters = set(re.findall(r"%([A-Za-z])", pattern.replace("%%", "")))
    text, given = "{0}", pattern
    if not letters & set("YyG"):
        year = "2000" if letters & set("mdbBjUVu") else "1970"
        text, given = f"'{year} ' || {{0}}", f"%Y {pattern}"
    parsed = f"CAST(strptime({text}, {quote(given)}) AS TIMESTAMP)"
    if "y" in letters:  # 70 to 99 and 00 to 69: C's strptime makes 1969 of 69
        parsed = f"({parsed} + to_years(CASE WHEN year({parsed}) = 1969 THEN 100 ELSE 0 END))"
    # strptime passes over blanks around the text.
    blank = r"^\s|\s$"
    fail = "CAST(t_failv('INVALID_FUNCTION_ARGUMENT: Invalid format: \"' || {0} || '\"') AS TIMESTAMP)"
    return f"CASE WHEN regexp_matches({{0}}, '{blank}') THEN {fail} ELSE {parsed} END"


@special("parse_datetime")
def _parse_datetime(call: Call) -> Typed:
    pattern = formats.joda(call.constant(1, "format"), parsing=True).replace("%-", "%")
    if "%y" in pattern:  # its century follows the clock
        raise unsupported("parse_datetime() with a year of two digits")
    return once(call.args[:1], f"t_atzone({_parsed(pattern)}, 'UTC')", call.result)


@special("to_iso8601")
def _to_iso8601(call: Call) -> Typed:
    kind = call.args[0].type
    text = f"replace(t_tsv({_local(call.args[0])}, {kind.args[0]}), ' ', 'T')"
    if kind.base == "timestamp with time zone":
        text += " || t_offset_text({0}, 'Z')"
    return once(call.args, text, VARCHAR)


@special("format")
def _format(call: Call) -> Typed:
    """format(): %s %d %f with width, precision, zeros and thousands, each argument by its own conversion."""
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
    places = int(digits or 6)
    if letter == "f" and kind.base in ("double", "real", "decimal") and "-" not in flags and places <= 12:
        # Java prints the shortest notation, fmt the exact value: the same within 15 digits.
        fail = "t_fail('NOT_SUPPORTED: format() with %f of more than 15 digits is not supported here')"
        safe = f"CASE WHEN abs({value}) < 1e{max(15 - places, 0)} THEN {value} ELSE CAST({fail} AS {duck(kind)}) END"
        rounded = f"CAST(round(CAST({safe} AS DECIMAL(38,12)), {places}) AS DOUBLE)"
        return f"format('{{:{sign}{pad}{comma}.{places}f}}', {rounded})"
    raise unsupported(f"format() with %{flags}{width}{letter} of {kind}")


@special("strpos")
def _strpos(call: Call) -> Typed:
    instance = call.constant(2, "instance")
    if instance == 0:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", "'instance' must be a positive or negative number.")
    if instance < 0:
        raise unsupported("strpos() from the end")
    places = "list_filter(range(1, length({0}) + 1), lambda i: starts_with(substr({0}, i), {1}))"
    text = (
        "CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL WHEN {1} = '' THEN CAST(1 AS BIGINT) "
        f"ELSE coalesce({places}[{instance}], CAST(0 AS BIGINT)) END"
    )
    return once(call.args[:2], text, BIGINT)


@special("url_extract_parameter")
def _url_parameter(call: Call) -> Typed:
    name = re.escape(call.constant(1, "name"))
    pattern = quote(rf"^[^?#]*\?(?:[^#]*?&)??{name}(?:=([^&#]*))?(?:[&#]|$)")
    text = (
        f"CASE WHEN regexp_matches(t_uri({{0}}), {pattern}) THEN t_url_decode(replace(regexp_extract({{0}}, "
        f"{pattern}, 1), '+', '%20')) END"
    )
    return once(call.args[:1], text, VARCHAR)
