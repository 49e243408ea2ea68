"""Unions whose sides have different types, and columns that one side lacks."""

from functools import reduce
from typing import Any

from local_glue.corrections import types
from local_glue.run import UnsupportedError


def install() -> None:
    """Patch the methods of DataFrames."""
    from pyspark.sql.connect.dataframe import DataFrame

    native, native_by_name = DataFrame.unionAll, DataFrame.unionByName

    def union(self: Any, other: Any) -> Any:
        left, right = self.schema.fields, other.schema.fields
        if len(left) != len(right) or [f.dataType for f in left] == [f.dataType for f in right]:
            return native(self, other)
        kinds = [_common(a, b) for a, b in zip(left, right, strict=True)]
        return native(_cast(self, left, kinds), _cast(other, right, kinds))

    def union_by_name(self: Any, other: Any, allowMissingColumns: bool = False) -> Any:
        left = {field.name.lower(): field for field in self.schema.fields}
        right = {field.name.lower(): field for field in other.schema.fields}
        if not allowMissingColumns and left.keys() != right.keys():
            return native_by_name(self, other)  # the engine words the error
        order = [*left, *(name for name in right if name not in left)]
        names = [(left.get(name) or right[name]).name for name in order]
        return union(_filled(self, left, order, names, right), _filled(other, right, order, names, left))

    DataFrame.union = DataFrame.unionAll = union
    DataFrame.unionByName = union_by_name


def _filled(
    frame: Any, own: dict[str, Any], order: list[str], names: list[str], other: dict[str, Any]
) -> Any:
    from pyspark.sql.connect import functions as F

    columns = [
        (F.col(f"`{own[key].name}`") if key in own else F.lit(None).cast(other[key].dataType)).alias(name)
        for key, name in zip(order, names, strict=True)
    ]
    return frame.select(*columns)


def _common(a: Any, b: Any) -> str | None:
    """The type both sides are cast to; ``None`` where the engine finds the same as Spark."""
    names = {a.dataType.typeName(), b.dataType.typeName()}
    if "string" in names and names & {"double", "float"}:
        return "string"
    if "decimal" in names and a.dataType != b.dataType:
        exact = [types.widened(kind) for kind in (a.dataType, b.dataType)]
        if all(exact):
            return str(reduce(types.wider, [kind for kind in exact if kind]))
    if a.dataType != b.dataType and types.contains(a.dataType, "array", "map", "struct"):
        raise UnsupportedError(
            f"Union of column {a.name} as {a.dataType.simpleString()} and {b.dataType.simpleString()}: cast one side."
        )
    return None


def _cast(frame: Any, fields: list[Any], kinds: list[str | None]) -> Any:
    from pyspark.sql.connect import functions as F

    columns = [F.col(f"`{field.name}`") for field in fields]
    return frame.select(
        *[
            (column.cast(kind) if kind else column).alias(field.name)
            for column, kind, field in zip(columns, kinds, fields, strict=True)
        ]
    )
