"""CSV and JSON as Spark writes and reads them."""

from typing import Any

from local_glue.run import UnsupportedError

_TIMESTAMP = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"
_CSV_OPTIONS = (
    "header",
    "sep",
    "delimiter",
    "quote",
    "escape",
    "compression",
    "dateformat",
    "timestampformat",
    "path",
)
_JSON_OPTIONS = ("compression", "dateformat", "timestampformat", "path")


def written(frame: Any, source: str, options: dict[str, Any]) -> Any:
    """The frame to write: JSON's timestamps as text; of CSV, one column whose name is the header and whose text a row.

    Raises:
        UnsupportedError: an option or a type that the engine would write otherwise than Spark.
    """
    from pyspark.sql.connect import functions as F

    known = _CSV_OPTIONS if source == "csv" else _JSON_OPTIONS
    for name in sorted(set(options) - set(known) - {"partitionoverwritemode"}):
        raise UnsupportedError(
            f"The {source} write option {name} is not supported by the local Spark engine."
        )
    columns, changed = [], False
    for field in frame.schema.fields:
        column, kind = F.col(f"`{field.name}`"), field.dataType.typeName()
        text = None
        if kind == "timestamp":
            text = F.date_format(column, options.get("timestampformat") or _TIMESTAMP)
        elif source == "json" and kind in ("double", "float"):
            text = _finite(column, field.name)
        elif kind == "date" and options.get("dateformat"):
            text = F.date_format(column, options["dateformat"])
        elif kind in ("array", "map", "struct") and _has_time(field.dataType):
            raise UnsupportedError(
                f"Column {field.name}: timestamps inside nested values are written to {source} otherwise than by "
                "Spark; cast them to string."
            )
        changed = changed or text is not None
        columns.append((column if text is None else text).alias(field.name))
    return frame.select(*columns) if changed else frame


def _finite(column: Any, name: str) -> Any:
    """The column; writing fails where it is NaN or infinite: Spark writes those as strings, the engine as null."""
    from pyspark.sql.connect import functions as F

    message = (
        f"Column {name}: NaN and infinity are not written to JSON by the local Spark engine; cast to string."
    )
    beyond = F.isnan(column) | (F.abs(column) == F.lit(float("inf")))
    return F.when(beyond, F.raise_error(F.lit(message))).otherwise(column)


def csv_lines(frame: Any, keys: list[str], options: dict[str, Any]) -> Any:
    """A frame of one text column beside the partition columns: each row as Spark's CSV writer puts it.

    White space at both ends goes, ``""`` is an empty string, nothing is NULL; a text is quoted where it must be,
    and only there escaped.
    """
    from pyspark.sql.connect import functions as F

    separator = str(options.get("sep") or options.get("delimiter") or ",")
    quote, escape = str(options.get("quote", '"')), str(options.get("escape", "\\"))
    if len(quote) != 1 or len(escape) != 1:
        raise UnsupportedError(
            "The local Spark engine writes CSV with a quote and an escape of one character only."
        )
    fields = [field for field in frame.schema.fields if field.name not in keys]
    texts = []
    for field in fields:
        kind, column = field.dataType.typeName(), F.col(f"`{field.name}`")
        if kind in ("array", "map", "struct", "binary"):
            raise UnsupportedError(f"Column {field.name}: CSV has no {kind}; Spark refuses it too.")
        text = column.cast("string")
        if kind == "string":
            text = F.regexp_replace(text, r"^[\x00-\x20]+|[\x00-\x20]+$", "")
            text = F.when(text == "", quote + quote).otherwise(_quoted(F, text, separator, quote, escape))
        texts.append(F.coalesce(text, F.lit("")))
    header = separator.join(_quoted_name(field.name, separator, quote, escape) for field in fields)
    line = F.concat_ws(separator, *texts).alias(header)
    return frame.select(line, *[F.col(f"`{key}`") for key in keys])


def _quoted(F: Any, text: Any, separator: str, quote: str, escape: str) -> Any:
    inner = text if escape == quote else F.replace(text, F.lit(escape), F.lit(escape * 2))
    inner = F.replace(inner, F.lit(quote), F.lit(escape + quote))
    special = F.contains(text, F.lit(separator)) | F.contains(text, F.lit(quote))
    special = special | F.contains(text, F.lit("\n")) | F.contains(text, F.lit("\r"))
    return F.when(special, F.concat(F.lit(quote), inner, F.lit(quote))).otherwise(text)


def _quoted_name(name: str, separator: str, quote: str, escape: str) -> str:
    if not any(sign in name for sign in (separator, quote, "\n", "\r")):
        return name
    inner = name if escape == quote else name.replace(escape, escape * 2)
    return quote + inner.replace(quote, escape + quote) + quote


def _has_time(kind: Any) -> bool:
    from local_glue.corrections.types import contains

    return contains(kind, "timestamp", "timestamp_ntz")


def sorted_schema(kind: Any) -> Any:
    """An inferred JSON schema with its fields in Spark's order: by name, at every depth."""
    from pyspark.sql.types import ArrayType, NullType, StringType, StructField, StructType

    if isinstance(kind, StructType):
        fields = [StructField(f.name, sorted_schema(f.dataType), True) for f in kind.fields]
        return StructType(sorted(fields, key=lambda field: field.name))
    if isinstance(kind, ArrayType):
        return ArrayType(sorted_schema(kind.elementType), True)
    return StringType() if isinstance(kind, NullType) else kind
