# ruff: noqa: PLR0911 - one return a kind of type
"""Casts between Trino types, explicit and implicit, as DuckDB text."""

import re
from datetime import date
from decimal import Decimal, localcontext

from local_cloud.athena.errors import QueryError, syntax
from local_cloud.athena.trino.typed import Typed, null, once, quote
from local_cloud.athena.trino.types import JSON, VARCHAR, Type, as_decimal, coercible, duck

_INT_NAMES = {"tinyint": "TINYINT", "smallint": "SMALLINT", "integer": "INT", "bigint": "BIGINT"}
_EXACT = ("tinyint", "smallint", "integer", "bigint", "decimal")


def coerce(value: Typed, target: Type) -> Typed:
    """``value`` as ``target``, where Trino casts implicitly.

    Raises:
        QueryError: TYPE_MISMATCH.
    """
    if value.type == target:
        return value
    if value.type.base == target.base and target.base in ("varchar",) and target.args[0] is None:
        return Typed(value.sql, target, value.volatile, value.literal)
    if not coercible(value.type, target):
        raise QueryError("TYPE_MISMATCH", f"Cannot coerce {value.type} to {target}")
    result = cast(value, target)
    return Typed(result.sql, result.type, result.volatile, value.literal)


def cast(value: Typed, target: Type) -> Typed:
    """``CAST(value AS target)``; raises SYNTAX_ERROR where Trino has no such cast."""
    source = value.type
    if source.base == "unknown":
        return null(target)
    if source == target:
        return value
    template = _template(source, target)
    if template is None:
        raise syntax(f"Cannot cast {source} to {target}")
    return folded(value, target) or once([value], template, target)


def folded(value: Typed, target: Type) -> Typed | None:
    """A literal's cast as a literal, which DuckDB can use for pruning; None where it is no literal or may fail."""
    literal = value.literal
    if isinstance(literal, bool) or not value.constant:
        return None
    if isinstance(literal, str) and value.type.base == "varchar" and target.base == "date":
        return _date(literal, target)
    if not isinstance(literal, int | Decimal) or not value.type.numeric:
        return None
    if target.base in ("double", "real"):
        return Typed(f"CAST({float(literal)!r} AS {duck(target)})", target, literal=float(literal))
    if target.base in _INT_NAMES and isinstance(literal, int):
        bits = {"tinyint": 7, "smallint": 15, "integer": 31, "bigint": 63}[target.base]
        fits = -(2**bits) <= literal < 2**bits
        return Typed(f"CAST({literal} AS {duck(target)})", target, literal=literal) if fits else None
    return _decimal(Decimal(literal), target) if target.base == "decimal" else None


def _date(text: str, target: Type) -> Typed | None:
    found = re.fullmatch(r"\s*(\d{4})-(\d{1,2})-(\d{1,2})\s*", text)
    try:
        day = date(*map(int, found.groups())) if found else None
    except ValueError:
        return None
    return Typed(f"CAST('{day.isoformat()}' AS DATE)", target, literal=day.isoformat()) if day else None


def _decimal(exact: Decimal, target: Type) -> Typed | None:
    with localcontext(prec=80):
        digits = exact.scaleb(target.args[1])
        if digits != digits.to_integral_value() or abs(digits) >= 10 ** target.args[0]:
            return None
        text = f"{exact.quantize(Decimal(1).scaleb(-target.args[1])):f}"
    return Typed(f"CAST('{text}' AS {duck(target)})", target, literal=Decimal(text))


def _digits(kind: Type) -> int:
    """A timestamp's precision."""
    return int(kind.args[0]) if kind.temporal and kind.args else 3


def _plain(target: Type) -> str:
    return f"CAST({{0}} AS {duck(target)})"


def _template(source: Type, target: Type) -> str | None:
    """The cast's text with ``{0}`` for the value, or None where Trino has none."""
    if target.base == "json":
        return to_json(source)
    if source.base == "json":
        return from_json(target)
    if target.text:
        return _to_text(source, target)
    if source.text:
        return _from_text(target)
    if target.base in ("array", "map", "row"):
        return _nested(source, target)
    if (source.base == "boolean" and target.numeric) or (source.numeric and target.base == "boolean"):
        return _plain(target)
    if source.numeric and target.numeric:
        if target.base in _INT_NAMES and source.base in ("real", "double"):
            return f"CAST(round({{0}}) AS {duck(target)})"
        if (
            target.base == "decimal" and source.base == "double"
        ):  # of its shortest notation, as BigDecimal.valueOf
            return f"CAST(CAST({{0}} AS VARCHAR) AS {duck(target)})"
        return f"({{0}})::{duck(target)}" if _widens(source, target) else _plain(target)
    return _temporal(source, target)


def _widens(source: Type, target: Type) -> bool:
    """Whether every value fits: such a cast is written ``::``, and ``may_fail`` passes over it."""
    if target.base == "double" or (target.base == "real" and source.base != "double"):
        return True
    if source.base in ("real", "double"):
        return False
    (p1, s1), (p2, s2) = as_decimal(source).args, as_decimal(target).args
    if target.integral:
        return source.integral and p1 <= p2
    return bool(s1 <= s2 and p1 - s1 <= p2 - s2)


def _temporal(source: Type, target: Type) -> str | None:
    to_local = "t_local({0})" if source.base == "timestamp with time zone" else "{0}"
    if source.base == "timestamp with time zone" and target.base == source.base:
        return f"struct_pack(t := t_tsp(({{0}}).t, {target.args[0]}), z := ({{0}}).z)"
    if not source.temporal or not target.temporal:
        return None
    if target.base == "timestamp with time zone" and source.base in ("date", "timestamp"):
        return "CASE WHEN {0} IS NULL THEN NULL ELSE struct_pack(t := CAST({0} AS TIMESTAMP), z := 'UTC') END"
    if source.base == "time" or target.base == "time":
        return "{0}" if source.base == target.base else (
            f"CAST({to_local} AS TIME)" if target.base == "time" and source.base != "date" else None
        )  # fmt: skip
    if target.base == "date":
        return f"CAST({to_local} AS DATE)"
    if source.base == "date":
        return _plain(target)
    narrower = source.args[0] > target.args[0]
    return f"t_tsp({to_local}, {target.args[0]})" if narrower else to_local


def text_of(source: Type) -> str | None:
    """The template of a value's text in Trino's notation."""
    base = source.base
    if base == "decimal" and source.args[0] == source.args[1]:  # DuckDB leaves out the zero before the point
        return "regexp_replace(CAST({0} AS VARCHAR), '^(-?)\\.', '\\10.')"
    if base in _EXACT or base in ("boolean", "date", "varchar", "char"):
        return "{0}" if base in ("varchar", "char") else "CAST({0} AS VARCHAR)"
    if base in ("double", "real"):
        return "t_jd({0})"
    if base == "time":
        return (
            f"rtrim(strftime(DATE '2000-01-01' + {{0}}, '%H:%M:%S.') || substr(strftime(DATE '2000-01-01' "
            f"+ {{0}}, '%f'), 1, {source.args[0]}), '.')"
        )
    return {
        "timestamp": f"t_tsv({{0}}, {_digits(source)})",
        "timestamp with time zone": f"t_tzv({{0}}, {_digits(source)})",
        "interval day to second": "t_dsv({0})",
        "interval year to month": "t_ymv({0})",
    }.get(base)


def _to_text(source: Type, target: Type) -> str | None:
    template = text_of(source)
    if template is None:
        return None
    length = target.args[0]
    if length is None:
        return template
    if target.base == "char":
        return f"rpad(substr({template}, 1, {length}), {length}, ' ')"
    if source.base in ("varchar", "char"):
        fits = source.args[0] is not None and source.args[0] <= length
        return template if fits else f"substr({template}, 1, {length})"
    return f"t_cut({template}, {length}, {quote(str(target))})"


def _from_text(target: Type) -> str | None:
    base = target.base
    if base in _INT_NAMES:
        return f"CAST(t_int({{0}}, '{_INT_NAMES[base]}') AS {duck(target)})"
    if base in ("double", "real", "decimal"):
        return f"CAST(t_num({{0}}, '{base.upper()}') AS {duck(target)})"
    return {
        "boolean": "t_bool({0})",
        "date": "t_date({0})",
        "time": "t_time({0})",
        "timestamp": f"t_ts({{0}}, {_digits(target)})",
        "timestamp with time zone": f"t_tz({{0}}, {_digits(target)})",
    }.get(base)


def _variable(template: str) -> str:
    """A lambda parameter that no inner lambda of ``template`` uses."""
    depth = max((int(n) for n in _numbers(template)), default=0) + 1
    return f"e{depth}"


def _numbers(template: str) -> list[str]:
    return re.findall(r"lambda e(\d+)", template)


def _nested(source: Type, target: Type) -> str | None:
    if source.base != target.base or len(source.args) != len(target.args):
        return None
    if source.base == "row":
        parts = [_step(s[1], t[1]) for s, t in zip(source.args, target.args, strict=True)]
        if any(p is None for p in parts):
            return None
        fields = ", ".join(
            f"f{i} := " + str(p).replace("{0}", f"({{0}}).f{i}") for i, p in enumerate(parts, 1)
        )
        return f"CASE WHEN {{0}} IS NULL THEN NULL ELSE struct_pack({fields}) END"
    steps = [_step(s, t) for s, t in zip(source.args, target.args, strict=True)]
    if any(s is None for s in steps):
        return None
    if source.base == "array":
        return over_array(str(steps[0]), "{0}")
    keys, values = over_array(str(steps[0]), "map_keys({0})"), over_array(str(steps[1]), "map_values({0})")
    return f"CASE WHEN {{0}} IS NULL THEN NULL ELSE map({keys}, {values}) END"


def over_array(step: str, items: str) -> str:
    """``step`` (a template of one element) over every element of ``items``."""
    if step == "{0}":
        return items
    name = _variable(step)
    return f"list_transform({items}, lambda {name}: {step.replace('{0}', name)})"


def _step(source: Type, target: Type) -> str | None:
    if source == target:
        return "{0}"
    if source.base == "unknown":
        return f"CAST(NULL AS {duck(target)})"
    return _template(source, target)


def to_json(source: Type) -> str | None:
    """CAST(... AS JSON); rows become objects (Athena engine version 3)."""
    base = source.base
    if base == "json":
        return "{0}"
    if base in ("boolean", *_EXACT):
        return f"CAST({text_of(source)} AS JSON)"
    if base in ("double", "real"):
        return "CAST(CASE WHEN isfinite({0}) THEN t_jd({0}) ELSE '\"' || t_jd({0}) || '\"' END AS JSON)"
    if base in ("varchar", "date", "timestamp", "timestamp with time zone"):
        return f"to_json({text_of(source)})"
    if base == "array":
        inner = to_json(source.args[0])
        if inner is None:
            return None
        each = over_array(f"coalesce(CAST({inner} AS VARCHAR), 'null')", "{0}")
        return f"CAST('[' || array_to_string({each}, ',') || ']' AS JSON)"
    if base == "map":
        return _map_to_json(source)
    if base == "row":
        parts = [to_json(t) for _, t in source.args]
        if any(p is None for p in parts):
            return None
        body = " || ',' || ".join(
            f"CAST(to_json({quote(name or '')}) AS VARCHAR) || ':' || coalesce(CAST("
            + str(part).replace("{0}", f"({{0}}).f{i}") + " AS VARCHAR), 'null')"
            for i, ((name, _), part) in enumerate(zip(source.args, parts, strict=True), 1)
        )  # fmt: skip
        return f"CAST('{{' || {body} || '}}' AS JSON)"
    return None


def _map_to_json(source: Type) -> str | None:
    key, value = text_of(source.args[0]), to_json(source.args[1])
    if key is None or value is None:
        return None
    entry = (
        "CAST(to_json(" + key.replace("{0}", "({0}).key") + ") AS VARCHAR) || ':' || coalesce(CAST("
        + value.replace("{0}", "({0}).value") + " AS VARCHAR), 'null')"
    )  # fmt: skip
    each = over_array(entry, "map_entries({0})")
    return f"CAST('{{' || array_to_string(list_sort({each}), ',') || '}}' AS JSON)".replace(
        "{{", "{"
    ).replace("}}", "}")


def from_json(target: Type) -> str | None:
    """CAST(json AS target); a JSON null is NULL."""
    base = target.base
    fail = f"t_failv('INVALID_CAST_ARGUMENT: Cannot cast to {target}. Unexpected JSON: ' || CAST({{0}} AS VARCHAR))"
    kind = "json_type({0})"
    text = "json_extract_string({0}, '$')"
    if base == "varchar":
        return (
            f"CASE WHEN {kind} = 'NULL' THEN NULL WHEN {kind} IN ('OBJECT', 'ARRAY') THEN {fail} "
            f"WHEN {kind} = 'DOUBLE' THEN t_jd(TRY_CAST({text} AS DOUBLE)) ELSE {text} END"
        )
    if base == "boolean":
        return (
            f"CASE {kind} WHEN 'NULL' THEN NULL WHEN 'BOOLEAN' THEN CAST({text} AS BOOLEAN) "
            f"WHEN 'VARCHAR' THEN t_bool({text}) ELSE CAST({fail} AS BOOLEAN) END"
        )
    if base in _INT_NAMES or base in ("double", "real", "decimal"):
        rounded = (
            f"CAST(round(CAST({text} AS DOUBLE)) AS {duck(target)})" if base in _INT_NAMES else _plain(target)
        )
        parsed = str(_from_text(target)).replace("{0}", text)
        return (
            f"CASE WHEN {kind} = 'NULL' THEN NULL WHEN {kind} = 'BOOLEAN' THEN CAST(CAST({text} AS "
            f"BOOLEAN) AS {duck(target)}) "
            f"WHEN {kind} = 'VARCHAR' THEN {parsed} WHEN {kind} = 'DOUBLE' THEN {rounded.replace('{0}', text)} "
            f"WHEN {kind} IN ('OBJECT', 'ARRAY') THEN CAST({fail} AS {duck(target)}) ELSE CAST({text} "
            f"AS {duck(target)}) END"
        )
    if base == "array":
        step = from_json(target.args[0]) if target.args[0] != JSON else "{0}"
        if step is None:
            return None
        items = (
            f"CAST(CASE {kind} WHEN 'NULL' THEN NULL WHEN 'ARRAY' THEN json_extract({{0}}, '$[*]') ELSE "
            f"[CAST({fail} AS JSON)] END AS JSON[])"
        )
        return over_array(step, items)
    if base == "map" and target.args[0].base == "varchar":
        step = from_json(target.args[1]) if target.args[1] != JSON else "{0}"
        if step is None:
            return None
        values = over_array(step, "json_extract({0}, '$.*')")
        return (
            f"CASE {kind} WHEN 'NULL' THEN NULL WHEN 'OBJECT' THEN map(json_keys({{0}}), {values}) "
            f"ELSE map([{fail}], [CAST(NULL AS {duck(target.args[1])})]) END"
        )
    if base == "row":
        return _row_from_json(target, kind)
    return None


def json_field(name: str, value: str = "{0}") -> str:
    """The member ``name`` of a JSON object, whatever its case; a template."""
    key = quote(name.lower())
    return (
        f"json_extract({value}, '$.\"' || coalesce(list_filter(json_keys({value}), lambda k: lower(k) "
        f"= {key})[1], {key})"
        f" || '\"')"
    )


def _row_from_json(target: Type, kind: str) -> str | None:
    by_name, by_place = [], []
    for i, (name, type_) in enumerate(target.args, 1):
        step = from_json(type_) if type_ != JSON else "{0}"
        if step is None:
            return None
        by_name.append(f"f{i} := " + step.replace("{0}", json_field(name or "")))
        by_place.append(f"f{i} := " + step.replace("{0}", f"json_extract({{0}}, '$[{i - 1}]')"))
    return (
        f"CASE {kind} WHEN 'NULL' THEN NULL WHEN 'ARRAY' THEN struct_pack({', '.join(by_place)}) "
        f"ELSE struct_pack({', '.join(by_name)}) END"
    )


__all__ = ["VARCHAR", "cast", "coerce", "from_json", "json_field", "over_array", "text_of", "to_json"]
