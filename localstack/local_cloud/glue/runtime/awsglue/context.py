"""``GlueContext``."""
# ruff: noqa: ARG002 (AWS's own signatures)

import logging
import sys
from typing import Any

from awsglue import connections
from awsglue.dynamicframe import DynamicFrame
from awsglue.job import Job

_DATABASES = ("postgresql",)
_FORMATS = ("csv", "json", "parquet", "glueparquet", "orc")


class GlueContext:
    """Reads and writes frames through the Data Catalog, S3 and connections."""

    def __init__(self, sparkContext: Any = None, **_: Any) -> None:
        from pyspark.sql import SparkSession

        self._ssql_ctx = None
        self.sparkContext = sparkContext
        self.spark_session = SparkSession.builder.getOrCreate()
        self.create_dynamic_frame = DynamicFrameReader(self)
        self.create_data_frame = DataFrameReader(self)
        self.write_dynamic_frame = DynamicFrameWriter(self)

    def get_logger(self) -> logging.Logger:
        """A logger onto the job's error log; it has ``info``, ``warn`` and ``error`` as on AWS."""
        logger = logging.getLogger("glue")
        if not logger.handlers:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
            logger.propagate = False
        return logger

    def extract_jdbc_conf(self, connection_name: str, catalog_id: str | None = None) -> dict[str, str]:
        """The connection's ``url``, ``fullUrl``, ``user``, ``password``, ``vendor`` ..."""
        return connections.jdbc_conf(connection_name)

    def create_dynamic_frame_from_catalog(
        self, database: str, table_name: str, **options: Any
    ) -> DynamicFrame:
        """A frame of a catalog table."""
        return self.create_dynamic_frame.from_catalog(database=database, table_name=table_name, **options)

    def create_dynamic_frame_from_options(
        self, connection_type: str, connection_options: Any = None, **options: Any
    ) -> DynamicFrame:
        """A frame of files or of a database table."""
        return self.create_dynamic_frame.from_options(connection_type, connection_options, **options)

    def create_data_frame_from_catalog(self, database: str, table_name: str, **options: Any) -> Any:
        """A DataFrame of a catalog table."""
        return self.create_data_frame.from_catalog(database=database, table_name=table_name, **options)

    def write_dynamic_frame_from_options(
        self, frame: DynamicFrame, connection_type: str, connection_options: Any = None, **options: Any
    ) -> DynamicFrame:
        """Write a frame to files."""
        return self.write_dynamic_frame.from_options(frame, connection_type, connection_options, **options)

    def getSink(self, connection_type: str, path: str = "", **options: Any) -> Any:
        """A sink to S3 that can register what it writes in the Data Catalog."""
        from awsglue.sink import Sink

        if connection_type != "s3":
            raise NotImplementedError(f"getSink(connection_type={connection_type!r}) is not supported.")
        return Sink(self, path, options)

    def purge_s3_path(self, s3_path: str, options: Any = None, transformation_ctx: str = "") -> None:
        """Delete the objects under a path that are older than ``retentionPeriod`` hours (168)."""
        from datetime import UTC, datetime, timedelta

        from local_glue import s3

        given = dict(options or {})
        age = timedelta(hours=float(given.pop("retentionPeriod", 168)))
        if given:
            raise NotImplementedError(
                f"purge_s3_path options {', '.join(given)} are not supported by the local cloud."
            )
        limit = datetime.now(UTC) - age
        s3.delete(s3.split(s3_path)[0], [o["Key"] for o in s3.objects(s3_path) if o["LastModified"] <= limit])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        from local_glue.run import UnsupportedError

        raise UnsupportedError(f"GlueContext.{name} is not supported by the local cloud.")


class DataFrameReader:
    """``create_data_frame``: as for dynamic frames, but DataFrames."""

    def __init__(self, context: GlueContext) -> None:
        self._context = context

    def from_catalog(
        self,
        database: str,
        table_name: str,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        additional_options: dict[str, Any] | None = None,
        catalog_id: str | None = None,
        **_: Any,
    ) -> Any:
        """A catalog table; ``push_down_predicate`` is Spark SQL on the partition columns,
        ``additional_options["catalogPartitionPredicate"]`` a ``GetPartitions`` expression."""
        from local_glue import catalog

        options = dict(additional_options or {})
        expression = options.pop("catalogPartitionPredicate", None)
        if options:
            raise NotImplementedError(
                f"additional_options {', '.join(options)} are not supported by the local cloud."
            )
        table = catalog.glue().get_table(DatabaseName=database, Name=table_name)["Table"]
        unseen = None
        if transformation_ctx and Job.is_enabled():
            unseen = lambda entries: Job.unseen(transformation_ctx, entries)  # noqa: E731
        frame = catalog.read(self._context.spark_session, table, expression, unseen)
        return frame.where(push_down_predicate) if push_down_predicate else frame

    def from_options(
        self,
        connection_type: str,
        connection_options: dict[str, Any] | None = None,
        format: str | None = None,
        format_options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        **_: Any,
    ) -> Any:
        """Files in S3, or a table of a database."""
        given = dict(connection_options or {})
        spark = self._context.spark_session
        if connection_type in _DATABASES:
            options = connections.jdbc_options(connection_type, given)
            return spark.read.format("jdbc").options(**options).load()
        if connection_type != "s3":
            raise NotImplementedError(
                f"connection_type {connection_type!r} is not supported by the local cloud."
            )
        paths = self._paths(given, transformation_ctx)
        if format not in _FORMATS:
            raise NotImplementedError(f"format {format!r} is not supported by the local cloud.")
        if not paths:
            return spark.createDataFrame([], "_empty string").drop("_empty")
        reader = spark.read.options(**_reader_options(format, dict(format_options or {})))
        frame = reader.format("parquet" if format == "glueparquet" else format).load(paths)
        return frame.where(push_down_predicate) if push_down_predicate else frame

    def _paths(self, given: dict[str, Any], context: str) -> list[str]:
        from local_glue import s3

        paths = given.pop("paths", None) or [given.pop("path")]
        given.pop("path", None)
        for name in ("recurse", "groupFiles", "groupSize", "useS3ListImplementation"):
            given.pop(name, None)  # how files are found and grouped, not what is read
        if given:
            raise NotImplementedError(
                f"S3 connection options {', '.join(given)} are not supported by the local cloud."
            )
        if not (context and Job.is_enabled()):
            return list(paths)
        found = [(path, entry) for path in paths for entry in s3.objects(path)]
        new = {entry["Key"] for entry in Job.unseen(context, [entry for _, entry in found])}
        return [f"s3://{s3.split(path)[0]}/{entry['Key']}" for path, entry in found if entry["Key"] in new]


class DynamicFrameReader:
    """``create_dynamic_frame``."""

    def __init__(self, context: GlueContext) -> None:
        self._context = context

    def from_catalog(self, database: str, table_name: str, **options: Any) -> DynamicFrame:
        """A catalog table."""
        frame = self._context.create_data_frame.from_catalog(
            database=database, table_name=table_name, **options
        )
        return DynamicFrame(frame, self._context, table_name)

    def from_options(
        self, connection_type: str, connection_options: Any = None, format: str | None = None, **options: Any
    ) -> DynamicFrame:
        """Files in S3, or a table of a database."""
        frame = self._context.create_data_frame.from_options(
            connection_type, connection_options, format, **options
        )
        return DynamicFrame(frame, self._context)

    def from_rdd(self, *_: Any, **__: Any) -> DynamicFrame:
        """RDDs are not to be had."""
        raise NotImplementedError(
            "create_dynamic_frame.from_rdd is not supported: the local Spark engine has no RDDs."
        )


class DynamicFrameWriter:
    """``write_dynamic_frame``."""

    def __init__(self, context: GlueContext) -> None:
        self._context = context

    def from_options(
        self,
        frame: DynamicFrame,
        connection_type: str,
        connection_options: dict[str, Any] | None = None,
        format: str | None = None,
        format_options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
    ) -> DynamicFrame:
        """Append files to a folder in S3."""
        given = dict(connection_options or {})
        if connection_type != "s3":
            raise NotImplementedError(f"Writing to {connection_type!r} is not supported by the local cloud.")
        sink = self._context.getSink(
            "s3", path=given.pop("path"), partitionKeys=given.pop("partitionKeys", []), **given
        )
        sink.setFormat(format or "parquet", **(format_options or {}))
        return sink.writeFrame(frame)

    def from_catalog(
        self,
        frame: DynamicFrame,
        database: str,
        table_name: str,
        transformation_ctx: str = "",
        **options: Any,
    ) -> DynamicFrame:
        """Append to a catalog table; new partitions are registered with ``enableUpdateCatalog``."""
        from local_glue import catalog

        given = dict(options.pop("additional_options", None) or {})
        table = catalog.glue().get_table(DatabaseName=database, Name=table_name)["Table"]
        update = bool(given.pop("enableUpdateCatalog", False))
        keys = given.pop("partitionKeys", [key["Name"] for key in table.get("PartitionKeys", [])])
        given.pop("updateBehavior", None)
        if given:
            raise NotImplementedError(
                f"additional_options {', '.join(given)} are not supported by the local cloud."
            )
        sink = self._context.getSink(
            "s3", path=table["StorageDescriptor"]["Location"], partitionKeys=keys, enableUpdateCatalog=update
        )
        sink.setFormat(catalog.file_format(table))
        sink.setCatalogInfo(catalogDatabase=database, catalogTableName=table_name)
        return sink.writeFrame(frame)


def _reader_options(format: str, given: dict[str, Any]) -> dict[str, Any]:
    """Glue's format options as Spark's (https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-format.html)."""
    names = {"withHeader": "header", "separator": "sep", "quoteChar": "quote", "escaper": "escape"}
    names |= {"multiLine": "multiLine", "multiline": "multiLine"}
    known = names if format == "csv" else {"multiLine": "multiLine", "multiline": "multiLine"}
    options = {}
    for name, value in given.items():
        if name in ("optimizePerformance", "useGlueParquetWriter"):
            continue
        if name not in known:
            raise NotImplementedError(
                f"The {format} format option {name} is not supported by the local cloud."
            )
        options[known[name]] = str(value).lower() if isinstance(value, bool) else value
    return options
