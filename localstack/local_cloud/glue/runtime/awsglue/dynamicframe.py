"""``DynamicFrame`` on top of a DataFrame."""

import operator
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
        from awsglue import nested

        return self._new(nested.mapped(self._df, [_mapping(mapping) for mapping in mappings]))

    def resolveChoice(
        self,
        specs: Any = None,
        choice: str = "",
        database: str | None = None,
        table_name: str | None = None,
        *_: Any,
        **__: Any,
    ) -> "DynamicFrame":
        """Casts of ``specs``, ``(column, "cast:type")``, and to a catalog table's types (``match_catalog``).

        A column has one type here, so the other actions have nothing to do.
        """
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
            from local_glue import catalog, tables

            table = catalog.glue().get_table(DatabaseName=database, Name=table_name)["Table"]
            types = dict(tables.columns_of(table))
            columns = [F.col(f"`{name}`") for name in frame.columns]
            frame = frame.select(
                *[
                    column.cast(types[name.lower()]).alias(name) if name.lower() in types else column
                    for name, column in zip(frame.columns, columns, strict=True)
                ]
            )
        elif choice and not choice.startswith(("cast:", "make_cols", "make_struct", "project:")):
            raise NotImplementedError(
                f"resolveChoice(choice={choice!r}) is not supported by the local cloud."
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
        left, right = self._df, frame2._df
        names = [paths1] if isinstance(paths1, str) else list(paths1)
        others = [paths2] if isinstance(paths2, str) else list(paths2)
        shared = {name: f".{name}" for name in right.columns if name in left.columns}
        for name, other in shared.items():  # Glue's name for a field that both frames have
            right = right.withColumnRenamed(name, other)
        condition = None
        for name, other in zip(names, others, strict=True):
            test = left[f"`{name}`"] == right[f"`{shared.get(other, other)}`"]
            condition = test if condition is None else condition & test
        return self._new(left.join(right, condition))

    def split_rows(
        self, comparison_dict: dict[str, dict[str, Any]], name1: str, name2: str, *_: Any, **__: Any
    ) -> Any:
        """Rows that pass all comparisons, ``{"column": {">": 1}}``, and the others."""
        from pyspark.sql import functions as F

        from awsglue.collection import DynamicFrameCollection

        test = F.lit(True)
        for name, comparisons in comparison_dict.items():
            for sign, value in comparisons.items():
                if sign not in _COMPARISONS:
                    raise ValueError(f"split_rows: {sign!r} is none of {', '.join(_COMPARISONS)}.")
                test = test & _COMPARISONS[sign](F.col(name), F.lit(value))
        passed = F.coalesce(test, F.lit(False))
        frames = {name1: self._new(self._df.where(passed)), name2: self._new(self._df.where(~passed))}
        return DynamicFrameCollection(frames, self.glue_ctx)

    def split_fields(self, paths: list[str], name1: str, name2: str, *_: Any, **__: Any) -> Any:
        """The named columns, and the others."""
        from awsglue.collection import DynamicFrameCollection

        frames = {name1: self.select_fields(paths), name2: self.drop_fields(paths)}
        return DynamicFrameCollection(frames, self.glue_ctx)

    def relationalize(self, root_table_name: str, staging_path: str = "", *_: Any, **__: Any) -> Any:
        """Flat tables: ``root_table_name`` and one for each array."""
        from awsglue import nested
        from awsglue.collection import DynamicFrameCollection

        frames = nested.relationalized(self._df, staging_path, root_table_name)
        named = {name: DynamicFrame(frame, self.glue_ctx, name) for name, frame in frames.items()}
        return DynamicFrameCollection(named, self.glue_ctx)

    def unnest(self, *_: Any, **__: Any) -> "DynamicFrame":
        """Fields of structs as columns, ``s.a``."""
        from awsglue import nested

        return self._new(nested.flat(self._df))

    def unbox(
        self,
        path: str,
        format: str,
        transformation_ctx: str = "",  # noqa: ARG002
        info: str = "",  # noqa: ARG002
        stageThreshold: int = 0,  # noqa: ARG002
        totalThreshold: int = 0,  # noqa: ARG002
        **options: Any,
    ) -> "DynamicFrame":
        """A column of JSON texts as structs."""
        from awsglue import nested

        return self._new(nested.unboxed(self._df, path, format, options))

    def errorsCount(self) -> int:
        """Records that a transform could not handle: none, an error ends the job here."""
        return 0

    stageErrorsCount = errorsCount

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


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}


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
