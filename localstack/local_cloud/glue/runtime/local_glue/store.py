"""Which values may be stored in a column of another type: Spark's store assignment policy ANSI.

https://spark.apache.org/docs/3.5.4/sql-ref-ansi-compliance.html#store-assignment
"""

from typing import Any

_NUMBERS = (
    "byte",
    "short",
    "integer",
    "long",
    "float",
    "double",
    "decimal",
    "tinyint",
    "smallint",
    "int",
    "bigint",
)
_TIMES = ("date", "timestamp", "timestamp_ntz")


def assigned(frame: Any, wanted: list[tuple[str, str]], table: str) -> Any:
    """The frame's columns, by position, under the table's names and types.

    Raises:
        AnalysisException: another number of columns, or a type Spark does not store in the column's.
    """
    from pyspark.errors.exceptions.connect import AnalysisException
    from pyspark.sql.connect import functions as F

    fields = frame.schema.fields
    if len(fields) != len(wanted):
        problem = "TOO_MANY_DATA_COLUMNS" if len(fields) > len(wanted) else "NOT_ENOUGH_DATA_COLUMNS"
        raise AnalysisException(
            f"[INSERT_COLUMN_ARITY_MISMATCH.{problem}] Cannot write to {table}: the table has {len(wanted)} columns "
            f"({', '.join(name for name, _ in wanted)}), the data {len(fields)} "
            f"({', '.join(field.name for field in fields)})."
        )
    columns = []
    for field, (name, kind) in zip(fields, wanted, strict=True):
        source = field.dataType
        if source.simpleString() != kind and not _allowed(source.typeName(), kind.split("(")[0]):
            raise AnalysisException(
                "[INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST] Cannot write incompatible data for the table "
                f'{table}: Cannot safely cast `{name}` "{source.simpleString().upper()}" to "{kind.upper()}".'
            )
        column = F.col(f"`{field.name}`") if len({f.name for f in fields}) == len(fields) else None
        if column is None:
            raise AnalysisException(f"[COLUMN_ALREADY_EXISTS] The data for {table} has a column twice.")
        columns.append((column if source.simpleString() == kind else column.cast(kind)).alias(name))
    return frame.select(*columns)


def _allowed(source: str, target: str) -> bool:
    if source in ("void", target):
        return True
    if target == "string":
        return source not in ("array", "map", "struct", "binary")
    if source in _NUMBERS:
        return target in _NUMBERS
    return source in _TIMES and target in _TIMES
