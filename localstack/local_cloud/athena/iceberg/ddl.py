"""CREATE, ALTER, DROP and SHOW CREATE of Iceberg tables.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-creating-tables.html,
https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-evolving-table-schema.html
"""

import re
from typing import TYPE_CHECKING, Any

from local_cloud.athena.ddl import create
from local_cloud.athena.ddl.tokens import Reader
from local_cloud.athena.errors import QueryError, syntax, unsupported
from local_cloud.athena.iceberg import write
from local_cloud.athena.iceberg.tables import catalog_of, errors, load
from local_cloud.athena.iceberg.types import iceberg_type, schema_of
from local_cloud.athena.outcome import Outcome, text
from local_cloud.athena.trino.types import Type, hive_name, parse_type

if TYPE_CHECKING:
    from pyiceberg.partitioning import PartitionSpec

    from local_cloud.athena.run import Run

Shape = dict[str, Any]
_CODECS = {"zstd", "gzip", "snappy", "none", "uncompressed"}
_KEPT = re.compile(
    r"optimize_rewrite_(min|max)_data_file_size_bytes|optimize_rewrite_(data_file|delete_file)_threshold|"
    r"optimize_rewrite_data_file_size_bytes|vacuum_(min_snapshots_to_keep|max_snapshot_age_seconds|max_metadata_files_to_keep)"
)


def properties_of(options: dict[str, str]) -> dict[str, str]:
    """Athena's table properties as Iceberg's.

    Raises:
        QueryError: NOT_SUPPORTED, FAILED for keys Athena does not know.
    """
    found = {}
    for key, value in options.items():
        if key == "table_type":
            continue
        if key == "format":
            if value.lower() != "parquet":
                raise unsupported(f"Iceberg data files in {value}")
        elif key in ("write_compression", "compression"):
            if value.lower() not in _CODECS:
                raise unsupported(f"Compression {value} of Iceberg data files")
            codec = "uncompressed" if value.lower() == "none" else value.lower()
            found["write.parquet.compression-codec"] = codec
        elif key == "format_version" and value not in ("2",):
            raise unsupported(f"Iceberg format version {value}")
        elif key == "format_version" or _KEPT.fullmatch(key):
            found[key] = value
        else:
            raise QueryError("FAILED", f"Unsupported table property key: {key}")
    found.pop("format_version", None)
    return found


def partition_spec(schema: Any, texts: list[str]) -> "PartitionSpec":
    """``day(ts)``, ``bucket(16, id)``, ``truncate(name, 3)``, ``category`` as a partition spec.

    Raises:
        QueryError: SYNTAX_ERROR, COLUMN_NOT_FOUND.
    """
    from pyiceberg import transforms as t
    from pyiceberg.partitioning import PartitionField, PartitionSpec

    plain = {
        "year": t.YearTransform,
        "month": t.MonthTransform,
        "day": t.DayTransform,
        "hour": t.HourTransform,
    }
    fields = []
    for number, given in enumerate(texts):
        found = re.fullmatch(r'\s*(?:(\w+)\s*\(\s*(.*?)\s*\)|["`]?(\w+)["`]?)\s*', given)
        if not found:
            raise syntax(f"Invalid partition field declaration: {given}")
        function, arguments, column = found.groups()
        parts = [a.strip().strip('"`').lower() for a in (arguments or column).split(",")]
        width = next((int(p) for p in parts if p.isdigit()), None)
        name = next((p for p in parts if not p.isdigit()), "")
        source = next((f for f in schema.fields if f.name.lower() == name), None)
        if source is None:
            raise QueryError("COLUMN_NOT_FOUND", f"Cannot find partition source column: {name}")
        transform: Any
        if function is None:
            transform, label = t.IdentityTransform(), name
        elif function.lower() in plain and len(parts) == 1:
            transform, label = plain[function.lower()](), f"{name}_{function.lower()}"
        elif function.lower() == "bucket" and width:
            transform, label = t.BucketTransform(width), f"{name}_bucket"
        elif function.lower() == "truncate" and width:
            transform, label = t.TruncateTransform(width), f"{name}_trunc"
        else:
            raise syntax(f"Invalid partition field declaration: {given}")
        if not transform.can_transform(source.field_type):
            raise syntax(f"Cannot partition by {given}: the column is a {source.field_type}")
        fields.append(PartitionField(source.field_id, 1000 + number, transform, label))
    return PartitionSpec(*fields)


def create_table(run: "Run", reader: Reader, database: str, name: str, *, quiet: bool) -> Outcome:
    """CREATE TABLE name (columns) [PARTITIONED BY (transforms)] [LOCATION] TBLPROPERTIES ('table_type' = 'ICEBERG')."""
    listed = create.columns(reader)
    transforms: list[str] = []
    location, options, comment = "", {}, ""
    while not reader.ended:
        if reader.words("COMMENT"):
            comment = reader.string()
        elif reader.words("PARTITIONED", "BY"):
            transforms = _transforms(reader)
        elif reader.words("LOCATION"):
            location = reader.string()
        elif reader.words("TBLPROPERTIES"):
            options = create.properties(reader)
        else:
            raise reader.error("a table clause")
    if options.get("table_type", "").upper() != "ICEBERG":
        raise QueryError(
            "FAILED",
            "SemanticException CREATE TABLE without EXTERNAL makes Iceberg tables only: "
            "add TBLPROPERTIES ('table_type' = 'ICEBERG') or write CREATE EXTERNAL TABLE",
        )
    if run.catalog.raw_table(database, name) is not None:
        if quiet:
            return text([])
        raise QueryError(
            "FAILED", f"Execution Error: AlreadyExistsException(message:Table {name} already exists)"
        )
    schema = schema_of([(c["Name"], parse_type(c["Type"])) for c in listed])
    more = {"comment": comment} if comment else {}
    write.create(
        run, (database, name), None, schema=schema, location=_location(run, database, name, location),
        partition_spec=partition_spec(schema, transforms), properties=properties_of(options) | more,
    )  # fmt: skip
    return text([])


def create_as(
    run: "Run", database: str, name: str, columns: list[tuple[str, Type]], options: dict[str, Any], rows: Any
) -> None:
    """The table of CREATE TABLE ... WITH (table_type = 'ICEBERG', ...) AS; ``rows(schema)``: its rows as Arrow."""
    given = {str(k): v for k, v in options.items()}
    location, transforms = given.pop("location", ""), given.pop("partitioning", [])
    if str(given.pop("is_external", "false")).lower() != "false":
        raise QueryError("INVALID_TABLE_PROPERTY", "is_external must be false for Iceberg tables")
    for key in ("external_location", "partitioned_by", "bucketed_by"):
        if key in given:
            raise QueryError("INVALID_TABLE_PROPERTY", f"Table property {key} is not for Iceberg tables")
    schema = schema_of(columns)
    definition = {
        "schema": schema, "location": _location(run, database, name, str(location)),
        "partition_spec": partition_spec(schema, list(transforms)),
        "properties": properties_of({k: str(v) for k, v in given.items()}),
    }  # fmt: skip
    write.create(run, (database, name), rows(schema), **definition)


def _location(run: "Run", database: str, name: str, given: str) -> str:
    if given:
        return given.rstrip("/")
    home = run.glue.get_database(Name=database)["Database"].get("LocationUri")
    if not home:
        raise QueryError(
            "FAILED", f"No location for table {name}: write LOCATION, or give database {database} one"
        )
    return f"{home.rstrip('/')}/{name}"


def _transforms(reader: Reader) -> list[str]:
    found, depth = [], 1
    reader.need("(")
    start = reader.peek().start
    while depth:
        token = reader.next()
        if token.kind == "symbol":
            depth += (token.text == "(") - (token.text == ")")
        if (token.text == "," and token.kind == "symbol" and depth == 1) or depth == 0:
            found.append(reader.sql[start : token.start])
            start = token.end
    return found


def drop(run: "Run", database: str, name: str) -> None:
    """DROP TABLE: Athena removes an Iceberg table's files too."""
    with errors(f"{database}.{name}"):
        catalog_of(run.cloud).purge_table((database, name))


def alter(run: "Run", reader: Reader, database: str, name: str) -> Outcome:
    """ALTER TABLE of an Iceberg table: columns and properties.

    Raises:
        QueryError: NOT_SUPPORTED for other actions.
    """
    table = load(run.cloud, database, name)
    with errors(f"{database}.{name}"):
        if reader.words("ADD", "COLUMNS"):
            added = create.columns(reader)
            reader.end()
            with table.update_schema() as change:
                for column in added:
                    kind = iceberg_type(parse_type(column["Type"]))
                    change.add_column(column["Name"], kind, doc=column.get("Comment"))
        elif reader.words("DROP", "COLUMN"):
            gone = reader.name()
            reader.end()
            _known(table, gone)
            with table.update_schema() as change:
                change.delete_column(gone)
        elif reader.words("CHANGE", "COLUMN") or reader.words("CHANGE"):
            old, new = reader.name(), reader.name()
            kind = iceberg_type(parse_type(create.column_type(reader)))
            reader.end()
            _change(table, old, new, kind)
        elif reader.words("SET", "TBLPROPERTIES"):
            options = properties_of(create.properties(reader))
            reader.end()
            with table.transaction() as change:
                change.set_properties(options)
        else:
            raise unsupported(f"ALTER TABLE ... {reader.rest()[:60]} of an Iceberg table")
    return text([])


def _known(table: Any, name: str) -> Any:
    found = next((f for f in table.schema().fields if f.name.lower() == name), None)
    if found is None:
        raise QueryError("COLUMN_NOT_FOUND", f"Column '{name}' does not exist")
    return found


def _change(table: Any, old: str, new: str, kind: Any) -> None:
    from pyiceberg.exceptions import ValidationError

    field = _known(table, old)
    try:
        with table.update_schema() as change:
            if field.field_type != kind:
                change.update_column(field.name, field_type=kind)
            if new != old:
                change.rename_column(field.name, new)
    except ValidationError as error:
        raise QueryError(
            "FAILED", f"Cannot change column {old} from {field.field_type} to {kind}: {error}"
        ) from error


def show_create(run: "Run", database: str, name: str) -> list[str]:
    """The lines of SHOW CREATE TABLE."""
    from local_cloud.athena.iceberg.types import trino_type

    table = load(run.cloud, database, name)
    fields = table.schema().fields
    lines = [f"CREATE TABLE {database}.{name} ("]
    lines += [
        f"  {f.name} {hive_name(trino_type(f.field_type))}{',' if i < len(fields) - 1 else ')'}"
        for i, f in enumerate(fields)
    ]
    by_id = {f.field_id: f.name for f in fields}
    shown = [_transform(f, by_id[f.source_id]) for f in table.spec().fields]
    if shown:
        lines.append(f"PARTITIONED BY ({', '.join(shown)})")
    codec = table.properties.get("write.parquet.compression-codec")
    options = {"table_type": "iceberg"} | ({"write_compression": codec} if codec else {})
    options |= {k: v for k, v in table.properties.items() if _KEPT.fullmatch(k)}
    pairs = [f"  '{k}'='{v}'" for k, v in options.items()]
    lines += [f"LOCATION '{table.location()}'", "TBLPROPERTIES (", *[p + "," for p in pairs[:-1]], pairs[-1]]
    return [*lines, ")"]


def _transform(field: Any, column: str) -> str:
    found = re.fullmatch(r"(\w+)\[(\d+)\]", str(field.transform))
    if found:
        return f"{found[1]}({found[2]}, `{column}`)"
    return f"`{column}`" if str(field.transform) == "identity" else f"{field.transform}(`{column}`)"
