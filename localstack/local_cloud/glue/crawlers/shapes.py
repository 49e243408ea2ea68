"""Found tables in the catalog's shapes, with the parameters a crawler writes."""

from typing import Any

from local_cloud.glue.crawlers.folders import FoundTable
from local_cloud.glue.crawlers.schema import Schema, render

Shape = dict[str, Any]
UPDATED_BY, DEPRECATED_BY = "UPDATED_BY_CRAWLER", "DEPRECATED_BY_CRAWLER"
_TEXT = (
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)
_FORMATS = {
    "csv": (*_TEXT, "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"),
    "json": (*_TEXT, "org.openx.data.jsonserde.JsonSerDe"),
    "parquet": (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    ),
    "orc": (
        "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
        "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat",
        "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    ),
}


def columns(schema: Schema, keys: tuple[str, ...] = ()) -> list[Shape]:
    """The ``Columns``; a column that is also a partition key is the folder's."""
    return [{"Name": name, "Type": render(kind)} for name, kind in schema.columns if name not in keys]


def parameters(schema: Schema, crawler: str, run_id: str) -> dict[str, str]:
    """The parameters of a table or partition."""
    return {
        "CRAWL_RUN_ID": run_id,
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        UPDATED_BY: crawler,
        **dict(schema.parameters),
        "averageRecordSize": str(max(1, schema.size // max(1, schema.records))),
        "classification": schema.classification,
        "compressionType": schema.compression,
        "objectCount": str(schema.objects),
        "recordCount": str(schema.records),
        "sizeKey": str(schema.size),
        "typeOfData": "file",
    }


def storage(schema: Schema, location: str, keys: tuple[str, ...], written: dict[str, str]) -> Shape:
    """A ``StorageDescriptor``."""
    reader, writer, serde = _FORMATS[schema.classification]
    properties = dict(schema.serde) or {"serialization.format": "1"}
    if "separatorChar" in properties:
        serde = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
    if schema.classification == "json":
        properties = {"paths": ",".join(sorted(schema.paths))}
    return {
        "Columns": columns(schema, keys),
        "Location": location,
        "InputFormat": reader,
        "OutputFormat": writer,
        "Compressed": schema.compression != "none",
        "NumberOfBuckets": -1,
        "SerdeInfo": {"SerializationLibrary": serde, "Parameters": properties},
        "BucketColumns": [],
        "SortColumns": [],
        "Parameters": dict(written),
        "StoredAsSubDirectories": False,
    }


def table_input(found: FoundTable, name: str, crawler: str, run_id: str) -> Shape:
    """A ``TableInput``. Partition keys are strings, whatever their values."""
    written = parameters(found.schema, crawler, run_id)
    return {
        "Name": name,
        "Owner": "owner",
        "Retention": 0,
        "StorageDescriptor": storage(found.schema, found.location, found.keys, written),
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in found.keys],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": dict(written),
    }
