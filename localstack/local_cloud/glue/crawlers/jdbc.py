"""Tables of PostgreSQL, crawled through a Glue connection."""

import fnmatch
from typing import Any

from local_cloud.cloud import Cloud
from local_cloud.glue.crawlers.folders import table_name
from local_cloud.glue.databases_reached import connect

Shape = dict[str, Any]
# PostgreSQL type to Hive type; others are read as text.
_TYPES = {
    "smallint": "smallint", "integer": "int", "bigint": "bigint", "real": "float", "double precision": "double",
    "boolean": "boolean", "date": "date", "bytea": "binary",
    "timestamp without time zone": "timestamp", "timestamp with time zone": "timestamp",
}  # fmt: skip
_COLUMNS = """
    SELECT table_schema, table_name, column_name, data_type, numeric_precision, numeric_scale
    FROM information_schema.columns
    WHERE table_catalog = %s AND table_schema NOT IN ('pg_catalog', 'information_schema')
    ORDER BY table_schema, table_name, ordinal_position
"""


def tables(cloud: Cloud, connection: Shape, target: Shape, crawler: str) -> list[Shape]:
    """A ``TableInput`` for each table that the target's path names.

    Args:
        connection: the Glue connection.
        target: ``Path`` is ``database/schema/table``, each part may be ``%``.

    Raises:
        ConnectionFailed: the database cannot be reached.
    """
    database, schema, table = [*target["Path"].split("/"), "%", "%"][:3]
    found: dict[tuple[str, str], list[Shape]] = {}
    with connect(cloud, connection) as opened:
        name = opened.info.dbname if database == "%" else database
        for in_schema, in_table, column, kind, precision, scale in opened.execute(_COLUMNS, (name,)):
            wanted = _like(schema, in_schema) and _like(table, in_table)
            path = f"{in_schema}/{in_table}"
            if wanted and not any(fnmatch.fnmatchcase(path, glob) for glob in target.get("Exclusions") or []):
                hive = (
                    f"decimal({precision},{scale})" if kind == "numeric" and precision else _TYPES.get(kind)
                )
                shape = {
                    "Name": column.lower(),
                    "Type": hive or ("double" if kind == "numeric" else "string"),
                }
                found.setdefault((in_schema, in_table), []).append(shape)
    return [
        _table_input(connection["Name"], (name, *path), columns, crawler) for path, columns in found.items()
    ]


def _like(pattern: str, name: str) -> bool:
    return pattern in ("%", "") or fnmatch.fnmatchcase(name, pattern.replace("%", "*"))


def _table_input(connection: str, path: tuple[str, ...], columns: list[Shape], crawler: str) -> Shape:
    written = {
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": crawler,
        "classification": "postgresql",
        "compressionType": "none",
        "connectionName": connection,
        "typeOfData": "table",
    }
    return {
        "Name": table_name("_".join(path)),
        "Owner": "owner",
        "Retention": 0,
        "StorageDescriptor": {
            "Columns": columns,
            "Location": ".".join(path),
            "Compressed": False,
            "NumberOfBuckets": -1,
            "SerdeInfo": {"Parameters": {}},
            "BucketColumns": [],
            "SortColumns": [],
            "Parameters": dict(written),
            "StoredAsSubDirectories": False,
        },
        "PartitionKeys": [],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": written,
    }
