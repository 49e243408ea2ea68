"""Iceberg tables of the Glue catalog as the engine reads them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from local_cloud.athena.catalog import Column, Table
from local_cloud.athena.errors import QueryError, unsupported
from local_cloud.athena.iceberg.types import trino_type
from local_cloud.athena.trino.types import Type
from local_cloud.cloud import ANY_KEY, Cloud

if TYPE_CHECKING:
    from pyiceberg.catalog.glue import GlueCatalog

Shape = dict[str, Any]
Version = int | str | datetime
"""A snapshot id, the name of a branch or tag, or a moment (with a time zone)."""


@dataclass(frozen=True)
class Source:
    """What one reading is of: the loaded PyIceberg table, pinned to ``snapshot`` (None: the table is empty)."""

    table: Any
    snapshot: int | None
    schema: Any
    part: str = ""


def is_iceberg(raw: Shape) -> bool:
    """Whether a catalog entry is an Iceberg table."""
    return str((raw.get("Parameters") or {}).get("table_type", "")).upper() == "ICEBERG"


def catalog_of(cloud: Cloud) -> "GlueCatalog":
    """PyIceberg's catalog over this cloud's own Glue and S3."""
    return _catalog(cloud.endpoint_url, cloud.region)


@lru_cache(maxsize=8)
def _catalog(endpoint: str, region: str) -> "GlueCatalog":
    from pyiceberg.catalog.glue import GlueCatalog

    properties: dict[str, Any] = {
        "glue.endpoint": endpoint, "glue.region": region, "glue.access-key-id": ANY_KEY,
        "glue.secret-access-key": ANY_KEY, "s3.endpoint": endpoint, "s3.region": region,
        "s3.access-key-id": ANY_KEY, "s3.secret-access-key": ANY_KEY,
    }  # fmt: skip
    return GlueCatalog("awsdatacatalog", **properties)


@contextmanager
def errors(name: str) -> Iterator[None]:
    """PyIceberg's errors as Athena's.

    Raises:
        QueryError: ICEBERG_COMMIT_ERROR, ICEBERG_BAD_DATA, ICEBERG_INVALID_METADATA.
    """
    from pyiceberg import exceptions as e

    try:
        yield
    except (e.CommitFailedException, e.ValidationException) as error:
        raise QueryError(
            "ICEBERG_COMMIT_ERROR", f"Failed to commit Iceberg update to table: {name}: {error}"
        ) from error
    except e.TableAlreadyExistsError as error:
        raise QueryError("TABLE_ALREADY_EXISTS", f"Table 'awsdatacatalog.{name}' already exists") from error
    except (e.NoSuchPropertyException, e.NoSuchIcebergTableError, e.NoSuchTableError) as error:
        raise QueryError("ICEBERG_INVALID_METADATA", f"Table {name}: {error}") from error
    except FileNotFoundError as error:
        raise QueryError(
            "ICEBERG_INVALID_METADATA", f"Metadata not found in metadata location for table {name}"
        ) from error


def load(cloud: Cloud, database: str, name: str) -> Any:
    """The PyIceberg table, as the catalog has it now.

    Raises:
        QueryError: ICEBERG_INVALID_METADATA.
    """
    with errors(f"{database}.{name}"):
        return catalog_of(cloud).load_table((database, name))


def table_of(cloud: Cloud, raw: Shape, part: str, version: Version | None) -> Table:
    """A catalog entry of type ICEBERG as a readable table.

    Args:
        cloud: the surroundings.
        raw: Glue's table.
        part: which metadata table (``history``, ``snapshots``, ``refs``), or "".
        version: the snapshot asked for, or None for the current one.

    Raises:
        QueryError: ICEBERG_INVALID_METADATA, INVALID_ARGUMENTS for an unknown snapshot, NOT_SUPPORTED.
    """
    from local_cloud.athena.iceberg.metadata import COLUMNS

    database, name = raw["DatabaseName"], raw["Name"]
    table = load(cloud, database, name)
    snapshot = _snapshot(table, version)
    schema = table.schema()
    if version is not None:  # time travel shows the columns of its time
        schema = table.schemas()[table.snapshot_by_id(snapshot).schema_id]
    if part and part not in COLUMNS:
        raise unsupported(f"Iceberg metadata table ${part}")
    kinds: list[tuple[str, Type]] = (
        list(COLUMNS[part]) if part else [(f.name.lower(), trino_type(f.field_type)) for f in schema.fields]
    )
    columns = tuple(Column(n, t) for n, t in kinds)
    return Table(
        database, f"{name}${part}" if part else name, columns, (), "iceberg", dict(table.properties),
        table.location(), raw, Source(table, snapshot, schema, part),
    )  # fmt: skip


def _snapshot(table: Any, version: Version | None) -> int | None:
    if version is None:
        current = table.current_snapshot()
        return None if current is None else int(current.snapshot_id)
    if isinstance(version, datetime):
        found = table.snapshot_as_of_timestamp(int(version.timestamp() * 1000))
        if found is None:
            raise QueryError(
                "INVALID_ARGUMENTS",
                f'No version history table "{table.name()[0]}"."{table.name()[1]}" at or before '
                f"{version.isoformat()}",
            )
        return int(found.snapshot_id)
    if isinstance(version, str):
        found = table.snapshot_by_name(version)
        if found is None:
            raise QueryError("INVALID_ARGUMENTS", f"Cannot find snapshot with reference name: {version}")
        return int(found.snapshot_id)
    if table.snapshot_by_id(version) is None:
        raise QueryError("INVALID_ARGUMENTS", f"Iceberg snapshot ID does not exists: {version}")
    return version
