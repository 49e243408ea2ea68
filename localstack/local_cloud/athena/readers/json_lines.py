# ruff: noqa: S608 - the text is SQL by purpose; names and values in it pass typed.identifier() and typed.quote()
"""JSON SerDes: one object a line, names whatever their case.

https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from local_cloud.athena.errors import unsupported
from local_cloud.athena.readers.text import WholeFiles, by_compression, lines, skipped
from local_cloud.athena.trino.casts import from_json, json_field, over_array
from local_cloud.athena.trino.typed import identifier, quote
from local_cloud.athena.trino.types import Type, duck

if TYPE_CHECKING:
    from local_cloud.athena.catalog import Column, Table
    from local_cloud.athena.scans import DataFile


def value(kind: Type) -> str:
    """The template that reads a JSON value as ``kind``.

    Raises:
        QueryError: NOT_SUPPORTED.
    """
    text = "json_extract_string({0}, '$')"
    base = kind.base
    if base == "varchar":
        cut = "{0}" if kind.args[0] is None else f"substr({{0}}, 1, {kind.args[0]})"
        return cut.replace("{0}", f"CASE WHEN json_type({{0}}) = 'NULL' THEN NULL ELSE {text} END")
    if base in ("date", "timestamp"):
        parsed = f"t_date({text})" if base == "date" else f"t_ts({text}, 3)"
        return f"CASE WHEN json_type({{0}}) = 'NULL' THEN NULL ELSE {parsed} END"
    if base == "array":
        items = "CASE json_type({0}) WHEN 'ARRAY' THEN json_extract({0}, '$[*]') END"
        return over_array(value(kind.args[0]), items)
    if base == "map" and kind.args[0].base == "varchar":
        inner = over_array(value(kind.args[1]), "json_extract({0}, '$.*')")
        return f"CASE json_type({{0}}) WHEN 'OBJECT' THEN map(json_keys({{0}}), {inner}) END"
    if base == "row":
        parts = [
            f"f{i} := " + value(t).replace("{0}", json_field(n or ""))
            for i, (n, t) in enumerate(kind.args, 1)
        ]
        return f"CASE json_type({{0}}) WHEN 'OBJECT' THEN struct_pack({', '.join(parts)}) END"
    template = from_json(kind)
    if template is None:
        raise unsupported(f"Type {kind} in JSON files")
    return template


class JsonReader(WholeFiles):
    """JSON lines."""

    def arms(
        self, files: "Sequence[DataFile]", table: "Table", columns: "Sequence[Column]"
    ) -> list[tuple[str, str]]:
        forgiving = table.properties.get("ignore.malformed.json", "").lower() == "true"
        bad = "CAST(NULL AS JSON)" if forgiving else (
            "CAST(t_failv('HIVE_CURSOR_ERROR: Row is not a valid JSON Object - ' || substr(f.line, 1, 200)) AS JSON)"
        )  # fmt: skip
        parts = []
        for column in columns:
            name = table.properties.get(f"mapping.{column.name}", column.name)
            template = value(column.type).replace("{0}", json_field(name, "j"))
            parts.append(f"CAST({template} AS {duck(column.type)}) AS {identifier(column.name)}")
        body = ", ".join(parts) or "1 AS one"
        found = []
        for how, group in by_compression(files):
            inner = (
                f"(SELECT CASE WHEN json_valid(f.line) AND json_type(f.line) = 'OBJECT' THEN "
                f"CAST(f.line AS JSON) ELSE {bad} END AS j, "
                f"filename FROM {lines(group, how, skipped(table))} WHERE trim(coalesce(f.line, '')) "
                f"<> {quote('')}) AS f"
            )
            found.append((body, inner))
        return found
