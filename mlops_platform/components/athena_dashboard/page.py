"""The page: one HTML file with its script, style and data inside, which asks no server for anything."""

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mlops_platform.components.athena_dashboard.data import Frame
from mlops_platform.components.athena_dashboard.panel import Panel
from mlops_platform.components.athena_dashboard.specs import VEGA_LITE, chart, described, theme

FOLDER = Path(__file__).parent
# Vega's expressions are interpreted (`ast`), not compiled, so that the page may forbid eval.
LIBRARY = "window.vegaEmbed = vegaEmbed;"


@dataclass(frozen=True)
class Page:
    """What a page shows.

    Attributes:
        panels: each panel with the name of its query.
        frames: what each query returned, by its name.
        made_at: when, for the reader.
    """

    title: str
    description: str | None
    filters: Sequence[str]
    panels: Sequence[tuple[Panel, str]]
    frames: Mapping[str, Frame]
    made_at: str

    def html(self) -> str:
        """The file's text."""
        style, script = (FOLDER / "page.css").read_text("utf-8"), (FOLDER / "page.js").read_text("utf-8")
        scripts = [_script(_library()), _script(script)]
        policy = "; ".join(
            [
                "default-src 'none'",
                "script-src " + " ".join(_digest(s) for s in scripts),
                "style-src " + _digest(style),
                "img-src data: blob:",
                "base-uri 'none'",
                "form-action 'none'",
            ]
        )
        return _PAGE.format(
            policy=html.escape(policy, quote=False),
            title=html.escape(self.title),
            description=html.escape(self.description or ""),
            made_at=html.escape(self.made_at),
            style=style,
            data=embedded(self._data()),
            library=scripts[0],
            script=scripts[1],
        )

    def _data(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "filters": [f.lower() for f in self.filters],
            "queries": {n: {"columns": f.columns, "rows": f.rows} for n, f in self.frames.items()},
            "panels": [self._panel(panel, self.frames[query], query) for panel, query in self.panels],
            "themes": {"light": theme(dark=False), "dark": theme(dark=True)},
        }

    def _panel(self, panel: Panel, data: Frame, query: str) -> dict[str, Any]:
        shown = panel.columns or [c for c, _ in data.columns]
        named = shown if panel.chart == "table" else list(dict.fromkeys(c.lower() for _, c in panel.named))
        return {
            "title": panel.title,
            "note": panel.note,
            "chart": panel.chart,
            "width": panel.page_width,
            "query": query,
            "format": panel.format,
            "unit": panel.unit,
            "described": described(panel),
            "columns": [data.index(c) for c in named],
            "spec": chart(panel, data),
            "measures": [data.index(m) for m in panel.measures],
            "per": data.index(panel.per) if panel.per else None,
            "aggregate": panel.aggregate,
        }


def embedded(data: object) -> str:
    """JSON that cannot end the script element it stands in, whatever text the data holds.

    https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements
    """
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@cache
def _library() -> str:
    import vl_convert

    library: str = vl_convert.javascript_bundle(LIBRARY, VEGA_LITE)
    return library


def _script(text: str) -> str:
    """A script that cannot end its element early: ``</script`` and ``<!--`` occur in strings only."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _digest(text: str) -> str:
    """The text's source expression of a Content-Security-Policy (https://www.w3.org/TR/CSP3/#grammardef-hash-source)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<div><h1>{title}</h1><p>{description}</p></div>
<form id="filters" aria-label="Filters"></form>
</header>
<main id="panels"></main>
<footer>Made {made_at}. Drawn from Athena queries; works offline. Drag over a time axis to choose days;
click entries of a legend to show only these, again for all.</footer>
<noscript>This page draws its charts with the script it carries. Allow scripts to see them.</noscript>
<script type="application/json" id="data">{data}</script>
<script>{library}</script>
<script>{script}</script>
</body>
</html>
"""
