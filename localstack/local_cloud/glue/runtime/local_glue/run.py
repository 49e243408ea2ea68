"""The run this process is: set once by the bootstrap, read by ``awsglue``."""

from pathlib import Path
from typing import Any

_spec: dict[str, Any] = {}


def configure(spec: dict[str, Any]) -> None:
    """Keep the spec the supervisor wrote."""
    _spec.update(spec)


def bookmark() -> dict[str, Any]:
    """``{"option", "state" (JSON text or None), "file"}``."""
    return _spec["bookmark"]


def folder() -> Path:
    """This run's own folder."""
    return Path(_spec["folder"])


def scratch(name: str) -> Path:
    """A folder of this run for intermediate files; it is removed with the run."""
    made = folder() / "scratch" / name
    made.mkdir(parents=True, exist_ok=True)
    return made


def account_id() -> str:
    """The AWS account."""
    return str(_spec["account_id"])


def engine() -> str:
    """``sail`` or ``pyspark``."""
    return str(_spec["engine"])


class UnsupportedError(NotImplementedError, AttributeError):
    """A feature of Glue or Spark that this engine does not have. An AttributeError too, for ``hasattr``."""
