"""Corrections to ``DataFrame.write``: dynamic partition overwrite, NULL partitions, codecs, empty results."""
# ruff: noqa: ARG001 (Spark's own signatures)

from typing import Any

from local_glue import commits, folders, s3, texts
from local_glue.folders import HIVE_NULL
from local_glue.run import UnsupportedError, scratch

_CODEC = "spark.sql.parquet.compression.codec"
_OVERWRITE = "spark.sql.sources.partitionOverwriteMode"
_FORMATS = ("parquet", "csv", "json", "text", "orc")


def install() -> None:
    """Patch Spark Connect's writer."""
    from pyspark.sql.connect.readwriter import DataFrameWriter, DataFrameWriterV2

    send = DataFrameWriter.save

    def save(
        self: Any,
        path: str | None = None,
        format: str | None = None,
        mode: str | None = None,
        partitionBy: Any = None,
        **options: Any,
    ) -> None:
        self.mode(mode).options(**options)
        if partitionBy is not None:
            self.partitionBy(partitionBy)
        if format is not None:
            self.format(format)
        _save(self, path, send)

    def refuse_table(self: Any, *_: Any, **__: Any) -> None:
        raise UnsupportedError(
            "writeTo is not supported by the local Spark engine: use saveAsTable, insertInto, or "
            "glueContext.getSink(..., enableUpdateCatalog=True)."
        )

    def refuse_jdbc(self: Any, *_: Any, **__: Any) -> None:
        raise UnsupportedError("Writing through JDBC is not supported by the local Spark engine.")

    DataFrameWriter.save = save
    DataFrameWriter.jdbc = refuse_jdbc
    for method in ("create", "replace", "createOrReplace", "append", "overwrite", "overwritePartitions"):
        setattr(DataFrameWriterV2, method, refuse_table)


def _save(writer: Any, path: str | None, send: Any) -> None:
    write = writer._write
    source = (write.source or "parquet").lower()
    options = {key.lower(): value for key, value in write.options.items()}
    path = path or options.get("path")
    _check(source, write, path)
    if source == "parquet" and "compression" not in options:
        writer.option("compression", _setting(writer, _CODEC) or "snappy")
    if write.partitioning_cols:
        _name_null_partitions(write)
    if source in ("csv", "json"):
        _as_text(writer, source, options)
    mode = (options.get("partitionoverwritemode") or _setting(writer, _OVERWRITE) or "static").lower()
    if _is_overwrite(write) and mode == "dynamic" and write.partitioning_cols:
        _overwrite_partitions(writer, path, send)
    elif write.partitioning_cols:
        before = set() if _is_overwrite(write) else folders.listing(path)
        send(writer, path)
        folders.rename(path, folders.listing(path) - before)
    else:
        send(writer, path)
    if source == "parquet" and s3.is_s3(path) and not write.partitioning_cols and not any(s3.objects(path)):
        _write_schema_only(writer, path)


def _check(source: str, write: Any, path: str | None) -> None:
    if source == "jdbc":
        raise UnsupportedError("Writing through JDBC is not supported by the local Spark engine.")
    if source not in _FORMATS:
        raise UnsupportedError(f"Writing the format {source} is not supported by the local Spark engine.")
    if path is None:
        raise ValueError("save() needs a path.")
    if write.num_buckets is not None and write.num_buckets > 0:
        raise UnsupportedError("bucketBy is not supported by the local Spark engine.")


def _setting(writer: Any, key: str) -> str | None:
    return writer._spark.conf.get(key, "") or None


def _is_overwrite(write: Any) -> bool:
    return str(write.mode or "").lower() == "overwrite"


def _name_null_partitions(write: Any) -> None:
    """NULL and '' become Hive's default partition, as Spark names them; the engine would write ``day=/``."""
    from pyspark.sql.connect import functions as F
    from pyspark.sql.connect.dataframe import DataFrame

    frame = DataFrame.withPlan(write._child, _session())
    for name in write.partitioning_cols:
        text = F.col(name).cast("string")
        frame = frame.withColumn(name, F.when(text.isNull() | (text == ""), F.lit(HIVE_NULL)).otherwise(text))
    write._child = frame._plan


def _session() -> Any:
    from local_glue.spark_context import session

    return session()


def _overwrite_partitions(writer: Any, path: str, send: Any) -> None:
    """Replace only the partitions that the new rows lie in: as one commit.

    The engine knows "overwrite" as "empty the table first", whatever ``partitionOverwriteMode`` says.
    """
    if not s3.is_s3(path):
        raise UnsupportedError(
            f"Dynamic partition overwrite is supported by the local Spark engine in S3, not in {path}."
        )
    write = writer._write
    bucket, key = s3.split(path)
    prefix = key.rstrip("/") + "/"
    commit = commits.Commit(bucket)
    write.mode = "append"
    try:
        send(writer, commit.staging)
        staged = folders.listing(commit.staging)
    except BaseException:
        commit.discard()
        raise
    copies = [
        (one, folders.renamed(prefix + one.removeprefix(commit.prefix), prefix)) for one in sorted(staged)
    ]
    new = {target for _, target in copies}
    touched = {_folder(one) for one in new}
    old = [one for one in folders.listing(path) if _folder(one) in touched and one.startswith(prefix)]
    commit.run(commits.Change(bucket, copies, [], [one for one in old if one not in new]))


def _as_text(writer: Any, source: str, options: dict[str, Any]) -> None:
    from pyspark.sql.connect.dataframe import DataFrame

    write = writer._write
    frame = texts.written(DataFrame.withPlan(write._child, _session()), source, options)
    if source == "csv":
        frame = texts.csv_lines(frame, list(write.partitioning_cols), options)
        for name in ("delimiter", "escape", "dateFormat", "timestampFormat"):
            write.options.pop(name, None)
        writer.options(sep="\x01", quote="\x02")  # the engine shall quote nothing itself
    write._child = frame._plan


def _folder(key: str) -> str:
    return key.rpartition("/")[0]


def _write_schema_only(writer: Any, path: str) -> None:
    """An empty result still has a schema: Spark leaves one file that says so."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyspark.sql.connect.dataframe import DataFrame
    from pyspark.sql.pandas.types import to_arrow_schema

    schema = DataFrame.withPlan(writer._write._child, _session()).schema
    file = scratch("empty") / "part-00000.snappy.parquet"
    pq.write_table(pa.Table.from_batches([], to_arrow_schema(schema)), file)
    bucket, key = s3.split(path)
    s3.client().upload_file(str(file), bucket, f"{key.rstrip('/')}/{file.name}")
