"""``spark.read.csv``: what the engine reads as Spark does goes to the engine; the rest is refused by name."""

from collections.abc import Callable
from typing import Any

from local_glue.run import UnsupportedError

_HONOURED = frozenset(
    ["header", "sep", "delimiter", "quote", "escape", "inferschema", "multiline", "path", "comment", "linesep", "compression", "encoding", "charset", "mode", "nullvalue", "emptyvalue"]
)


def read(reader: Any, paths: list[str], options: dict[str, Any], native: Callable[[list[str]], Any]) -> Any:
    """A DataFrame of CSV files."""
    _check(options)
    return native(paths)


def _check(options: dict[str, Any]) -> None:
    for name, value in options.items():
        if value is not None and name not in _HONOURED:
            _refuse(name, value)
    if str(options.get("encoding") or options.get("charset") or "UTF-8").upper().replace("_", "-") not in (
        "UTF-8",
        "UTF8",
    ):
        _refuse("encoding", options.get("encoding") or options.get("charset"))
    for name in ("nullvalue", "emptyvalue"):
        if options.get(name) not in (None, ""):
            _refuse(name, options[name])
    if str(options.get("mode") or "FAILFAST").upper() == "DROPMALFORMED":
        _refuse("mode", options["mode"])


def _refuse(name: str, value: Any) -> None:
    raise UnsupportedError(
        f"The CSV option {name}={value!r} is not supported by the local Spark engine (Sail would ignore it silently). "
        "Read the files with boto3 and Python's csv module inside mapInPandas, or use LOCAL_CLOUD_GLUE_ENGINE=pyspark."
    )
