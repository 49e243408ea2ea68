"""Tables and views as the Glue Data Catalog declares them, and the partitions a scan needs."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from local_cloud.athena import information_schema
from local_cloud.athena.errors import QueryError, unsupported
from local_cloud.athena.pending import EVERYTHING, Seen
from local_cloud.athena.trino.types import Type, parse_type
from local_cloud.errors import ServiceError

Shape = dict[str, Any]
CATALOG = "awsdatacatalog"
BATCH = 1000


@dataclass(frozen=True)
class Column:
    """A declared column."""

    name: str
    type: Type


@dataclass(frozen=True)
class Partition:
    """Where one partition's files lie; ``values`` as the catalog writes them, one per partition key.

    ``columns``: (name, Hive type) pairs as the partition registers them.
    """

    values: tuple[str, ...]
    location: str
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Table:
    """A readable table: ``format`` names its reader, ``properties`` are those of SerDe and table.

    ``source``: of an Iceberg table the loaded table and snapshot (``iceberg.tables.Source``).
    """

    database: str
    name: str
    columns: tuple[Column, ...]
    partition_keys: tuple[Column, ...]
    format: str
    properties: dict[str, str]
    location: str
    raw: Shape = field(repr=False, hash=False, compare=False)
    source: Any = field(default=None, repr=False, hash=False, compare=False)

    @property
    def prunable(self) -> tuple[Column, ...]:
        """The columns whose predicates leave out files: the partition keys; of an Iceberg table every column."""
        return self.columns if self.source is not None else self.partition_keys


@dataclass(frozen=True)
class View:
    """A stored view."""

    database: str
    name: str
    sql: str
    schema: str
    columns: tuple[tuple[str, Type], ...]


_SERDES = {
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe": "parquet",
    "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe": "lazy",
    "org.apache.hadoop.hive.serde2.OpenCSVSerde": "opencsv",
    "org.openx.data.jsonserde.JsonSerDe": "json",
    "org.apache.hive.hcatalog.data.JsonSerDe": "json",
    "org.apache.hadoop.hive.serde2.JsonSerDe": "json",
    "org.apache.hadoop.hive.ql.io.orc.OrcSerde": "orc",
    "org.apache.hadoop.hive.serde2.avro.AvroSerDe": "avro",
}
VIEW_PREFIX, VIEW_SUFFIX = "/* Presto View: ", " */"


def serdes() -> dict[str, str]:
    """The SerDe libraries that are read, and the format each stands for."""
    return dict(_SERDES)


def decode_view(text: str) -> Shape:
    """The JSON that ``ViewOriginalText`` carries.

    Raises:
        QueryError: INVALID_VIEW.
    """
    if not (text.startswith(VIEW_PREFIX) and text.endswith(VIEW_SUFFIX)):
        raise QueryError(
            "INVALID_VIEW", "The view was not created by Athena: it carries no Presto View definition"
        )
    try:
        found: Shape = json.loads(base64.b64decode(text[len(VIEW_PREFIX) : -len(VIEW_SUFFIX)]))
    except ValueError as error:
        raise QueryError("INVALID_VIEW", f"The stored view definition is damaged: {error}") from error
    return found


def encode_view(definition: Shape) -> str:
    """``definition`` as Athena stores it."""
    return VIEW_PREFIX + base64.b64encode(json.dumps(definition).encode()).decode() + VIEW_SUFFIX


class Catalog:
    """Reads the Glue engine. One per query: what it found stays as it was."""

    def __init__(self, glue: Any, seen: Seen = EVERYTHING) -> None:
        self.glue, self.seen = glue, seen
        self._found: dict[tuple[str, str, Any], Table | View] = {}

    def raw_table(self, database: str, name: str) -> Shape | None:
        """GetTable's answer; None where there is no such table, or a statement under way has just made it."""
        if not self.seen.table(database.lower(), name.lower()):
            return None
        try:
            table: Shape = self.glue.get_table(DatabaseName=database, Name=name)["Table"]
        except ServiceError as error:
            if error.code == "EntityNotFoundException":
                return None
            raise
        return table

    def has_database(self, name: str) -> bool:
        """Whether the database exists."""
        try:
            self.glue.get_database(Name=name)
        except ServiceError as error:
            if error.code == "EntityNotFoundException":
                return False
            raise
        return True

    def find(
        self,
        catalog: str,
        database: str,
        name: str,
        position: tuple[int, int] | None = None,
        version: Any = None,
    ) -> Table | View:
        """The table or view of that name; ``version``: the snapshot of an Iceberg table (``iceberg.tables.Version``).

        Raises:
            QueryError: CATALOG_NOT_FOUND, SCHEMA_NOT_FOUND, TABLE_NOT_FOUND, NOT_SUPPORTED for formats not read here
                and for versions of tables that have none.
        """
        if catalog != CATALOG:
            raise QueryError("CATALOG_NOT_FOUND", f"Catalog '{catalog}' does not exist", position)
        if database == information_schema.NAME:
            return _shown(self.glue, name, position)
        key = (database, name, version)
        if key not in self._found:
            self._found[key] = self._read(database, name, position, version)
        return self._found[key]

    def _read(self, database: str, name: str, position: tuple[int, int] | None, version: Any) -> Table | View:
        from local_cloud.athena import iceberg

        base, _, part = name.partition("$")
        raw = self.raw_table(database, base)
        if raw is not None and iceberg.is_iceberg(raw):
            return iceberg.table_of(self.glue.cloud, raw, part, version)
        if raw is None or part:
            if not self.has_database(database):
                raise QueryError("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist", position)
            raise QueryError(
                "TABLE_NOT_FOUND", f"Table '{CATALOG}.{database}.{name}' does not exist", position
            )
        if version is not None:
            raise QueryError("NOT_SUPPORTED", "This connector does not support versioned tables", position)
        return view_of(raw) if raw.get("TableType") == "VIRTUAL_VIEW" else table_of(raw)

    def partitions(self, table: Table, expressions: list[str]) -> list[Partition]:
        """The registered partitions that fulfil every Glue expression; all files of a table without partition keys."""
        if not table.partition_keys:
            return [Partition((), table.location)]
        arguments: Shape = {"DatabaseName": table.database, "TableName": table.name}
        if expressions:
            arguments["Expression"] = " AND ".join(f"({e})" for e in expressions)
        found: list[Partition] = []
        while True:
            page = self.glue.get_partitions(**arguments)
            found += [_partition(table, p) for p in page["Partitions"]]
            if not page.get("NextToken"):
                return found
            arguments["NextToken"] = page["NextToken"]

    def locations(self, table: Table, values: list[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
        """Where those of the partitions lie that are registered; ``()`` stands for a table without partition keys."""
        if not table.partition_keys:
            return {(): table.location}
        found: dict[tuple[str, ...], str] = {}
        for start in range(0, len(values), BATCH):
            answer = self.glue.batch_get_partition(
                DatabaseName=table.database,
                TableName=table.name,
                PartitionsToGet=[{"Values": list(v)} for v in values[start : start + BATCH]],
            )
            read = [_partition(table, p) for p in answer["Partitions"]]
            found |= {p.values: p.location for p in read}
        return found


def _partition(table: Table, raw: Shape) -> Partition:
    descriptor = raw.get("StorageDescriptor") or {}
    location = descriptor.get("Location") or _hive_location(table, raw["Values"])
    columns = tuple((c["Name"], c.get("Type", "string")) for c in descriptor.get("Columns") or [])
    return Partition(tuple(raw["Values"]), location, columns)


def _hive_location(table: Table, values: list[str]) -> str:
    folders = "/".join(f"{k.name}={v}" for k, v in zip(table.partition_keys, values, strict=True))
    return f"{table.location.rstrip('/')}/{folders}/"


def _shown(glue: Any, name: str, position: tuple[int, int] | None) -> View:
    text, columns = information_schema.view(glue, name, position)
    return View(information_schema.NAME, name, text, information_schema.NAME, columns)


def view_of(raw: Shape) -> View:
    """A catalog entry of type VIRTUAL_VIEW as a view."""
    definition = decode_view(raw.get("ViewOriginalText") or "")
    return View(
        raw["DatabaseName"], raw["Name"], definition["originalSql"], definition.get("schema") or raw["DatabaseName"],
        tuple((c["name"], parse_type(c["type"])) for c in definition["columns"]),
    )  # fmt: skip


def table_of(raw: Shape) -> Table:
    """A catalog entry as a readable table.

    Raises:
        QueryError: NOT_SUPPORTED, HIVE_INVALID_METADATA, TYPE_NOT_FOUND.
    """
    descriptor = raw.get("StorageDescriptor") or {}
    serde = descriptor.get("SerdeInfo") or {}
    library = serde.get("SerializationLibrary") or ""
    name = f"{raw['DatabaseName']}.{raw['Name']}"
    parameters = raw.get("Parameters") or {}
    if library not in _SERDES:
        raise unsupported(f"SerDe '{library}' (table {name})")
    columns = tuple(Column(c["Name"].lower(), parse_type(c["Type"])) for c in descriptor.get("Columns") or [])
    keys = tuple(Column(c["Name"].lower(), parse_type(c["Type"])) for c in raw.get("PartitionKeys") or [])
    names = [c.name for c in (*columns, *keys)]
    if len(names) != len(set(names)):
        raise QueryError(
            "HIVE_INVALID_METADATA",
            f"Hive metadata for table {raw['Name']} is invalid: Table descriptor contains duplicate columns",
        )
    properties = {**parameters, **(serde.get("Parameters") or {})}
    return Table(
        raw["DatabaseName"],
        raw["Name"],
        columns,
        keys,
        _SERDES[library],
        properties,
        descriptor.get("Location") or "",
        raw,
    )
