"""``getSink``: files in S3 and, if asked, the table and partitions in the Data Catalog."""
# ruff: noqa: ARG002 (AWS's own signatures)

from typing import Any
from urllib.parse import unquote

from awsglue.dynamicframe import DynamicFrame

_HIVE = "org.apache.hadoop.hive.ql.io"
_STORAGE = {
    "parquet": (
        f"{_HIVE}.parquet.MapredParquetInputFormat",
        f"{_HIVE}.parquet.MapredParquetOutputFormat",
        f"{_HIVE}.parquet.serde.ParquetHiveSerDe",
    ),
    "json": (
        "org.apache.hadoop.mapred.TextInputFormat",
        f"{_HIVE}.HiveIgnoreKeyTextOutputFormat",
        "org.openx.data.jsonserde.JsonSerDe",
    ),
}


class Sink:
    """Appends a frame to a folder of S3, as Glue's sinks do."""

    def __init__(self, context: Any, path: str, options: dict[str, Any]) -> None:
        self._context, self._path = context, path
        self._keys = list(options.pop("partitionKeys", None) or [])
        self._update = bool(options.pop("enableUpdateCatalog", False))
        self._codec = options.pop("compression", None)
        behaviour = options.pop("updateBehavior", "UPDATE_IN_DATABASE")
        options.pop("transformation_ctx", None)
        if options or behaviour not in ("UPDATE_IN_DATABASE", "LOG"):
            raise NotImplementedError(
                f"Sink options {options or behaviour} are not supported by the local cloud."
            )
        self._schema_update = behaviour == "UPDATE_IN_DATABASE"
        self._format, self._format_options = "parquet", {}
        self._table: tuple[str, str] | None = None

    def setFormat(self, format: str, **options: Any) -> None:
        """``parquet``, ``glueparquet``, ``json`` or ``csv``."""
        options.pop("useGlueParquetWriter", None)
        self._codec = options.pop("compression", self._codec)
        if format not in ("parquet", "glueparquet", "json", "csv") or (options and format != "csv"):
            raise NotImplementedError(
                f"Sink format {format!r} with {options} is not supported by the local cloud."
            )
        self._format, self._format_options = ("parquet" if format == "glueparquet" else format), options

    def setCatalogInfo(
        self, catalogDatabase: str, catalogTableName: str, catalogId: str | None = None
    ) -> None:
        """The table to create or update."""
        self._table = (catalogDatabase, catalogTableName)

    def writeFrame(self, dynamic_frame: DynamicFrame, info: str = "") -> DynamicFrame:
        """Write, then register."""
        if self._update and (self._table is None or self._format not in _STORAGE):
            raise NotImplementedError(
                "enableUpdateCatalog needs setCatalogInfo and the format parquet or json."
            )
        frame = dynamic_frame.toDF()
        writer = frame.write.mode("append").format(self._format)
        if self._keys:
            writer = writer.partitionBy(*self._keys)
        if self._codec:
            writer = writer.option("compression", self._codec)
        if self._format == "csv":
            writer = writer.options(**self._csv_options())
        writer.save(self._path)
        if self._update:
            self._register(frame)
        return dynamic_frame

    def _csv_options(self) -> dict[str, str]:
        names = {"writeHeader": "header", "separator": "sep", "quoteChar": "quote", "escaper": "escape"}
        unknown = set(self._format_options) - set(names)
        if unknown:
            raise NotImplementedError(
                f"CSV format options {', '.join(unknown)} are not supported by the local cloud."
            )
        options = {
            names[key]: str(value).lower() if isinstance(value, bool) else value
            for key, value in self._format_options.items()
        }
        return {"header": "true", **options}

    def _register(self, frame: Any) -> None:
        from local_glue import catalog

        database, name = self._table or ("", "")
        glue = catalog.glue()
        types = {field.name.lower(): field.dataType.simpleString() for field in frame.schema.fields}
        keys = [key.lower() for key in self._keys]
        storage = self._storage([{"Name": n, "Type": t} for n, t in types.items() if n not in keys])
        wanted = {
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"classification": self._format, "EXTERNAL": "TRUE"},
            "PartitionKeys": [{"Name": key, "Type": types[key]} for key in keys],
            "StorageDescriptor": storage,
        }
        try:
            table = glue.get_table(DatabaseName=database, Name=name)["Table"]
        except glue.exceptions.EntityNotFoundException:
            glue.create_table(DatabaseName=database, TableInput=wanted)
        else:
            columns = table["StorageDescriptor"]["Columns"]
            new = [c for c in storage["Columns"] if c["Name"] not in {column["Name"] for column in columns}]
            if new and self._schema_update:
                table["StorageDescriptor"]["Columns"] = columns + new
                members = glue.meta.service_model.shape_for("TableInput").members
                glue.update_table(
                    DatabaseName=database, TableInput={k: v for k, v in table.items() if k in members}
                )
        if keys:
            self._register_partitions(glue, database, name, storage)

    def _storage(self, columns: list[dict[str, str]]) -> dict[str, Any]:
        source, target, serde = _STORAGE[self._format]
        return {
            "Columns": columns,
            "Location": self._path,
            "InputFormat": source,
            "OutputFormat": target,
            "SerdeInfo": {"SerializationLibrary": serde, "Parameters": {"serialization.format": "1"}},
        }

    def _register_partitions(self, glue: Any, database: str, name: str, storage: dict[str, Any]) -> None:
        from local_glue import s3

        base = s3.split(self._path)[1].rstrip("/")
        folders = sorted({entry["Key"].rpartition("/")[0] for entry in s3.objects(self._path)})
        inputs = []
        for folder in folders:
            parts = folder[len(base) :].strip("/").split("/")
            if len(parts) != len(self._keys) or not all("=" in part for part in parts):
                continue
            location = f"s3://{s3.split(self._path)[0]}/{folder}/"
            values = [unquote(part.partition("=")[2]) for part in parts]
            inputs.append({"Values": values, "StorageDescriptor": {**storage, "Location": location}})
        for start in range(0, len(inputs), 100):
            answer = glue.batch_create_partition(
                DatabaseName=database, TableName=name, PartitionInputList=inputs[start : start + 100]
            )
            failed = [
                e for e in answer["Errors"] if e["ErrorDetail"]["ErrorCode"] != "AlreadyExistsException"
            ]
            if failed:
                raise RuntimeError(f"Partition {failed[0]['PartitionValues']}: {failed[0]['ErrorDetail']}")
