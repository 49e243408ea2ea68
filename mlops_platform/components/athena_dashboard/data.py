"""What a query returned, as the page and its preview hold it: rows of JSON values, columns by position."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from mlops_platform.components.athena_dashboard.panel import Panel
from mlops_platform.resources.athena import QueryResult

NONE = "(none)"  # how a NULL is named among series and filters
NUMBERS = {"tinyint", "smallint", "integer", "int", "bigint", "float", "real", "double", "decimal"}
MOST_SERIES = 20


class PanelDataError(Exception):
    """What a query returned cannot be drawn as declared; the message names the key and the cure."""


@dataclass(frozen=True)
class Frame:
    """Rows of JSON values.

    Attributes:
        columns: (name, kind) of each; a kind is ``number``, ``date``, ``time``, ``boolean`` or ``text``.
        rows: dates and times in ISO 8601 without a zone; what JSON cannot write (NaN, infinity) is None.
    """

    columns: tuple[tuple[str, str], ...]
    rows: list[list[Any]]

    def index(self, name: str) -> int:
        """The position of a column."""
        return [c.lower() for c, _ in self.columns].index(name.lower())

    def kind(self, name: str) -> str:
        """The kind of a column."""
        return self.columns[self.index(name)][1]

    def values(self, name: str) -> list[Any]:
        """One column."""
        at = self.index(name)
        return [row[at] for row in self.rows]

    def records(self) -> list[dict[str, Any]]:
        """The rows as Vega reads them: ``c0``, ``c1`` ... by position, moments as milliseconds of UTC."""
        moments = {n for n, (_, kind) in enumerate(self.columns) if kind in ("date", "time")}
        return [
            {f"c{n}": milliseconds(v) if n in moments and v is not None else v for n, v in enumerate(row)}
            for row in self.rows
        ]


def frame(result: QueryResult) -> Frame:
    """The rows of a result as JSON values."""
    columns = tuple((name, _kind(type_)) for name, type_ in result.columns)
    return Frame(
        columns,
        [[_json(v, kind) for v, (_, kind) in zip(row, columns, strict=True)] for row in result.rows],
    )


def milliseconds(text: str) -> int:
    """A moment in ISO 8601, read as UTC, in milliseconds since 1970."""
    return round((datetime.fromisoformat(text) - datetime(1970, 1, 1)).total_seconds() * 1000)


def category(value: Any) -> str:
    """A value as the name of a series: what Vega's ``toString`` makes of it."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def series(panel: Panel, data: Frame) -> list[str]:
    """The names of a panel's series: those with a declared colour, then the others, largest first.

    Raises:
        PanelDataError: there are too many to tell apart.
    """
    if panel.color is None or panel.chart == "heat_map":
        return []
    (measure,) = panel.measures
    totals: dict[str, float] = {}
    wholes = data.values(panel.per) if panel.per else [1] * len(data.rows)
    for name, value, whole in zip(data.values(panel.color), data.values(measure), wholes, strict=True):
        if value is not None and whole:  # otherwise there is nothing to draw
            totals[category(name)] = totals.get(category(name), 0.0) + value
    if len(totals) > MOST_SERIES:
        raise PanelDataError(
            f"`color: {panel.color}` has {len(totals)} values; more than {MOST_SERIES} cannot be told apart. "
            "Join the small ones in SQL."
        )
    declared = list(panel.colors)
    order = {name: (0, declared.index(name)) if name in declared else (1, -totals[name]) for name in totals}
    return sorted(totals, key=lambda n: (order[n], n))


def check_drawable(panel: Panel, data: Frame) -> None:
    """Refuse measures that are no numbers, too many series, and points that meet with nothing to join them.

    Raises:
        PanelDataError: with the key and the cure.
    """
    for column in [*panel.measures, *([panel.per] if panel.per else [])]:
        if panel.chart != "table" and data.kind(column) != "number":
            raise PanelDataError(
                f"the measure {column!r} is {data.kind(column)}, not a number. CAST it in SQL."
            )
    if panel.chart != "table" and len(panel.measures) == 1:
        series(panel, data)
    ranked = {"horizontal_bar": panel.x, "heat_map": panel.y}.get(panel.chart)
    if isinstance(ranked, str) and data.kind(ranked) in ("date", "time"):
        raise PanelDataError(
            f"{ranked!r} is a {data.kind(ranked)}, but the vertical axis of a {panel.chart} holds names. "
            "Use a bar chart, or CAST it to varchar in SQL."
        )
    if panel.aggregate == "none":
        keys = [panel.x, panel.y if panel.chart == "heat_map" else panel.color]
        places = [data.index(k) for k in keys if isinstance(k, str)]
        points = [tuple(row[p] for p in places) for row in data.rows]
        if len(set(points)) < len(points):
            raise PanelDataError(
                "`aggregate: none`, but several rows meet in one point. Aggregate in SQL, or write "
                "`aggregate: sum`, `mean`, `min` or `max`."
            )


def figure(panel: Panel, data: Frame) -> float | None:
    """The figure of a number panel over all rows; None if there is none."""
    (measure,) = panel.measures
    values = [v for v in data.values(measure) if v is not None]
    if not values:
        return None
    if panel.per:
        whole = sum(v for v in data.values(panel.per) if v is not None)
        return sum(values) / whole if whole else None
    join = _JOINS[panel.aggregate]
    return float(join(values))


def written(panel: Panel, value: float | None) -> str:
    """A figure in the panel's format, with its unit."""
    return "–" if value is None else format(value, panel.format) + (f" {panel.unit}" if panel.unit else "")  # noqa: RUF001 - the dash of an empty cell


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


_JOINS: Mapping[str, Any] = {"sum": sum, "mean": _mean, "min": min, "max": max, "none": sum}


def _kind(type_: str) -> str:
    name = type_.lower().partition("(")[0].strip()
    if name in NUMBERS:
        return "number"
    return {"date": "date", "timestamp": "time", "boolean": "boolean"}.get(name, "text")


def _json(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if kind in ("number", "boolean") else str(value)
