"""Corrections to ``spark.read``: paths that do not exist, globs, types of partition columns, JDBC, CSV."""

import fnmatch
import re
from pathlib import Path
from typing import Any

from local_glue import folders, jdbc, s3, texts
from local_glue.run import UnsupportedError

_INFERENCE = "spark.sql.sources.partitionColumnTypeInference.enabled"
_REFUSED = (
    "basepath",
    "pathglobfilter",
    "recursivefilelookup",
    "modifiedbefore",
    "modifiedafter",
    "mergeschema",
)
_TYPED_FORMATS = ("parquet", "json", "orc", "csv", "text")


def install() -> None:
    """Patch Spark Connect's reader."""
    from pyspark.sql.connect.readwriter import DataFrameReader

    send = _native["load"] = DataFrameReader.load

    def load(
        self: Any, path: Any = None, format: str | None = None, schema: Any = None, **options: Any
    ) -> Any:
        if format is not None:
            self.format(format)
        if schema is not None:
            self.schema(schema)
        self.options(**options)
        return _load(self, path, send)

    def read_jdbc(
        self: Any,
        url: str,
        table: str,
        column: str | None = None,
        lowerBound: Any = None,
        upperBound: Any = None,
        numPartitions: int | None = None,
        predicates: list[str] | None = None,
        properties: dict[str, str] | None = None,
    ) -> Any:
        given = {**(properties or {}), "url": url, "dbtable": table}
        if column is not None:
            predicates = None  # as PySpark has it
            bounds = {"lowerBound": lowerBound, "upperBound": upperBound, "numPartitions": numPartitions}
            given |= {"partitionColumn": column}
            given |= {name: str(value) for name, value in bounds.items() if value is not None}
        return jdbc.read(self._client, {**self._options, **given}, predicates)

    DataFrameReader.load = load
    DataFrameReader.jdbc = read_jdbc


def _load(reader: Any, path: Any, send: Any) -> Any:
    options = {key.lower(): value for key, value in reader._options.items()}
    source = (reader._format or "parquet").lower()
    if source == "jdbc":
        return jdbc.read(reader._client, reader._options)
    for name in _REFUSED:
        if name in options and str(options[name]).lower() not in ("false", "none", ""):
            raise UnsupportedError(f"The read option {name} is not supported by the local Spark engine.")
    paths = path if path is not None else options.get("path")
    paths = [paths] if isinstance(paths, str) else list(paths or [])
    paths = [found for one in paths for found in _expand(one)]
    if source == "csv":
        from local_glue import csv

        return csv.read(reader, paths, options, lambda where: send(reader, where))
    frame = send(reader, paths or None)
    if source == "json" and not reader._schema:
        reader.schema(texts.sorted_schema(frame.schema))
        frame = send(reader, paths)
        reader._schema = ""
    if source not in _TYPED_FORMATS:
        return frame
    values = _partition_values(paths)
    if not values:
        return frame
    if reader._schema:
        return _with_given_types(reader, frame, paths, values, send)
    if reader._client.conf.get(_INFERENCE, "true") == "true":
        frame = type_partitions(frame, values)
    return frame


def as_given(reader: Any, path: str | list[str]) -> Any:
    """Read a folder, or files, with the reader's schema, partition columns included, and nothing else looked at."""
    return _native["load"](reader, [path] if isinstance(path, str) else path)


_native: dict[str, Any] = {}


def _with_given_types(
    reader: Any, frame: Any, paths: list[str], values: dict[str, set[str]], send: Any
) -> Any:
    """A schema of the caller's: partition columns that it lacks come last, with inferred types."""
    from pyspark.sql.connect import functions as F
    from pyspark.sql.types import StringType, StructField, StructType

    fields = list(frame.schema.fields)
    given = {field.name: field.dataType for field in fields}
    wide = [StructField(f.name, StringType(), True) if f.name in values else f for f in fields]
    wide += [StructField(name, StringType(), True) for name in values if name not in given]
    schema, reader._schema = reader._schema, ""
    reader.schema(StructType(wide))
    frame = send(reader, paths)
    reader._schema = schema
    for name, seen in values.items():
        kind = given.get(name) or infer_type(seen - {folders.HIVE_NULL})
        frame = frame.withColumn(
            name, F.when(F.col(f"`{name}`") != folders.HIVE_NULL, F.col(f"`{name}`")).cast(kind)
        )
    return frame


def _expand(path: str) -> list[str]:
    """The paths a path stands for.

    Raises:
        AnalysisException: there is nothing, in Spark's words.
    """
    from pyspark.errors.exceptions.connect import AnalysisException

    if not re.search(r"[*?\[{]", path):
        if s3.is_s3(path) and not s3.exists(path):
            raise AnalysisException(f"[PATH_NOT_FOUND] Path does not exist: {path}.")
        if (
            path.startswith(("/", "file:"))
            and not Path(path.removeprefix("file://").removeprefix("file:")).exists()
        ):
            raise AnalysisException(f"[PATH_NOT_FOUND] Path does not exist: {path}.")
        return [path]
    if not s3.is_s3(path) or "{" in path:
        raise UnsupportedError(f"The local Spark engine cannot expand the pattern {path}.")
    found = _glob(path)
    if not found:
        raise AnalysisException(f"[PATH_NOT_FOUND] Path does not exist: {path}.")
    return found


def _glob(path: str) -> list[str]:
    """Folders and files that match a pattern in which ``*`` does not cross a slash."""
    scheme, bucket = path.split("://", 1)[0], s3.split(path)[0]
    parts = s3.split(path)[1].rstrip("/").split("/")
    fixed = next(index for index, part in enumerate(parts) if re.search(r"[*?\[]", part))
    found: dict[str, None] = {}
    base = "/".join(parts[:fixed])
    for entry in s3.objects(f"{scheme}://{bucket}/{base}"):
        names = entry["Key"].split("/")
        if len(names) >= len(parts) and all(map(fnmatch.fnmatchcase, names, parts)):
            found[
                f"{scheme}://{bucket}/{'/'.join(names[: len(parts)])}"
                + ("/" if len(names) > len(parts) else "")
            ] = None
    return list(found)


def _partition_values(paths: list[str]) -> dict[str, set[str]]:
    """The values of each partition column, as the folders under the paths name them."""
    values: dict[str, set[str]] = {}
    for path in paths:
        base = s3.split(path)[1].rstrip("/") if s3.is_s3(path) else path.removeprefix("file://").rstrip("/")
        for file in folders.listing(path):
            for part in file[len(base) :].strip("/").split("/")[:-1]:
                name, equals, value = part.partition("=")
                if equals:
                    values.setdefault(name, set()).add(folders.unescape(value))
    return values


def type_partitions(frame: Any, values: dict[str, set[str]]) -> Any:
    """Give partition columns the types Spark infers from their values; the engine leaves them strings."""
    from pyspark.sql.connect import functions as F

    for name, seen in values.items():
        if name not in frame.columns:
            continue
        column = F.col(f"`{name}`")
        if "__HIVE_DEFAULT_PARTITION__" in seen:
            column = F.when(column != "__HIVE_DEFAULT_PARTITION__", column)
        kind = infer_type(seen - {"__HIVE_DEFAULT_PARTITION__"})
        if kind != "string" or "__HIVE_DEFAULT_PARTITION__" in seen:
            frame = frame.withColumn(name, column.cast(kind))
    return frame


def infer_type(values: set[str]) -> str:
    """Spark's rule: int, bigint, double, date, timestamp, else string: the narrowest that fits all."""
    if not values:
        return "string"
    if all(re.fullmatch(r"-?\d{1,18}", value) for value in values):
        return "int" if all(-(2**31) <= int(value) < 2**31 for value in values) else "bigint"
    if all(re.fullmatch(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value) for value in values):
        return "double"
    if all(re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", value) for value in values):
        return "date"
    if all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", value) for value in values):
        return "timestamp"
    return "string"
