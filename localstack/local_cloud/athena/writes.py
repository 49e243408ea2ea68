# ruff: noqa: S608 - the text is SQL by purpose; names and values in it pass typed.identifier() and typed.quote()
"""CREATE TABLE AS, INSERT INTO and UNLOAD: new files first, catalog second."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from local_cloud.athena import results, targets
from local_cloud.athena.catalog import Table
from local_cloud.athena.compiled import Bound
from local_cloud.athena.ddl.definitions import register
from local_cloud.athena.ddl.tokens import Reader
from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.outcome import Outcome
from local_cloud.athena.scans import split_uri
from local_cloud.athena.targets import Target
from local_cloud.athena.trino.casts import cast, text_of
from local_cloud.athena.trino.typed import Typed, identifier, quote
from local_cloud.athena.trino.types import Type, coercible

if TYPE_CHECKING:
    from local_cloud.athena.run import Run

Shape = dict[str, Any]
MAX_PARTITIONS = (
    100  # open writers of one statement: https://docs.aws.amazon.com/athena/latest/ug/ctas-insert-into.html
)
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass
class Written:
    """A file on disk, the folders (``day=.../``) above it and its partition's values."""

    path: Path
    folders: str
    values: tuple[str, ...]


def _named(sql: str, kind: Type, depth: int = 0) -> str:
    """A value whose rows have their members' names again, as files carry them."""
    if kind.base == "row":
        parts = ", ".join(
            f"{identifier(n or f'field{i - 1}')} := {_named(f'({sql}).f{i}', t, depth)}"
            for i, (n, t) in enumerate(kind.args, 1)
        )
        return f"CASE WHEN {sql} IS NULL THEN NULL ELSE struct_pack({parts}) END"
    if kind.base == "array" and "row(" in str(kind):
        return f"list_transform({sql}, lambda w{depth}: {_named(f'w{depth}', kind.args[0], depth + 1)})"
    if kind.base == "map" and "row(" in str(kind):
        raise unsupported(f"Writing {kind}")
    return sql


def _write(
    run: "Run", bound: Bound, target: Target, *, coerced: list[str] | None = None
) -> tuple[list[Written], int]:
    """Runs the query into files below the run's folder."""
    folder = run.folder / "out"
    folder.mkdir()
    texts = coerced or [f"q.{f.sql}" for f in bound.fields]
    items, parts = [], []
    for text, (name, kind) in zip(texts, target.columns, strict=True):
        if name in target.keys:
            shown = f"coalesce({(text_of(kind) or '{0}').replace('{0}', text)}, {quote(NULL_PARTITION)})"
            parts.append(f"{shown} AS {identifier(name)}")
        else:
            items.append(f"{_file_value(text, kind, target.format)} AS {identifier(name)}")
    sql = f"SELECT {', '.join(items + parts)} FROM ({bound.sql}) AS q"
    bound.lock(sql, paths=[str(folder)], folders=[str(folder) + "/"])
    options, suffix = targets.copy_options(target)
    if target.keys:
        listed = ", ".join(identifier(k) for k in target.keys)
        distinct = bound.connection.execute(
            f"SELECT count(*) FROM (SELECT DISTINCT {listed} FROM ({sql}))"
        ).fetchone()[0]
        if distinct > MAX_PARTITIONS:
            raise QueryError(
                "HIVE_TOO_MANY_OPEN_PARTITIONS",
                f"Exceeded limit of {MAX_PARTITIONS} open writers for partitions/buckets",
            )
        options += f", PARTITION_BY ({listed}), FILENAME_PATTERN 'part_{{uuid}}'"
        place = folder
    else:
        place = folder / f"part_{uuid.uuid4().hex}{suffix}"
    rows = bound.connection.execute(f"COPY ({sql}) TO {quote(str(place))} ({options})").fetchone()[0]
    run.job.check()
    return _found(folder, suffix), int(rows)


def _file_value(text: str, kind: Type, format_: str) -> str:
    if format_ != "TEXTFILE":
        return _named(text, kind)
    template = text_of(kind)
    if template is None or kind.base == "varbinary":
        raise unsupported(f"Writing {kind} as text")
    return template.replace("{0}", text)


def _found(folder: Path, suffix: str) -> list[Written]:
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        above = path.relative_to(folder).parts[:-1]
        values = tuple(unquote(part.partition("=")[2]) for part in above)
        found.append(Written(path, "".join(part + "/" for part in above), values))
    del suffix
    return found


def _send(run: "Run", files: list[Written], place: Callable[[Written], str]) -> list[str]:
    """Uploads each file below its ``place``; they are noted first, so that a kill in between leaves no half."""
    uris = [f"{place(f)}{run.job.id}_{uuid.uuid4().hex}{''.join(f.path.suffixes)}" for f in files]
    run.undo.will_put(uris)
    for file, uri in zip(files, uris, strict=True):
        run.job.check()
        results.upload(run.s3, file.path, uri, run.upload_options)
    return uris


def _manifest(run: "Run", uris: list[str]) -> str:
    uri = f"{run.output}-manifest.csv"
    results.put_text(run.s3, "".join(u + "\n" for u in uris), uri, run.upload_options)
    return uri


def _empty(run: "Run", location: str) -> str:
    place = location if location.endswith("/") else location + "/"
    bucket, prefix = split_uri(place)
    if next(iter(run.objects.list(bucket, prefix)), None) is not None:
        raise QueryError("HIVE_PATH_ALREADY_EXISTS", f"Target directory for table already exists: {place}")
    return place


def create_table_as(run: "Run", sql: str) -> Outcome:
    """CREATE TABLE name [WITH (...)] AS query: https://docs.aws.amazon.com/athena/latest/ug/create-table-as.html"""
    reader = Reader(sql)
    reader.expect("CREATE", "TABLE")
    quiet = reader.words("IF", "NOT", "EXISTS")
    database, name = reader.qualified()
    database = database or run.database
    options = targets.options(reader) if reader.words("WITH") else {}
    if not reader.words("AS"):
        raise unsupported("CREATE TABLE without AS (Iceberg tables)")
    query = reader.rest()
    with_data = not re.search(r"\bWITH\s+NO\s+DATA\s*$", query, re.I)
    query = re.sub(r"\bWITH\s+(NO\s+)?DATA\s*$", "", query, flags=re.I)
    if run.catalog.raw_table(database, name) is not None:
        if quiet:
            return Outcome(rows=0)
        raise QueryError("TABLE_ALREADY_EXISTS", f"Table 'awsdatacatalog.{database}.{name}' already exists")
    if not run.catalog.has_database(database):
        raise QueryError("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist")
    place = _empty(
        run, options.get("external_location") or f"{run.output.rpartition('/')[0]}/tables/{run.job.id}/"
    )
    with run.bound(query) as bound:
        columns = [(str(f.name).lower(), f.type) for f in bound.fields]
        _check_names(columns)
        targets.check_storable(columns)
        target = targets.target_of(options, columns)
        files, rows = _write(run, bound, target) if with_data else ([], 0)
        uris = _send(run, files, lambda file: place + file.folders)
    entry = targets.table_input(name, place, target)
    run.undo.will_create(database, name, place)
    run.glue.create_table(DatabaseName=database, TableInput=entry)
    folders = {f.values: f.folders for f in files}
    inputs = [
        {"Values": list(v), "StorageDescriptor": {**entry["StorageDescriptor"], "Location": place + folder}}
        for v, folder in sorted(folders.items()) if v
    ]  # fmt: skip
    register(run, database, name, inputs, quiet=True)
    return Outcome(bytes=run.bytes, rows=rows, manifest=_manifest(run, uris))


def _check_names(columns: list[tuple[str, Type]]) -> None:
    names = [n for n, _ in columns]
    for i, name in enumerate(names):
        if re.fullmatch(r"_col\d+", name):
            raise QueryError("MISSING_COLUMN_NAME", f"Column name not specified at position {i + 1}")
        if names.count(name) > 1:
            raise QueryError("DUPLICATE_COLUMN_NAME", f"Column name '{name}' specified more than once")


def insert(run: "Run", sql: str) -> Outcome:
    """INSERT INTO table [(columns)] query: https://docs.aws.amazon.com/athena/latest/ug/insert-into.html"""
    reader = Reader(sql)
    reader.expect("INSERT", "INTO")
    database, name = reader.qualified()
    named: list[str] = []
    if (
        reader.peek().text == "("
        and reader.peek(1).upper not in ("SELECT", "WITH", "VALUES")
        and reader.peek(1).text != "("
    ):
        reader.need("(")
        named.append(reader.name())
        while reader.symbol(","):
            named.append(reader.name())
        reader.need(")")
    found = run.catalog.find("awsdatacatalog", database or run.database, name)
    if not isinstance(found, Table):
        raise QueryError("NOT_SUPPORTED", f"Inserting into views is not supported: {name}")
    target = _insert_target(found)
    if named and named != [n for n, _ in target.columns]:
        raise unsupported("INSERT with a column list other than all columns in their order")
    with run.bound(reader.rest()) as bound:
        coerced = _coerced(bound, target)
        files, rows = _write(run, bound, target, coerced=coerced)
        known = {p.values: p.location for p in run.catalog.partitions(found, [])}
        places = {f.values: known.get(f.values) or f"{found.location.rstrip('/')}/{f.folders}" for f in files}
        _send(run, files, lambda file: places[file.values].rstrip("/") + "/")
    new = {values: place for values, place in places.items() if values not in known}
    descriptor = found.raw["StorageDescriptor"]
    if found.properties.get("projection.enabled", "").lower() != "true":
        inputs = [
            {"Values": list(v), "StorageDescriptor": {**descriptor, "Location": p}}
            for v, p in sorted(new.items())
            if v
        ]
        run.undo.will_register(found.database, found.name, [(list(v), p) for v, p in new.items() if v])
        register(run, found.database, found.name, inputs, quiet=True)
    return Outcome(bytes=run.bytes, rows=rows)


def _insert_target(table: Table) -> Target:
    columns = [(c.name, c.type) for c in (*table.columns, *table.partition_keys)]
    keys = [k.name for k in table.partition_keys]
    if table.format == "parquet":
        return Target(columns, keys, "PARQUET", table.properties.get("parquet.compression", "GZIP").upper())
    if table.format == "json":
        return Target(columns, keys, "JSON", "NONE")
    if (
        table.format == "lazy"
        and not table.properties.get("escape.delim")
        and not table.properties.get("serialization.null.format")
    ):
        return Target(columns, keys, "TEXTFILE", "NONE", table.properties.get("field.delim", "\x01"))
    raise unsupported(f"INSERT into a table with SerDe {table.format}")


def _coerced(bound: Bound, target: Target) -> list[str]:
    found, wanted = [f.type for f in bound.fields], [t for _, t in target.columns]
    if len(found) != len(wanted) or not all(
        coercible(f, w) or (f.text and w.text) or (f.base == w.base == "timestamp")
        for f, w in zip(found, wanted, strict=True)
    ):
        raise QueryError(
            "TYPE_MISMATCH",
            f"Insert query has mismatched column types: Table: [{', '.join(map(str, wanted))}], "
            f"Query: [{', '.join(map(str, found))}]",
        )
    return [cast(Typed(f"q.{f.sql}", f.type), w).sql for f, w in zip(bound.fields, wanted, strict=True)]


def unload(run: "Run", sql: str) -> Outcome:
    """UNLOAD (query) TO 's3://...' WITH (format = ...): https://docs.aws.amazon.com/athena/latest/ug/unload.html"""
    reader = Reader(sql)
    reader.expect("UNLOAD")
    reader.need("(")
    start, depth = reader.peek().start, 1
    end = start
    while depth:
        token = reader.next()
        if token.kind == "symbol":
            depth += (token.text == "(") - (token.text == ")")
        end = token.start
    query = sql[start:end]
    reader.expect("TO")
    location = reader.string()
    reader.expect("WITH")
    options = targets.options(reader)
    reader.end()
    if "format" not in options:
        raise syntax("UNLOAD needs WITH (format = '...')")
    place = _empty(run, location)
    with run.bound(query) as bound:
        columns = [(str(f.name).lower(), f.type) for f in bound.fields]
        targets.check_storable(columns)
        options.setdefault("field_delimiter", ",")
        files, rows = _write(run, bound, targets.target_of(options, columns))
        uris = _send(run, files, lambda file: place + file.folders)
    return Outcome(bytes=run.bytes, rows=rows, manifest=_manifest(run, uris))
