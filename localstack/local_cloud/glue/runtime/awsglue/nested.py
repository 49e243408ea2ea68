"""Nested values: flattened, pivoted into tables of their own, parsed out of strings.

https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-crawler-pyspark-extensions-dynamic-frame.html
"""

import uuid
from typing import Any


def flat(frame: Any) -> Any:
    """Fields of structs as columns named by their path, ``s.a``; arrays and maps stay."""
    from pyspark.sql.types import StructType

    while any(isinstance(field.dataType, StructType) for field in frame.schema.fields):
        columns = []
        for field in frame.schema.fields:
            column = frame[f"`{field.name}`"]
            if isinstance(field.dataType, StructType):
                inner = field.dataType.fields
                columns += [column.getField(one.name).alias(f"{field.name}.{one.name}") for one in inner]
            else:
                columns.append(column)
        frame = frame.select(*columns)
    return frame


def relationalized(frame: Any, staging_path: str, name: str) -> dict[str, Any]:
    """A frame as flat tables: arrays become tables ``<name>_<column>`` of ``id``, ``index`` and ``<column>.val``.

    What has arrays is staged, so that the ids of a row are the same in both tables.
    """
    from pyspark.sql import functions as F
    from pyspark.sql.types import ArrayType, MapType

    frame = flat(frame)
    fields = frame.schema.fields
    maps = [field.name for field in fields if isinstance(field.dataType, MapType)]
    if maps:
        raise NotImplementedError(
            f"relationalize of the map column {maps[0]} is not supported by the local cloud."
        )
    arrays = [field.name for field in fields if isinstance(field.dataType, ArrayType)]
    if not arrays:
        return {name: frame}
    staged = f"{staging_path.rstrip('/')}/relationalize-{uuid.uuid4().hex}"
    frame.withColumn("__id", F.monotonically_increasing_id() + 1).write.parquet(staged)
    session = frame.sparkSession
    rows = session.read.parquet(staged)
    found = {}
    root = rows
    for array in arrays:
        values = rows.select(
            F.col("__id").alias("id"), F.posexplode(F.col(f"`{array}`")).alias("index", f"{array}.val")
        )
        found |= relationalized(values, staging_path, f"{name}_{array}")
        root = root.withColumn(array, F.when(F.col(f"`{array}`").isNotNull(), F.col("__id")))
    return {name: root.drop("__id"), **found}


def unboxed(frame: Any, path: str, format: str, options: dict[str, Any]) -> Any:
    """A column of JSON texts as structs; the schema is that of all its values."""
    from local_glue.run import scratch
    from pyspark.sql import functions as F

    if format != "json" or options:
        raise NotImplementedError(
            f"unbox of {format} with options {options} is not supported by the local cloud."
        )
    staged = f"file://{scratch('unbox')}/{uuid.uuid4().hex}"
    texts = frame.select(F.col(f"`{path}`").alias("value")).where("value is not null")
    texts.write.text(staged)
    schema = frame.sparkSession.read.json(staged).schema
    return frame.withColumn(path, F.from_json(F.col(f"`{path}`"), schema.simpleString()))


def mapped(frame: Any, mappings: list[tuple[str, str, str | None]]) -> Any:
    """Columns chosen, renamed and cast; a target with dots is a field of a struct."""
    from pyspark.sql import functions as F

    tree: dict[str, Any] = {}
    for source, target, kind in mappings:
        column = F.col(f"`{source}`" if source in frame.columns else source)
        *parents, leaf = [target] if target.startswith("`") else target.split(".")
        level = tree
        for parent in parents:
            level = level.setdefault(parent, {})
        level[leaf.strip("`")] = column.cast(kind) if kind else column
    return frame.select(*[_column(F, name, value) for name, value in tree.items()])


def _column(F: Any, name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return F.struct(*[_column(F, key, inner) for key, inner in value.items()]).alias(name)
    return value.alias(name)
