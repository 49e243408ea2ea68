"""One panel of a dashboard as a user declares it, and what makes a declaration impossible."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Literal

import dagster as dg
from pydantic import Field

Chart = Literal["number", "line", "bar", "stacked_bar", "horizontal_bar", "heat_map", "table"]
Aggregate = Literal["sum", "mean", "min", "max", "none"]
Width = Literal["sixth", "quarter", "third", "half", "full"]

# What Python's format(), d3-format, which labels the charts, and page.js write alike.
FORMAT = re.compile(r"^,?\.\d[f%]$")
COLOUR = re.compile(r"^#[0-9a-fA-F]{6}$")
DEFAULT_WIDTH: dict[str, Width] = {"number": "sixth", "table": "full"}


class Panel(dg.Model, dg.Resolvable):
    """A picture of what one Athena query returns. Columns are named as the query returns them."""

    title: str
    chart: Chart = Field(
        description="number: one figure, over a sparkline if `x` is given. line, bar, stacked_bar: `y` over `x`. "
        "horizontal_bar: `y` of each `x`, largest first. heat_map: `color` where `x` and `y` meet. "
        "table: the rows themselves."
    )
    query: str | None = Field(
        default=None,
        description="A .sql file beside the defs.yaml, without its suffix; panels that share one share its run.",
    )
    sql: str | None = Field(default=None, description="The SELECT itself, instead of `query`.")
    x: str | None = None
    y: str | list[str] | None = Field(
        default=None, description="The measure; a list draws one line each. In a heat map, the vertical axis."
    )
    color: str | None = Field(
        default=None, description="The series; the legend shows and hides them. In a heat map, the measure."
    )
    colors: dict[str, str] = Field(
        default={}, description="The colour (#rrggbb) of some series by their value; they come in this order."
    )
    per: str | None = Field(
        default=None,
        description="Divides: the panel shows sum(measure) / sum(per), so a share or a mean stays right under "
        "any filter.",
    )
    aggregate: Aggregate = Field(
        default="sum",
        description="How rows that meet in one point are joined. none: they must not meet (percentiles).",
    )
    columns: list[str] = Field(
        default=[], description="Columns that a table shows, in order; all if left out."
    )
    format: str = Field(default=",.0f", description="Of the measure: ,.0f  .1%  ,.2f and the like.")
    unit: str = Field(default="", description="Written after the measure.")
    note: str = Field(default="", description="A line under the title.")
    width: Width | None = Field(default=None, description="Share of the page's width; half by default.")
    may_be_empty: bool = Field(default=False, description="No rows are good news here, no failed check.")

    @property
    def measures(self) -> list[str]:
        """The measured columns, in lower case as Athena returns them."""
        declared = self.color if self.chart == "heat_map" else self.y
        return [c.lower() for c in ([declared] if isinstance(declared, str) else declared or [])]

    @property
    def named(self) -> Iterator[tuple[str, str]]:
        """(key, column) of every column the declaration names."""
        for key in ("x", "color", "per"):
            if column := getattr(self, key):
                yield key, column
        for column in [self.y] if isinstance(self.y, str) else self.y or []:
            yield "y", column
        for column in self.columns:
            yield "columns", column

    @property
    def page_width(self) -> Width:
        """The declared width, or the chart's usual one."""
        return self.width or DEFAULT_WIDTH.get(self.chart, "half")


NEEDED: dict[str, tuple[str, ...]] = {
    "number": ("y",),
    "line": ("x", "y"),
    "bar": ("x", "y"),
    "stacked_bar": ("x", "y", "color"),
    "horizontal_bar": ("x", "y"),
    "heat_map": ("x", "y", "color"),
    "table": (),
}


def problem(panel: Panel) -> str | None:
    """Why the keys of a panel contradict each other, naming the key; None if they do not."""
    return next(chain(_problems_of_keys(panel), _problems_of_color(panel)), None)


def _problems_of_keys(panel: Panel) -> Iterator[str]:
    chart = panel.chart
    if (panel.query is None) == (panel.sql is None):
        yield "give either `query` (a .sql file beside it, without the suffix) or `sql` (the SELECT itself)."
    for key in NEEDED[chart]:
        if not getattr(panel, key):
            yield f"`{key}` is missing: a {chart} needs {_listed(NEEDED[chart])}."
    if not FORMAT.match(panel.format):
        yield f"`format: {panel.format}` is unknown. Write ,.0f (1,234), .2f (1.23), .1% (12.3%) or the like."
    if isinstance(panel.y, list) and (chart != "line" or panel.color):
        yield "`y` may be a list only in a line chart without `color`."
    if panel.per and (len(panel.measures) != 1 or panel.aggregate != "sum"):
        yield "`per` divides one measure's sum: it goes with a single measure and without `aggregate`."
    if panel.columns and chart != "table":
        yield f"`columns` belongs to a table; a {chart} names its columns by x, y and color."
    for key, _ in panel.named:
        if chart == "table" and key != "columns":
            yield f"`{key}` has no place in a table; name its `columns`."


def _problems_of_color(panel: Panel) -> Iterator[str]:
    if panel.color and panel.chart == "number":
        yield "`color` has no place in a number."
    if panel.colors and (panel.color is None or panel.chart == "heat_map"):
        yield "`colors` are those of series: it needs `color`, and has no place in a heat map."
    for colour in panel.colors.values():
        if not COLOUR.match(colour):
            yield f"`colors`: {colour!r} is no colour. Write #rrggbb."


def unknown_column(panel: Panel, returned: Sequence[str]) -> str | None:
    """Which key names a column that the query does not return; None if all are there."""
    known = {c.lower() for c in returned}
    for key, column in panel.named:
        if column.lower() not in known:
            return f"`{key}: {column}` is not a column of its query, which returns {', '.join(returned)}."
    return None


def _listed(keys: Sequence[str]) -> str:
    return ", ".join(f"`{k}`" for k in keys)
