# ruff: noqa: PLR0911 - one return a kind of type
"""Results: written where Athena writes them, and read back in pages."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_cloud.athena.trino.casts import text_of
from local_cloud.athena.trino.typed import quote
from local_cloud.athena.trino.types import Type, api_precision, api_type

if TYPE_CHECKING:
    from local_cloud.athena.trino.scope import Field

Shape = dict[str, Any]


def column_info(name: str, kind: Type) -> Shape:
    """A member of ResultSetMetadata.ColumnInfo."""
    precision, scale = api_precision(kind)
    return {
        "CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": name, "Label": name, "Type": api_type(kind),
        "Precision": precision, "Scale": scale, "Nullable": "UNKNOWN",
        "CaseSensitive": kind.base in ("varchar", "char", "json"),
    }  # fmt: skip


def rendered(field: "Field", source: str) -> str:
    """DuckDB text of a value as Athena's CSV shows it."""
    return shown(field.type).replace("{0}", f"{source}.{field.sql}")


def shown(kind: Type, depth: int = 0) -> str:
    """The template of a value's text; inside arrays, maps and rows NULL shows as ``null``."""
    base = kind.base
    if base == "json":
        return "CAST({0} AS VARCHAR)"
    if base == "unknown":
        return "CAST(NULL AS VARCHAR)"
    if base == "varbinary":
        return "rtrim(regexp_replace(lower(hex({0})), '(..)', '\\1 ', 'g'))"
    if base == "array":
        return f"('[' || array_to_string({_each(kind.args[0], '{0}', depth)}, ', ') || ']')"
    if base == "map":
        name = f"s{depth}"
        key = shown(kind.args[0], depth + 1).replace("{0}", f"{name}.key")
        value = shown(kind.args[1], depth + 1).replace("{0}", f"{name}.value")
        return (
            f"('{{' || array_to_string(list_transform(map_entries({{0}}), lambda {name}: {key} || '=' || "
            f"coalesce({value}, 'null')), ', ') || '}}')"
        )
    if base == "row":
        parts = [
            f"{quote((n or f'field{i - 1}') + '=')} || coalesce("
            + shown(t, depth + 1).replace("{0}", f"({{0}}).f{i}")
            + ", 'null')"
            for i, (n, t) in enumerate(kind.args, 1)
        ]
        return "CASE WHEN {0} IS NOT NULL THEN '{' || " + " || ', ' || ".join(parts) + " || '}' END"
    if base in ("timestamp", "timestamp with time zone"):  # Athena shows milliseconds at least
        kind = Type(base, (max(3, kind.args[0]),))
    template = text_of(kind)
    if template is None:
        raise ValueError(f"no text for {kind}")
    return template


def _each(element: Type, items: str, depth: int) -> str:
    name = f"s{depth}"
    inner = shown(element, depth + 1).replace("{0}", name)
    return f"list_transform({items}, lambda {name}: coalesce({inner}, 'null'))"


def upload(s3: Any, path: Path, uri: str, options: Shape | None = None) -> None:
    """Puts a local file at ``s3://bucket/key``; ``options``: of PutObject, as ``ServerSideEncryption``."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if (
        path.stat().st_size <= 8 << 20
    ):  # boto3's transfer manager starts threads, which a small file does not repay
        s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes(), **options or {})
        return
    s3.upload_file(str(path), bucket, key, ExtraArgs=options or {})


def put_text(s3: Any, text: str, uri: str, options: Shape | None = None) -> None:
    """Writes a small object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), **options or {})


def metadata_text(columns: list[Shape]) -> str:
    """The ``.metadata`` file: AWS's own is a private binary format; here it is the ColumnInfo list as JSON."""
    return json.dumps({"ColumnInfo": columns})


def read_page(path: Path, start: int, limit: int) -> tuple[list[list[str | None]], int | None]:
    """Up to ``limit`` rows of a result CSV from byte ``start``, and where the next page starts (None at the end).

    A value without quotes is NULL, as Athena writes it.
    """
    rows: list[list[str | None]] = []
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(start)
        while len(rows) < limit:
            line = file.readline()
            if not line:
                break
            while line.count(b'"') % 2:  # a line break inside quotes
                more = file.readline()
                if not more:
                    break
                line += more
            rows.append(parse_row(line.decode().removesuffix("\n")))
        here = file.tell()
    return rows, here if here < size else None


def parse_row(line: str) -> list[str | None]:
    """The values of one line of a result CSV."""
    values: list[str | None] = []
    at = 0
    while at <= len(line):
        if line[at : at + 1] == '"':
            at += 1
            text = ""
            while True:
                end = line.index('"', at)
                text += line[at:end]
                at = end + 1
                if line[at : at + 1] != '"':
                    break
                text += '"'
                at += 1
            values.append(text)
        else:
            end = line.find(",", at)
            end = len(line) if end < 0 else end
            values.append(line[at:end] or None)
            at = end
        at += 1
    return values
