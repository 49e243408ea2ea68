"""``spark.read.csv``: what the engine reads as Spark does goes to the engine; the rest is refused by name.

Compared with Spark 3.5.4. The engine ignores some options, joins lines inside quotes whether asked to or not, takes
``""`` inside quotes for a quote where Spark (whose default escape is the backslash) does not, and infers wider types.
Rows with too many or too few fields are an error of the engine's own.
"""
# ruff: noqa: E501 (regular expressions and messages)

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local_glue import s3
from local_glue.run import UnsupportedError

_HONOURED = frozenset({"header", "sep", "delimiter", "quote", "escape", "inferschema", "multiline", "path"})
_DEFAULTS = {
    "encoding": ("utf-8", "utf8"),
    "charset": ("utf-8", "utf8"),
    "mode": ("permissive", "failfast"),
    "nullvalue": ("",),
    "emptyvalue": ("",),
    "comment": ("",),
    "ignoreleadingwhitespace": ("false",),
    "ignoretrailingwhitespace": ("false",),
    "enforceschema": ("true",),
    "preferdate": ("true",),
    "compression": ("none", "uncompressed"),
}
_COMPRESSED = (".gz", ".bz2", ".zst", ".xz", ".deflate", ".snappy", ".lz4", ".zip")
_CHUNK = 4 * 2**20
_INT = (-(2**31), 2**31 - 1)


def read(reader: Any, paths: list[str], options: dict[str, Any], native: Callable[[list[str]], Any]) -> Any:
    """A DataFrame of CSV files.

    Raises:
        UnsupportedError: an option, or text in the files, that the engine would read otherwise than Spark.
    """
    _check_options(options)
    _check_text(reader._client, paths, options)
    frame = native(paths)
    if str(options.get("inferschema", "false")).lower() == "true" and not reader._schema:
        frame = _narrow(frame)
    return frame


def _check_options(options: dict[str, Any]) -> None:
    for name, value in options.items():
        if value is None or name in _HONOURED:
            continue
        if str(value).lower() not in _DEFAULTS.get(name, ()):
            raise UnsupportedError(
                f"The CSV option {name}={value!r} is not supported by the local Spark engine, which would ignore it. "
                "Read the files with boto3 and Python's csv module inside mapInPandas instead."
            )


def _check_text(spark: Any, paths: list[str], options: dict[str, Any]) -> None:
    """Look for quoting that the engine and Spark read differently."""
    from pyspark.sql.connect import functions as F

    quote = str(options.get("quote", '"'))
    separator = str(options.get("sep") or options.get("delimiter") or ",")
    if len(quote) != 1:
        raise UnsupportedError("The local Spark engine reads CSV with a quote of one character only.")
    value = F.col("value")
    doubts = []
    if str(options.get("multiline", "false")).lower() != "true":
        quotes = F.length(value) - F.length(F.regexp_replace(value, re.escape(quote), ""))
        doubts.append(
            (
                quotes % 2 == 1,
                "a quoted field goes on over the end of the line: set the option multiLine=True",
            )
        )
    if str(options.get("escape", "\\")) != quote:
        q, s = re.escape(quote), re.escape(separator)
        doubled = value.rlike(f"[^{s}]{q}{q}|{q}{q}[^{s}]")
        doubts.append((doubled, f"a quote inside a field is doubled: set the option escape={quote!r}"))
        doubts.append((value.contains("\\"), f"there is a backslash: set the option escape={quote!r}"))
    if not doubts:
        return
    found = F.lit(None).cast("int")
    for number, (doubt, _) in enumerate(doubts):
        found = F.when(doubt, F.lit(number)).otherwise(found)
    files = _suspects(paths, (quote, "\\"))
    if not files:
        return
    hits = (
        spark.read.text(files)
        .select(value, found.alias("doubt"))
        .where("doubt is not null")
        .limit(1)
        .collect()
    )
    if hits:
        reason = doubts[hits[0]["doubt"]][1]
        raise UnsupportedError(
            f"CSV under {', '.join(paths)}: {reason}. Without it Spark splits such rows wrongly, and the local engine would "
            f"read them differently from Spark. The line: {hits[0]['value'][:120]!r}"
        )


def _suspects(paths: list[str], signs: tuple[str, ...]) -> list[str]:
    """The files in which one of the signs occurs, or that are compressed: a search of bytes, far cheaper than parsing."""
    files = []
    for path in paths:
        if s3.is_s3(path):
            scheme, bucket = path.split("://", 1)[0], s3.split(path)[0]
            files += [f"{scheme}://{bucket}/{entry['Key']}" for entry in s3.objects(path)]
        else:
            files.append(path)
    wanted = [sign.encode() for sign in signs]
    with ThreadPoolExecutor(max_workers=4) as pool:
        hits = list(pool.map(lambda file: _occurs(file, wanted), files))
    return [file for file, hit in zip(files, hits, strict=True) if hit]


def _occurs(file: str, signs: list[bytes]) -> bool:
    if not s3.is_s3(file) or file.lower().endswith(_COMPRESSED):
        return True
    bucket, key = s3.split(file)
    body = s3.client().get_object(Bucket=bucket, Key=key)["Body"]
    try:
        while chunk := body.read(_CHUNK):
            if any(sign in chunk for sign in signs):
                return True
    finally:
        body.close()
    return False


def _narrow(frame: Any) -> Any:
    """Spark's inferred types: ``int`` where all values fit, ``timestamp`` with the session's time zone."""
    from pyspark.sql.connect import functions as F

    wide = [name for name, kind in frame.dtypes if kind == "bigint"]
    if wide:
        ends = frame.agg(
            *[
                end(f"`{name}`").alias(f"{word}{n}")
                for n, name in enumerate(wide)
                for word, end in (("a", F.min), ("b", F.max))
            ]
        ).collect()[0]
        for n, name in enumerate(wide):
            low, high = ends[f"a{n}"], ends[f"b{n}"]
            if low is not None and low >= _INT[0] and high <= _INT[1]:
                frame = frame.withColumn(name, F.col(f"`{name}`").cast("int"))
    for name, kind in frame.dtypes:
        if kind == "timestamp_ntz":
            frame = frame.withColumn(name, F.col(f"`{name}`").cast("timestamp"))
    return frame
