"""A panel as a Vega-Lite specification, without its data: fields are ``c0``, ``c1`` ... by column position.

https://vega.github.io/vega-lite/docs/
"""

import itertools
import json
from typing import Any

from mlops_platform.components.athena_dashboard.data import NONE, Frame, category, milliseconds, series
from mlops_platform.components.athena_dashboard.panel import Panel

VEGA_LITE = "6.4"
DAY = 86_400_000
DOTTED_POINTS = 60  # more points than this on a line are shown only under the pointer
COLOURS = [
    "#4c78d8", "#f2a33a", "#e4615c", "#3fb5a3", "#9a6fd8",
    "#d977a8", "#7a9c3c", "#9c7458", "#6ab0e0", "#8a8f9c",
]  # fmt: skip
Spec = dict[str, Any]


def theme(*, dark: bool) -> Spec:
    """Vega-Lite's configuration for light or dark paper."""
    ink, faint, line = ("#d5dae3", "#98a1b3", "#2c3444") if dark else ("#2a3140", "#667085", "#e6e9ef")
    ramp = ["#1b2436", "#2f5fb3", "#8fc1ff"] if dark else ["#eef3fb", "#7ea6e6", "#1f4fa8"]
    font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"
    return {
        "background": "transparent",
        "font": font,
        "view": {"stroke": None},
        "axis": {
            "labelColor": faint, "titleColor": faint, "gridColor": line, "domainColor": line, "tickColor": line,
            "titleFontWeight": "normal", "labelFontSize": 11, "titleFontSize": 11, "labelLimit": 140,
        },
        "axisX": {"grid": False},
        "axisY": {"domain": False, "ticks": False, "labelPadding": 6},
        "legend": {
            "labelColor": ink, "titleColor": faint, "orient": "top", "labelFontSize": 11, "symbolType": "circle",
            "symbolSize": 80, "titleFontWeight": "normal", "direction": "horizontal", "columns": 4,
        },
        "title": {"color": ink, "anchor": "start", "fontSize": 13, "fontWeight": 600},
        "range": {"category": COLOURS, "heatmap": ramp, "ramp": ramp},
        "text": {"color": ink},
        "bar": {"cornerRadiusEnd": 1.5},
        "rect": {"cornerRadius": 2},
    }  # fmt: skip


def chart(panel: Panel, data: Frame, *, interactive: bool = True) -> Spec | None:
    """The panel's picture, None where it has none (a table, a number without ``x``).

    Args:
        interactive: with the legend's and the pointer's selections, which a still picture cannot have.

    Raises:
        PanelDataError: there are too many series.
    """
    if panel.chart == "table" or (panel.chart == "number" and panel.x is None):
        return None
    drawn = _Drawing(panel, data)
    spec: Spec = {
        "transform": drawn.transforms(interactive),
        "mark": drawn.mark(),
        "encoding": drawn.encoding(),
    }
    if interactive:
        if params := drawn.params():
            spec["params"] = params
        spec["description"] = described(panel)
    return spec


def described(panel: Panel) -> str:
    """What the picture shows, in words, for who cannot see it."""
    measure = " and ".join(_label(m) for m in panel.measures) + (
        f" per {_label(panel.per)}" if panel.per else ""
    )
    kind = panel.chart.replace("_", " ")
    if panel.chart == "table":
        return f"{panel.title}: table"
    if panel.chart == "heat_map" and isinstance(panel.y, str):
        return f"{panel.title}: heat map of {measure} by {_label(panel.x or '')} and {_label(panel.y)}"
    over = f" by {_label(panel.x)}" if panel.x else ""
    each = f", one series for each {_label(panel.color)}" if panel.color else ""
    return f"{panel.title}: {kind if panel.chart == 'number' else kind + ' chart'} of {measure}{over}{each}"


class _Drawing:
    def __init__(self, panel: Panel, data: Frame) -> None:
        self.panel = panel
        self.data = data
        self.several = len(panel.measures) > 1
        self.names = [_label(m) for m in panel.measures] if self.several else series(panel, data)

    @property
    def has_series(self) -> bool:
        return bool(self.names)

    @property
    def x_moment(self) -> bool:
        return self.panel.x is not None and self.data.kind(self.panel.x) in ("date", "time")

    def _field(self, name: str) -> str:
        return f"c{self.data.index(name)}"

    def transforms(self, interactive: bool) -> list[Spec]:
        panel = self.panel
        steps: list[Spec] = []
        fields = [self._field(m) for m in panel.measures]
        if self.several:
            names = json.dumps(dict(zip(fields, self.names, strict=True)))
            steps += [
                {"fold": fields, "as": ["measure", "single"]},
                {"calculate": f"({names})[datum.measure]", "as": "series"},
            ]
        elif self.has_series and panel.color:
            steps.append(_named(self._field(panel.color), "series"))
        if interactive and self.has_series:
            steps.append({"filter": {"param": "shown"}})
        measure = "single" if self.several else fields[0]
        steps.append({"filter": f"isValid(datum.{measure})"})
        if panel.x and not self.x_moment:
            steps.append(_named(self._field(panel.x), "x"))
        if panel.chart == "heat_map" and isinstance(panel.y, str):
            steps.append(_named(self._field(panel.y), "y"))
        return steps + self._joined(measure)

    def _joined(self, measure: str) -> list[Spec]:
        """The value of each point, ``value``."""
        panel = self.panel
        groups = [self._x_field(), *(["series"] if self.has_series else [])]
        groups += ["y"] if panel.chart == "heat_map" else []
        if panel.per:
            sums = [(measure, "part"), (self._field(panel.per), "whole")]
            return [
                {"aggregate": [{"op": "sum", "field": f, "as": a} for f, a in sums], "groupby": groups},
                {"filter": "datum.whole != 0"},
                {"calculate": "datum.part / datum.whole", "as": "value"},
            ]
        op = "sum" if panel.aggregate == "none" else panel.aggregate
        return [{"aggregate": [{"op": op, "field": measure, "as": "value"}], "groupby": groups}]

    def _x_field(self) -> str:
        return self._field(self.panel.x or "") if self.x_moment else "x"

    def mark(self) -> Spec:
        chart, points = self.panel.chart, len(set(self.data.values(self.panel.x or "")))
        if chart == "number":
            return {"type": "area", "line": {"strokeWidth": 1.5}, "opacity": 0.25, "interpolate": "monotone"}
        if chart == "line":
            dots = {"size": 36, "filled": True, "opacity": 1 if points <= DOTTED_POINTS else 0}
            return {"type": "line", "point": dots, "strokeWidth": 2}
        return {"type": "rect" if chart == "heat_map" else "bar"}

    def encoding(self) -> Spec:
        panel = self.panel
        value = {"field": "value", "type": "quantitative", "title": None}
        if panel.chart == "number":
            hidden = {"axis": None}
            floor = {"scale": {"zero": panel.per is None}}
            return {"x": self._x() | hidden, "y": value | hidden | floor, "tooltip": self._tooltip()}
        if panel.chart == "heat_map":
            legend = {"format": panel.format, "gradientLength": 120, "gradientThickness": 8}
            return {
                "x": self._x(),
                "y": {
                    "field": "y", "type": "ordinal", "title": None, "sort": self._order(str(panel.y)),
                },
                "color": value | {"legend": legend},
                "tooltip": self._tooltip(),
            }  # fmt: skip
        measured = value | {"axis": {"format": panel.format, "tickCount": 5}}
        if panel.chart == "line":
            measured["scale"] = {"zero": False, "nice": True}
        elif panel.chart == "stacked_bar" or (panel.chart == "horizontal_bar" and self.has_series):
            measured["stack"] = "zero"
        elif panel.chart == "bar":
            measured["stack"] = None
        if panel.chart == "horizontal_bar":
            places: Spec = {
                "y": {
                    "field": "x",
                    "type": "nominal",
                    "sort": self._largest_first(),
                    "title": None,
                    "axis": {"labelLimit": 220},
                },
                "x": measured,
            }
        else:
            places = {"x": self._x(), "y": measured}
            if panel.chart == "bar" and self.has_series:
                places["xOffset"] = {"field": "series", "sort": self.names}
        return places | self._color() | {"tooltip": self._tooltip()}

    def _color(self) -> Spec:
        if not self.has_series:
            return {"color": {"value": COLOURS[0]}}
        return {
            "color": {
                "field": "series", "type": "nominal", "title": None, "sort": self.names,
                "scale": {"domain": self.names, "range": self._colours()},
            }
        }  # fmt: skip

    def _colours(self) -> list[str]:
        declared = self.panel.colors
        return [declared.get(name, COLOURS[n % len(COLOURS)]) for n, name in enumerate(self.names)]

    def _x(self) -> Spec:
        if not self.x_moment:
            order = self._order(self.panel.x or "")
            flat = {"axis": {"labelAngle": 0, "labelOverlap": True}}
            return {"field": "x", "type": "ordinal", "sort": order, "title": None} | flat
        spec: Spec = {"field": self._x_field(), "title": None, "type": "temporal", "scale": {"type": "utc"}}
        if self.panel.chart in ("line", "number"):
            return spec | {"axis": {"format": self._x_format(), "labelOverlap": True, "tickCount": 7}}
        gap = self._x_gap()
        unit = "utcyearmonthdate" if gap >= DAY else "utcyearmonthdatehoursminutes"
        if (
            gap == DAY
            and self.panel.chart != "heat_map"
            and not (self.panel.chart == "bar" and self.has_series)
        ):
            axis = {"format": self._x_format(), "tickCount": 7, "labelOverlap": True}
            return spec | {"timeUnit": unit, "axis": axis}
        del spec["scale"]
        axis = {"format": self._x_format(), "labelAngle": 0, "labelOverlap": True}
        return spec | {"type": "ordinal", "timeUnit": unit, "axis": axis}

    def _x_gap(self) -> int:
        """The smallest distance of two moments on the axis, in milliseconds."""
        moments = sorted({milliseconds(v) for v in self.data.values(self.panel.x or "") if v is not None})
        return min((b - a for a, b in itertools.pairwise(moments)), default=DAY)

    def _x_format(self) -> str:
        return "%d %b" if self._x_gap() >= DAY else "%d %b %H:%M"

    def _order(self, column: str) -> list[str]:
        """The categories as the query orders them."""
        return list(dict.fromkeys(category(v) for v in self.data.values(column)))

    def _largest_first(self) -> Spec:
        return {"field": "value", "op": "sum", "order": "descending"}

    def _tooltip(self) -> list[Spec]:
        panel = self.panel
        shown: list[Spec] = []
        if panel.x:
            shown.append({"field": self._x_field(), "title": _label(panel.x)} | self._x_in_words())
        if panel.chart == "heat_map":
            shown.append({"field": "y", "type": "nominal", "title": _label(str(panel.y))})
        if self.has_series:
            shown.append({"field": "series", "type": "nominal", "title": _label(panel.color or "series")})
        title = panel.title if self.several or panel.per else _label(panel.measures[0])
        title += f" ({panel.unit})" if panel.unit else ""
        return [*shown, {"field": "value", "type": "quantitative", "format": panel.format, "title": title}]

    def _x_in_words(self) -> Spec:
        if not self.x_moment:
            return {"type": "nominal"}
        form = f"%a {self._x_format()} %Y"
        return {"type": "temporal", "timeUnit": "utcyearmonthdatehoursminutes", "format": form}

    def params(self) -> list[Spec]:
        """The legend hides and shows series; a range drawn over a time axis becomes the page's days."""
        found: list[Spec] = []
        if self.has_series:
            found.append(
                {
                    "name": "shown",
                    "select": {"type": "point", "fields": ["series"], "toggle": "true"},
                    "bind": "legend",
                }
            )
        if self.x_moment and self.panel.chart in ("line", "bar", "stacked_bar"):
            found.append({"name": "brush", "select": {"type": "interval", "encodings": ["x"]}})
        return found


def _label(column: str) -> str:
    return column.replace("_", " ")


def _named(field: str, name: str) -> Spec:
    return {
        "calculate": f"datum.{field} === null ? {json.dumps(NONE)} : toString(datum.{field})",
        "as": name,
    }
