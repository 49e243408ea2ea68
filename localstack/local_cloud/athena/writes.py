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
from local_cloud.athena.ddl.partitions import register
from local_cloud.athena.ddl.tokens import Reader
from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.iceberg import ddl as iceberg_ddl
from local_cloud.athena.iceberg import write
from local_cloud.athena.outcome import Outcome
from local_cloud.athena.projection import is_projected, location
from local_cloud.athena.scans import split_uri
from local_cloud.athena.targets import Target
from local_cloud.athena.trino.casts import cast, text_of
from local_cloud.athena.trino.typed import Typed, identifier, quote
from local_cloud.athena.trino.types import Type, coercible, duck

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
        options += f", PARTITION_BY ({listed}), FILENAME_PATTERN 'part_{{uuid}}'"
        place = folder
    else:
        place = folder / f"part_{uuid.uuid4().hex}{suffix}"
    rows = bound.connection.execute(f"COPY ({sql}) TO {quote(str(place))} ({options})").fetchone()[0]
    run.job.check()
    if target.format == "ORC":
        for path in sorted(folder.rglob("*.parquet")):
            targets.orc_of(path, target)
    found = _found(folder)
    if len({f.values for f in found}) > MAX_PARTITIONS:
        raise QueryError(
            "HIVE_TOO_MANY_OPEN_PARTITIONS",
            f"Exceeded limit of {MAX_PARTITIONS} open writers for partitions/buckets",
        )
    return found, int(rows)


def _file_value(text: str, kind: Type, format_: str) -> str:
    if format_ != "TEXTFILE":
        return targets.file_value(text, kind)
    template = text_of(kind)
    if template is None or kind.base == "varbinary":
        raise unsupported(f"Writing {kind} as text")
    return template.replace("{0}", text)


def _found(folder: Path) -> list[Written]:
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        above = path.relative_to(folder).parts[:-1]
        values = tuple(unquote(part.partition("=")[2]) for part in above)
        found.append(Written(path, "".join(part + "/" for part in above), values))
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
    """CREATE TABLE name [WITH (...)] AS query: https://docs.aws.amazon.com/athena/latest/ug/create-table-as.html

    Without AS it declares an Iceberg table.
    """
    reader = Reader(sql)
    reader.expect("CREATE", "TABLE")
    quiet = reader.words("IF", "NOT", "EXISTS")
    database, name = reader.qualified()
    database = database or run.database
    if reader.peek().text == "(":
        return iceberg_ddl.create_table(run, reader, database, name, quiet=quiet)
    options = targets.options(reader) if reader.words("WITH") else {}
    reader.expect("AS")
    query = reader.rest()
    with_data = not re.search(r"\bWITH\s+NO\s+DATA\s*$", query, re.I)
    query = re.sub(r"\bWITH\s+(NO\s+)?DATA\s*$", "", query, flags=re.I)
    if run.catalog.raw_table(database, name) is not None:
        if quiet:
            return Outcome(rows=0)
        raise QueryError("TABLE_ALREADY_EXISTS", f"Table 'awsdatacatalog.{database}.{name}' already exists")
    if not run.catalog.has_database(database):
        raise QueryError("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist")
    if str(options.pop("table_type", "HIVE")).upper() == "ICEBERG":
        return _iceberg_as(run, database, name, options, query, with_data=with_data)
    return _hive_as(run, database, name, options, query, with_data=with_data)


def _iceberg_as(
    run: "Run", database: str, name: str, options: Shape, query: str, *, with_data: bool
) -> Outcome:
    with run.bound(query) as bound:
        columns = [(str(f.name).lower(), f.type) for f in bound.fields]
        _check_names(columns)
        items = write.arrow_items([f"q.{f.sql}" for f in bound.fields], columns)
        sql = f"SELECT {items} FROM ({bound.sql}) AS q" + ("" if with_data else " WHERE false")
        bound.lock(sql)
        count = 0

        def rows(schema: Any) -> Any:
            nonlocal count
            found = write.arrow(bound.connection, sql, schema)
            count = found.num_rows
            return found

        iceberg_ddl.create_as(run, database, name, columns, options, rows)
    return Outcome(bytes=run.bytes, rows=count)


def _hive_as(run: "Run", database: str, name: str, options: Shape, query: str, *, with_data: bool) -> Outcome:
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
    """INSERT INTO table [(columns)] query: https://docs.aws.amazon.com/athena/latest/ug/insert-into.html

    Columns that are not listed become NULL.
    """
    reader = Reader(sql)
    reader.expect("INSERT", "INTO")
    database, name = reader.qualified()
    named = _insert_columns(reader)
    found = run.catalog.find("awsdatacatalog", database or run.database, name)
    if not isinstance(found, Table):
        raise QueryError("NOT_SUPPORTED", f"Inserting into views is not supported: {name}")
    columns = [(c.name, c.type) for c in (*found.columns, *found.partition_keys)]
    for column in named:
        if column not in dict(columns):
            raise QueryError(
                "COLUMN_NOT_FOUND", f"Insert column name does not exist in target table: {column}"
            )
        if named.count(column) > 1:
            raise syntax(f"Insert column name is specified more than once: {column}")
    if found.source is not None:
        with run.bound(reader.rest()) as bound:
            items = write.arrow_items(_coerced(bound, columns, named), columns)
            inserted = f"SELECT {items} FROM ({bound.sql}) AS q"
            bound.lock(inserted)
            new = write.arrow(bound.connection, inserted, found.source.schema)
            write.append(run, found, new)
        return Outcome(bytes=run.bytes, rows=new.num_rows)
    target = _insert_target(found)
    with run.bound(reader.rest()) as bound:
        files, rows = _write(run, bound, target, coerced=_coerced(bound, columns, named))
        _publish(run, found, files)
    return Outcome(bytes=run.bytes, rows=rows)


def _insert_columns(reader: Reader) -> list[str]:
    if reader.peek().text != "(" or reader.peek(1).text == "(":
        return []
    if reader.peek(1).upper in ("SELECT", "WITH", "VALUES", "TABLE"):
        return []
    reader.need("(")
    named = [reader.name()]
    while reader.symbol(","):
        named.append(reader.name())
    reader.need(")")
    return named


def _publish(run: "Run", table: Table, files: list[Written]) -> None:
    """Uploads the files to their partitions, and registers the partitions that are new."""
    projected = is_projected(table)
    known = {} if projected else run.catalog.locations(table, sorted({f.values for f in files}))
    places = {
        f.values: known.get(f.values)
        or (location(table, f.values) if projected else f"{table.location.rstrip('/')}/{f.folders}")
        for f in files
    }
    _send(run, files, lambda file: places[file.values].rstrip("/") + "/")
    new = {v: p for v, p in places.items() if v and v not in known and not projected}
    descriptor = table.raw["StorageDescriptor"]
    inputs = [
        {"Values": list(v), "StorageDescriptor": {**descriptor, "Location": p}}
        for v, p in sorted(new.items())
    ]
    run.undo.will_register(table.database, table.name, [(list(v), p) for v, p in new.items()])
    register(run, table.database, table.name, inputs, quiet=True)


def _insert_target(table: Table) -> Target:
    columns = [(c.name, c.type) for c in (*table.columns, *table.partition_keys)]
    keys = [k.name for k in table.partition_keys]
    if table.format == "parquet":
        return Target(columns, keys, "PARQUET", table.properties.get("parquet.compression", "GZIP").upper())
    if table.format == "orc":
        return Target(columns, keys, "ORC", table.properties.get("orc.compress", "ZLIB").upper())
    if table.format == "json":
        return Target(columns, keys, "JSON", "NONE")
    if (
        table.format == "lazy"
        and not table.properties.get("escape.delim")
        and not table.properties.get("serialization.null.format")
    ):
        return Target(columns, keys, "TEXTFILE", "NONE", table.properties.get("field.delim", "\x01"))
    raise unsupported(f"INSERT into a table with SerDe {table.format}")


def _coerced(bound: Bound, columns: list[tuple[str, Type]], named: list[str]) -> list[str]:
    """The query's outputs as the table's columns, in the table's order."""
    names = named or [n for n, _ in columns]
    kinds = dict(columns)
    found, wanted = [f.type for f in bound.fields], [kinds[n] for n in names]
    if len(found) != len(wanted) or not all(
        coercible(f, w) or (f.text and w.text) or (f.base == w.base == "timestamp")
        for f, w in zip(found, wanted, strict=True)
    ):
        raise QueryError(
            "TYPE_MISMATCH",
            f"Insert query has mismatched column types: Table: [{', '.join(map(str, wanted))}], "
            f"Query: [{', '.join(map(str, found))}]",
        )
    given = {
        n: cast(Typed(f"q.{f.sql}", f.type), kinds[n]).sql for n, f in zip(names, bound.fields, strict=True)
    }
    return [given.get(n) or f"CAST(NULL AS {duck(kind)})" for n, kind in columns]


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
