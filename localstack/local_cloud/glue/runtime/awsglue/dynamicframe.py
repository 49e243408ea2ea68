"""``DynamicFrame`` on top of a DataFrame."""

from collections.abc import Callable
from typing import Any


class DynamicFrame:
    """A DataFrame with Glue's methods.

    Its schema is fixed when it is read; there are no per-record types, so a choice column cannot arise.
    """

    def __init__(self, jdf: Any, glue_ctx: Any = None, name: str = "") -> None:
        self._df, self.glue_ctx, self.name = jdf, glue_ctx, name

    @classmethod
    def fromDF(cls, dataframe: Any, glue_ctx: Any, name: str = "") -> "DynamicFrame":
        """From a DataFrame."""
        return cls(dataframe, glue_ctx, name)

    def toDF(self, options: Any = None) -> Any:
        """To a DataFrame."""
        if options:
            raise NotImplementedError("DynamicFrame.toDF(options) is not supported by the local cloud.")
        return self._df

    def count(self) -> int:
        """The number of rows."""
        return self._df.count()

    def schema(self) -> Any:
        """The schema."""
        return self._df.schema

    def printSchema(self) -> None:
        """Print the schema."""
        self._df.printSchema()

    def show(self, num_rows: int = 20) -> None:
        """Print rows as JSON, one a line, as Glue does."""
        for row in (
            self._df.limit(num_rows).toJSON().collect() if hasattr(self._df, "_jdf") else self._rows(num_rows)
        ):
            print(row)

    def _rows(self, number: int) -> list[str]:
        from pyspark.sql import functions as F

        packed = self._df.limit(number).select(
            F.to_json(F.struct(*[f"`{name}`" for name in self._df.columns]))
        )
        return [row[0] for row in packed.collect()]

    def _new(self, dataframe: Any) -> "DynamicFrame":
        return DynamicFrame(dataframe, self.glue_ctx, self.name)

    def select_fields(self, paths: Any, *_: Any, **__: Any) -> "DynamicFrame":
        """Keep the columns that exist among ``paths``."""
        names = [paths] if isinstance(paths, str) else list(paths)
        return self._new(self._df.select(*[f"`{name}`" for name in names if name in self._df.columns]))

    def drop_fields(self, paths: Any, *_: Any, **__: Any) -> "DynamicFrame":
        """Drop columns."""
        return self._new(self._df.drop(*([paths] if isinstance(paths, str) else paths)))

    def rename_field(self, oldName: str, newName: str, *_: Any, **__: Any) -> "DynamicFrame":
        """Rename a top-level column."""
        return self._new(self._df.withColumnRenamed(oldName.strip("`"), newName.strip("`")))

    def apply_mapping(self, mappings: list[Any], *_: Any, **__: Any) -> "DynamicFrame":
        """Choose, rename and cast: ``(source, [source type,] target, [target type])`` each."""
        from pyspark.sql import functions as F

        columns = []
        for mapping in mappings:
            source, target, kind = _mapping(mapping)
            if "." in target:
                raise NotImplementedError(f"ApplyMapping to the nested field {target} is not supported.")
            column = F.col(source)
            columns.append((column.cast(kind) if kind else column).alias(target))
        return self._new(self._df.select(*columns))

    def resolveChoice(self, specs: Any = None, choice: str = "", *_: Any, **__: Any) -> "DynamicFrame":
        """Casts of ``specs``, ``(column, "cast:type")``. A column has one type, so others do nothing."""
        from pyspark.sql import functions as F

        frame = self._df
        for name, action in specs or []:
            if action.startswith("cast:") and name in frame.columns:
                frame = frame.withColumn(name, F.col(f"`{name}`").cast(_spark_type(action[5:])))
            elif not action.startswith(("cast:", "make_cols", "make_struct", "project:")):
                raise NotImplementedError(
                    f"resolveChoice action {action!r} is not supported by the local cloud."
                )
        if choice.startswith("match_catalog"):
            raise NotImplementedError(
                "resolveChoice(choice='match_catalog') is not supported by the local cloud."
            )
        return self._new(frame)

    resolve_choice = resolveChoice

    def drop_nulls(self, *_: Any, **__: Any) -> "DynamicFrame":
        """Drop the columns that are NULL in every row, as DropNullFields does."""
        from pyspark.sql import functions as F

        names = self._df.columns
        counts = self._df.agg(*[F.count(f"`{name}`").alias(name) for name in names]).collect()[0]
        return self._new(self._df.drop(*[name for name in names if counts[name] == 0]))

    def filter(self, f: Callable[[Any], bool], *_: Any, **__: Any) -> "DynamicFrame":
        """Keep the rows for which ``f(row)`` is true; a row is a dictionary-like record."""

        def keep(batches: Any) -> Any:
            for batch in batches:
                wanted = [bool(f(record)) for record in batch.to_pylist()]
                yield batch.filter(_array(wanted))

        return self._new(self._df.mapInArrow(keep, self._df.schema))

    def map(self, f: Callable[[Any], Any], *_: Any, **__: Any) -> "DynamicFrame":
        """Rows changed by ``f(record)``; the result's columns are read off the first row."""
        import json

        from pyspark.sql import functions as F

        def change(batches: Any) -> Any:
            import pyarrow as pa

            for batch in batches:
                texts = [json.dumps(f(record), default=str) for record in batch.to_pylist()]
                yield pa.record_batch([pa.array(texts, pa.string())], names=["value"])

        texts = self._df.mapInArrow(change, "value string")
        first = texts.limit(1).collect()
        if not first:
            return self
        schema = F.schema_of_json(F.lit(first[0][0]))
        return self._new(texts.select(F.from_json("value", schema).alias("r")).select("r.*"))

    def join(
        self, paths1: list[str], paths2: list[str], frame2: "DynamicFrame", *_: Any, **__: Any
    ) -> "DynamicFrame":
        """Inner join on equal columns."""
        if set(paths1) & set(frame2._df.columns) - set(paths2) or set(self._df.columns) & set(
            frame2._df.columns
        ):
            raise NotImplementedError("DynamicFrame.join of frames that share column names is not supported.")
        condition = None
        for left, right in zip(paths1, paths2, strict=True):
            test = self._df[left] == frame2._df[right]
            condition = test if condition is None else condition & test
        return self._new(self._df.join(frame2._df, condition))

    def union(self, other: "DynamicFrame", *_: Any, **__: Any) -> "DynamicFrame":
        """All rows of both, by column name."""
        return self._new(self._df.unionByName(other._df, allowMissingColumns=True))

    def repartition(self, num_partitions: int, *_: Any, **__: Any) -> "DynamicFrame":
        """Spread over so many partitions."""
        return self._new(self._df.repartition(num_partitions))

    def coalesce(self, num_partitions: int, *_: Any, **__: Any) -> "DynamicFrame":
        """Gather into so many partitions."""
        return self._new(self._df.coalesce(num_partitions))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        from local_glue.run import UnsupportedError

        raise UnsupportedError(
            f"DynamicFrame.{name} is not supported by the local cloud; use toDF() and DataFrames."
        )


def _array(values: list[bool]) -> Any:
    import pyarrow as pa

    return pa.array(values)


def _mapping(mapping: Any) -> tuple[str, str, str | None]:
    match tuple(mapping):
        case (source, target):
            return source, target, None
        case (source, target, kind):
            return source, target, _spark_type(kind)
        case (source, _, target, kind):
            return source, target, _spark_type(kind)
    raise ValueError(f"ApplyMapping: {mapping!r} is not a mapping of two, three or four parts.")


def _spark_type(kind: str) -> str:
    return {"long": "bigint", "short": "smallint", "byte": "tinyint", "integer": "int"}.get(
        kind.lower(), kind
    )
