"""The page in small, for Dagster's own pages: a picture drawn without a browser, and its figures."""

import base64
from collections.abc import Sequence
from typing import Any

from mlops_platform.components.athena_dashboard.data import Frame, figure, written
from mlops_platform.components.athena_dashboard.panel import Panel
from mlops_platform.components.athena_dashboard.specs import VEGA_LITE, Spec, chart, theme

CHARTS = 4  # as many as fit a glance, and the event log
WIDTH, HEIGHT = 380, 150


def markdown(panels: Sequence[tuple[Panel, Frame]]) -> str:
    """The number panels as a table and the first charts as one picture."""
    figures = [(p.title, written(p, figure(p, f))) for p, f in panels if p.chart == "number"]
    parts = []
    if figures:
        rows = [[t for t, _ in figures], ["---:"] * len(figures), [f"**{v}**" for _, v in figures]]
        parts.append(
            "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in r) + " |" for r in rows)
        )
    if picture := png(panels):
        parts.append(f"![preview](data:image/png;base64,{base64.b64encode(picture).decode()})")
    return "\n\n".join(parts)


def png(panels: Sequence[tuple[Panel, Frame]]) -> bytes | None:
    """The first charts in one picture, None if there are none."""
    drawn = [_small(p, f) for p, f in panels if p.chart not in ("number", "table") and f.rows][:CHARTS]
    if not drawn:
        return None
    import vl_convert

    spec: dict[str, Any] = {
        "concat": drawn,
        "columns": 2,
        "resolve": {"scale": {"color": "independent", "xOffset": "independent"}},
        "config": theme(dark=False) | {"background": "white"},
    }
    picture: bytes = vl_convert.vegalite_to_png(spec, vl_version=VEGA_LITE, scale=1.0, allowed_base_urls=[])
    return picture


def _small(panel: Panel, data: Frame) -> Spec:
    spec = chart(panel, data, interactive=False) or {}
    return {
        **spec,
        "title": panel.title,
        "data": {"values": data.records()},
        "width": WIDTH,
        "height": HEIGHT,
    }
