# ruff: noqa: S608, PLR0911 - the text is SQL by purpose; names and values in it pass typed.identifier() and typed.quote()
"""Delimited text: LazySimpleSerDe (no quoting) and OpenCSVSerde.

https://docs.aws.amazon.com/athena/latest/ug/lazy-simple-serde.html, .../csv-serde.html
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from local_cloud.athena.errors import QueryError, unsupported
from local_cloud.athena.readers.decode import suffix
from local_cloud.athena.trino.typed import identifier, quote
from local_cloud.athena.trino.types import Type, duck

if TYPE_CHECKING:
    from local_cloud.athena.catalog import Column, Table
    from local_cloud.athena.scans import DataFile

NEVER = "\x1c"
"""The delimiter under which a line is one value; a line that contains it is refused, never split."""
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_REFUSED = (".xz", ".lzo")


def by_compression(files: "Sequence[DataFile]") -> list[tuple[str, list["DataFile"]]]:
    """Files by the compression DuckDB must undo; those of ``decode.CODECS`` are decoded by now.

    Raises:
        QueryError: NOT_SUPPORTED.
    """
    groups: dict[str, list[DataFile]] = {}
    for file in files:
        end = suffix(file.uri)
        if end in _REFUSED:
            raise unsupported(f"Compression {end} of {file.uri}")
        groups.setdefault(_COMPRESSIONS.get(end, "none"), []).append(file)
    return list(groups.items())


def lines(files: "Sequence[DataFile]", compression: str, skip: int) -> str:
    """FROM item of whole lines: columns ``line`` and ``filename``."""
    listed = ", ".join(quote(f.path) for f in files)
    return (
        f"read_csv([{listed}], columns = {{'line': 'VARCHAR'}}, delim = {quote(NEVER)}, quote = '', "
        f"escape = '', header = false, "
        f"auto_detect = false, skip = {skip}, null_padding = true, filename = true, compression = '{compression}', "
        "max_line_size = 33554432, parallel = true) AS f"
    )


def skipped(table: "Table") -> int:
    """``skip.header.line.count``.

    Raises:
        QueryError: HIVE_INVALID_METADATA.
    """
    value = table.properties.get("skip.header.line.count", "0")
    if not value.isdigit():
        raise QueryError(
            "HIVE_INVALID_METADATA", f"Invalid value for 'skip.header.line.count' property: {value}"
        )
    return int(value)


def scalar(sql: str, kind: Type) -> str:
    """A text as LazySimpleSerDe reads it: what does not parse is NULL.

    Raises:
        QueryError: NOT_SUPPORTED.
    """
    base = kind.base
    if base == "varchar":
        return sql if kind.args[0] is None else f"substr({sql}, 1, {kind.args[0]})"
    if base == "char":
        return f"rpad(substr({sql}, 1, {kind.args[0]}), {kind.args[0]}, ' ')"
    if base == "boolean":
        return f"CASE lower({sql}) WHEN 'true' THEN true WHEN 'false' THEN false END"
    if kind.integral:
        return f"CASE WHEN regexp_full_match({sql}, '[+-]?\\d+') THEN TRY_CAST({sql} AS {duck(kind)}) END"
    if base in ("double", "real", "decimal"):
        number = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
        special = "|[+-]?(NaN|Infinity)" if base != "decimal" else ""
        return f"CASE WHEN regexp_full_match({sql}, '({number}{special})') THEN TRY_CAST({sql} AS {duck(kind)}) END"
    if base == "date":
        return f"CASE WHEN regexp_full_match({sql}, '\\d{{4}}-\\d{{1,2}}-\\d{{1,2}}') THEN TRY_CAST({sql} AS DATE) END"
    if base == "timestamp":
        pattern = r"\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{1,2}:\d{1,2}(\.\d{1,9})?"
        return (
            f"CASE WHEN regexp_full_match({sql}, '{pattern}') THEN "
            f"date_trunc('millisecond', TRY_CAST(substr({sql}, 1, 26) AS TIMESTAMP) + INTERVAL 500 MICROSECOND) END"
        )
    if base == "varbinary":
        return f"from_base64({sql})"
    raise unsupported(f"Type {kind} in delimited text")


def _separators(properties: dict[str, str]) -> list[str]:
    """The delimiters of collections by depth: items, map keys, then Hive's control characters."""
    items = properties.get("colelction.delim", properties.get("collection.delim", "\x02"))
    return [items, properties.get("mapkey.delim", "\x03"), *(chr(n) for n in range(4, 9))]


def nested(sql: str, kind: Type, separators: list[str], null: str, depth: int = 0) -> str:
    """A text as LazySimpleSerDe reads it, collections split by the separators of their depth.

    Raises:
        QueryError: NOT_SUPPORTED.
    """
    if kind.base not in ("array", "map", "row"):
        return scalar(sql, kind)
    if len(separators) < 2:
        raise unsupported(f"Type {kind} nested this deep in delimited text")
    name = f"x{depth}"
    pieces = f"string_split({sql}, {quote(separators[0])})"
    inner = separators[1:]
    if kind.base == "array":
        element = nested(f"nullif({name}, {null})", kind.args[0], inner, null, depth + 1)
        return (
            f"CASE WHEN {sql} IS NULL THEN NULL WHEN {sql} = '' THEN [] "
            f"ELSE list_transform({pieces}, lambda {name}: {element}) END"
        )
    if kind.base == "map":
        pair = f"string_split({name}, {quote(inner[0])})"
        key = nested(f"{pair}[1]", kind.args[0], inner[1:], null, depth + 1)
        value = nested(f"nullif({pair}[2], {null})", kind.args[1], inner[1:], null, depth + 1)
        entries = f"list_transform({pieces}, lambda {name}: struct_pack(key := {key}, value := {value}))"
        return (
            f"CASE WHEN {sql} IS NULL THEN NULL WHEN {sql} = '' THEN CAST(MAP {{}} AS {duck(kind)}) "
            f"ELSE map_from_entries({entries}) END"
        )
    members = ", ".join(
        f"f{i} := {nested(f'nullif({pieces}[{i}], {null})', type_, inner, null, depth + 1)}"
        for i, (_, type_) in enumerate(kind.args, 1)
    )
    return f"CASE WHEN {sql} IS NULL THEN NULL ELSE struct_pack({members}) END"


class WholeFiles:
    """Formats that are read whole whatever the columns."""

    def bytes(self, files: "Sequence[DataFile]", needed: set[str]) -> int:
        del needed
        return sum(f.size for f in files)


class LazyReader(WholeFiles):
    """LazySimpleSerDe."""

    def arms(
        self, files: "Sequence[DataFile]", table: "Table", columns: "Sequence[Column]"
    ) -> list[tuple[str, str]]:
        properties = table.properties
        delimiter = properties.get("field.delim", properties.get("serialization.format", "\x01"))
        delimiter = "\x01" if delimiter == "1" else delimiter
        if properties.get("line.delim", "\n") not in ("\n", "\\n"):
            raise unsupported("LINES TERMINATED BY other than '\\n'")
        escape = properties.get("escape.delim", "")
        null = quote(properties.get("serialization.null.format", "\\N"))
        places = {c.name: i for i, c in enumerate(table.columns, 1)}
        line = "coalesce(f.line, '')"
        if escape:
            line = (
                f"replace(replace({line}, {quote(escape * 2)}, '\x1e'), {quote(escape + delimiter)}, '\x1d')"
            )
        separators = _separators(properties)
        parts = []
        for column in columns:
            value = f"nullif(v[{places[column.name]}], {null})"
            if escape and column.type.base in ("array", "map", "row"):
                raise unsupported(f"ESCAPED BY with column {column.name} of type {column.type}")
            if escape:
                bare = (
                    f"regexp_replace(replace({value}, '\x1d', {quote(delimiter)}), "
                    f"{quote(re.escape(escape) + '(.)')}, '\\1', 'g')"
                )
                value = f"replace({bare}, '\x1e', {quote(escape)})"
            parts.append(f"{nested(value, column.type, separators, null)} AS {identifier(column.name)}")
        body = ", ".join(parts) or "1 AS one"
        return [
            (
                body,
                f"(SELECT string_split({line}, {quote(delimiter)}) AS v, filename FROM "
                f"{lines(group, how, skipped(table))}) AS f",
            )
            for how, group in by_compression(files)
        ]


class OpenCsvReader(WholeFiles):
    """OpenCSVSerde: every value may be quoted; dates are days and timestamps milliseconds since 1970."""

    def arms(
        self, files: "Sequence[DataFile]", table: "Table", columns: "Sequence[Column]"
    ) -> list[tuple[str, str]]:
        properties = table.properties
        separator = properties.get("separatorChar", ",")
        quote_, escape = properties.get("quoteChar", '"'), properties.get("escapeChar", "\\")
        declared = ", ".join(f"{quote(c.name)}: 'VARCHAR'" for c in table.columns)
        body = ", ".join(
            f"{_csv_value(f'f.{identifier(c.name)}', c)} AS {identifier(c.name)}" for c in columns
        )
        found = []
        for how, group in by_compression(files):
            listed = ", ".join(quote(f.path) for f in group)
            source = (
                f"read_csv([{listed}], columns = {{{declared}}}, delim = {quote(separator)}, quote = {quote(quote_)}, "
                f"escape = {quote(quote_ if escape == quote_ else escape)}, header = false, "
                f"auto_detect = false, skip = {skipped(table)}, "
                f"null_padding = true, nullstr = {quote(NEVER)}, filename = true, compression = "
                f"'{how}', parallel = false) AS f"
            )
            found.append((body or "1 AS one", source))
        return found


def _csv_value(sql: str, column: "Column") -> str:
    kind = column.type
    whole = (
        f"CASE WHEN contains({sql}, chr(10)) THEN t_failv('HIVE_BAD_DATA: OpenCSVSerde reads no line "
        f"break inside quotes "
        f"(column {column.name})') ELSE {sql} END"
    )
    if kind.text:
        return whole if kind.args[0] is None else f"substr({whole}, 1, {kind.args[0]})"
    bad = f"t_failv('HIVE_BAD_DATA: Error parsing field value ''' || {sql} || ''' for field {column.name}')"
    number = rf"CASE WHEN {sql} IS NULL THEN NULL WHEN regexp_full_match({sql}, '[+-]?\d+') THEN {sql} ELSE {bad} END"
    if kind.base == "date":
        return f"DATE '1970-01-01' + CAST({number} AS INTEGER)"
    if kind.base == "timestamp":
        return f"make_timestamp(CAST({number} AS BIGINT) * 1000)"
    if kind.integral:
        return f"CAST({number} AS {duck(kind)})"
    if kind.base in ("double", "real", "decimal"):
        return f"CAST(t_num({sql}, '{kind.base.upper()}') AS {duck(kind)})"
    if kind.base == "boolean":
        return (
            f"CASE lower({sql}) WHEN 'true' THEN true WHEN 'false' THEN false ELSE CAST({bad} AS BOOLEAN) END"
        )
    raise unsupported(f"Type {kind} with OpenCSVSerde")
