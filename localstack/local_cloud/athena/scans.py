# ruff: noqa: S608 - the text is SQL by purpose; names and values in it pass typed.identifier() and typed.quote()
"""From a scan to files: partitions pruned, objects listed, bytes counted, and the DuckDB text that reads them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_cloud.athena import drift
from local_cloud.athena.catalog import Catalog, Column, Partition
from local_cloud.athena.errors import QueryError
from local_cloud.athena.iceberg.read import files as iceberg_files
from local_cloud.athena.projection import is_projected, projected
from local_cloud.athena.pruning import (
    NULL_PARTITION,
    partition_value,
    run_with_macros,
    surviving,
    texts,
    typed_values,
)
from local_cloud.athena.readers import READERS
from local_cloud.athena.readers.decode import decoded
from local_cloud.athena.trino.relations import PATH, Scan
from local_cloud.athena.trino.typed import identifier, quote
from local_cloud.athena.trino.types import VARCHAR, Type, duck
from local_cloud.errors import ServiceError

FEW_PARTITIONS = 16


@dataclass(frozen=True)
class DataFile:
    """One object to read: its file on disk, its address, its size in bytes, and the number of its partition."""

    path: str
    uri: str
    size: int
    partition: int


@dataclass
class Plan:
    """What a scan reads."""

    scan: Scan
    partitions: list[Partition] = field(default_factory=list)
    files: list[DataFile] = field(default_factory=list)
    bytes: int = 0
    sql: str = ""


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of ``s3://bucket/key`` (also s3a, s3n).

    Raises:
        QueryError: HIVE_METASTORE_ERROR for other addresses.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in ("s3", "s3a", "s3n") or not bucket:
        raise QueryError("HIVE_METASTORE_ERROR", f"Location '{uri}' is not an S3 address")
    return bucket, key


class Planner:
    """Plans the scans of one query; ``connection`` is the query's own DuckDB, not yet locked."""

    def __init__(self, catalog: Catalog, objects: Any, connection: Any) -> None:
        self.catalog, self.objects, self.connection = catalog, objects, connection

    @property
    def folder(self) -> Path:
        """Takes files that must be decoded before DuckDB reads them: beside what the query spills, gone with it."""
        found = self.connection.execute("SELECT current_setting('temp_directory')").fetchall()
        return Path(found[0][0]) / "decoded"

    def plan(self, scan: Scan, needed: set[str], *, uses_path: bool) -> Plan:
        """Prunes, lists and counts; ``needed``: the columns whose bytes are read.

        Raises:
            QueryError.
        """
        plan = Plan(scan)
        if scan.table.format == "iceberg":
            plan.partitions = [Partition((), scan.table.location)]
            plan.files = iceberg_files(scan.table, sorted(scan.columns), scan.glue, self.objects, self.folder)
        else:
            plan.partitions = self._partitions(scan)
            drift.check(scan.table, plan.partitions)
            for number, partition in enumerate(plan.partitions):
                plan.files += self._files(partition, number)
            folder, names = self.folder, set(scan.columns)
            plan.files = [decoded(scan.table, names, f, folder) for f in plan.files]
        reader = READERS[scan.table.format]
        columns = [c for c in scan.table.columns if c.name in scan.columns]
        plan.bytes = reader.bytes(plan.files, {c for c in needed if c in {x.name for x in columns}})
        plan.sql = self._text(plan, reader, columns, uses_path)
        return plan

    # -- partitions ----------------------------------------------------------------------------------------------

    def _partitions(self, scan: Scan) -> list[Partition]:
        table, keys = scan.table, scan.table.partition_keys
        if is_projected(table):
            found = projected(table, scan.glue, lambda key, values: self._kept(scan, key, values))
            if len(keys) == 1:
                return found  # its predicates have been judged
        else:
            found = self.catalog.partitions(table, scan.glue)
        places = surviving(self.connection, keys, [p.values for p in found], scan.predicates)
        return [found[place] for place in places]

    def _kept(self, scan: Scan, key: Column, values: Sequence[str]) -> Sequence[str]:
        """The values of one key that fulfil the predicates over that key alone."""
        others = [f"p.{identifier(k.name)}" for k in scan.table.partition_keys if k is not key]
        alone = [x for x in scan.predicates if not any(o in x for o in others)]
        return [values[n] for n in surviving(self.connection, [key], [(v,) for v in values], alone)]

    # -- files ---------------------------------------------------------------------------------------------------

    def _files(self, partition: Partition, number: int) -> list[DataFile]:
        """The visible objects below a location: as Hive, not those whose name or folder starts with _ or a dot."""
        bucket, key = split_uri(partition.location)
        prefix = key if not key or key.endswith("/") else key + "/"
        try:
            listed = list(self.objects.list(bucket, prefix))
        except ServiceError as error:
            raise QueryError(
                "HIVE_METASTORE_ERROR", f"Cannot list s3://{bucket}/{prefix}: {error.message}"
            ) from error
        found = []
        for item in listed:
            parts = item.key[len(prefix) :].split("/")
            if item.size == 0 or any(part.startswith(("_", ".")) for part in parts):
                continue
            if not self.catalog.seen.object(item.key):
                continue
            path = str(self.objects.local_path(bucket, item.key))
            found.append(DataFile(path, f"s3://{bucket}/{item.key}", item.size, number))
        return found

    # -- text ----------------------------------------------------------------------------------------------------

    def _text(self, plan: Plan, reader: Any, columns: list[Any], uses_path: bool) -> str:
        table = plan.scan.table
        outputs = (
            [c.name for c in columns] + [k.name for k in table.partition_keys] + ([PATH] if uses_path else [])
        )
        if not plan.files:
            kinds: dict[str, Type] = {c.name: c.type for c in (*columns, *table.partition_keys)} | {
                PATH: VARCHAR
            }
            nulls = ", ".join(f"CAST(NULL AS {duck(kinds[n])}) AS {identifier(n)}" for n in outputs)
            return f"(SELECT {nulls or '1'} WHERE false)"
        by_partition: dict[int, list[DataFile]] = {}
        for file in plan.files:
            by_partition.setdefault(file.partition, []).append(file)
        few = len(by_partition) <= FEW_PARTITIONS and not uses_path
        if few or not (table.partition_keys or uses_path):
            groups = list(by_partition.values()) if table.partition_keys else [plan.files]
            arms = []
            for files in groups:
                constants = self._constants(plan, files[0].partition)
                arms += [
                    f"SELECT {body}{constants} FROM {source}"
                    for body, source in reader.arms(files, table, columns)
                ]
            return "(" + " UNION ALL ".join(arms) + ")"
        return self._joined(plan, reader, columns, uses_path)

    def _constants(self, plan: Plan, number: int) -> str:
        keys, values = plan.scan.table.partition_keys, plan.partitions[number].values
        return "".join(
            f", {partition_value(quote(v) if v != NULL_PARTITION else 'NULL', k.type, k.name)} AS {identifier(k.name)}"
            for k, v in zip(keys, values, strict=True)
        )

    def _joined(self, plan: Plan, reader: Any, columns: list[Any], uses_path: bool) -> str:
        """Many partitions: their values come from a table of files, joined by file name."""
        import pyarrow as pa

        keys = plan.scan.table.partition_keys
        name = f"files_{plan.scan.number}"
        values = [plan.partitions[f.partition].values for f in plan.files]
        data = pa.table(
            {"__file": [f.path for f in plan.files], "__uri": [f.uri for f in plan.files]}
            | texts(values, len(keys))
        )
        typed = typed_values(keys)
        statement = (
            f"CREATE TEMP TABLE {name} AS SELECT __file, __uri AS {identifier(PATH)}"
            f"{', ' + typed if typed else ''} FROM listed"
        )
        self.connection.register("listed", data)
        try:
            run_with_macros(self.connection, statement)
        finally:
            self.connection.unregister("listed")
        extra = [f"m.{identifier(k.name)}" for k in keys] + ([f"m.{identifier(PATH)}"] if uses_path else [])
        # Two partitions may share a file: it is read once, and the join gives its rows to each.
        unique = list({f.path: f for f in plan.files}.values())
        arms = [
            f"SELECT {', '.join([body, *extra]) if body else ', '.join(extra)} FROM {source} JOIN "
            f"{name} AS m ON f.filename = m.__file"
            for body, source in reader.arms(unique, plan.scan.table, columns)
        ]
        return "(" + " UNION ALL ".join(arms) + ")"
