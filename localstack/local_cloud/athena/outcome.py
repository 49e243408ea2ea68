"""What a statement leaves: rows of text, a result file, counts."""

from dataclasses import dataclass, field
from typing import Any

from local_cloud.athena.results import column_info
from local_cloud.athena.trino.types import VARCHAR

Shape = dict[str, Any]


@dataclass
class Outcome:
    """``lines``: a text result, one row a line; None where a CSV file was written. ``columns``: its ColumnInfo."""

    columns: list[Shape] = field(default_factory=list)
    lines: list[str] | None = None
    bytes: int = 0
    rows: int | None = None
    manifest: str | None = None
    statistics: Shape = field(default_factory=dict)


def text(lines: list[str], *names: str) -> Outcome:
    """A text result with string columns."""
    return Outcome([column_info(n, VARCHAR) | {"Type": "string", "Precision": 0} for n in names], lines)
