"""Small pictures as SVG: a learning curve, a confusion matrix, a sweep. Text in, text out, no library."""

import base64
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 560, 300, 56, 40, 40, 16
_BLUE, _ORANGE, _SILVER, _GREY, _INK = "#2f6fde", "#d9730d", "#98a2b1", "#d9dde3", "#1f2733"


def markdown_image(svg: str, meaning: str) -> str:
    """The picture inside Markdown, as Dagster shows it in metadata."""
    return f"![{meaning}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def learning_curve(curve: Sequence[Mapping[str, float]], *, title: str = "Learning curve") -> str:
    """Loss in training and in validation, and validation accuracy, over the examples seen."""
    lines = {
        "training loss": ([(e["examples"], e["train_loss"]) for e in curve], _SILVER),
        "validation loss": ([(e["examples"], e["validation_loss"]) for e in curve], _ORANGE),
        "validation accuracy": ([(e["examples"], e["validation_accuracy"]) for e in curve], _BLUE),
    }
    points = [point for line, _ in lines.values() for point in line]
    plot = _Plot(points, "examples", title)
    for place, (name, (line, color)) in enumerate(lines.items()):
        plot.line(line, color)
        plot.legend(place, name, color)
    return plot.svg()


def sweep(trials: Sequence[tuple[str, float]], *, title: str = "Sweep", measure: str = "accuracy") -> str:
    """A bar for each trial, best first."""
    rows = sorted(trials, key=lambda trial: -trial[1])
    height, most = _TOP + 26 * len(rows) + 12, max((value for _, value in rows), default=1.0) or 1.0
    parts = [_text(12, 24, title, 15, bold=True)]
    for place, (name, value) in enumerate(rows):
        y, length = _TOP + 26 * place, 230 * value / most
        parts.append(_text(236, y + 14, name[:38], 11, anchor="end"))
        parts.append(
            f'<rect x="244" y="{y + 2}" width="{length:.1f}" height="17" fill="{_BLUE if not place else _GREY}"/>'
        )
        parts.append(_text(250 + length, y + 14, f"{value:.4f}", 11))
    return _document(parts, _WIDTH, height, f"{title}: {measure}")


def confusion_matrix(
    matrix: Sequence[Sequence[int]], labels: Sequence[str], *, title: str = "Confusion matrix"
) -> str:
    """Counts by true label (down) and predicted label (across); the shade is the share of the row."""
    cell, left, top = 84, 110, 78
    size = cell * len(labels)
    parts = [
        _text(12, 24, title, 15, bold=True),
        _text(left + size / 2, 48, "predicted", 12, anchor="middle"),
    ]
    for place, name in enumerate(labels):
        parts.append(_text(left + cell * (place + 0.5), 68, name, 12, anchor="middle"))
        parts.append(_text(left - 8, top + cell * (place + 0.5) + 4, name, 12, anchor="end"))
    for row, counts in enumerate(matrix):
        whole = sum(counts) or 1
        for column, count in enumerate(counts):
            x, y, share = left + cell * column, top + cell * row, count / whole
            color = _BLUE if row == column else _ORANGE
            parts.append(
                f'<rect x="{x}" y="{y}" width="{cell - 2}" height="{cell - 2}" fill="{color}" '
                f'fill-opacity="{0.06 + 0.94 * share:.3f}"/>'
            )
            ink = "#ffffff" if share > 0.55 else _INK
            parts.append(_text(x + cell / 2, y + cell / 2, str(count), 15, anchor="middle", color=ink))
            parts.append(
                _text(x + cell / 2, y + cell / 2 + 18, f"{share:.1%}", 11, anchor="middle", color=ink)
            )
    return _document(parts, left + size + 16, top + size + 16, title)


class _Plot:
    def __init__(self, points: Sequence[tuple[float, float]], across: str, title: str) -> None:
        self._most_x = max((x for x, _ in points), default=1.0) or 1.0
        self._most_y = max((y for _, y in points), default=1.0) or 1.0
        self._title = title
        self._parts = [
            _text(12, 24, title, 15, bold=True),
            _text(_WIDTH / 2, _HEIGHT - 6, across, 12, anchor="middle"),
        ]
        for tenth in range(0, 11, 2):
            x, y = self._at(self._most_x * tenth / 10, self._most_y * tenth / 10)
            self._parts.append(
                f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="{_GREY}" stroke-width="0.5"/>'
            )
            self._parts.append(_text(_LEFT - 6, y + 4, f"{self._most_y * tenth / 10:.2f}", 11, anchor="end"))
            self._parts.append(
                _text(x, _HEIGHT - _BOTTOM + 16, f"{self._most_x * tenth / 10:,.0f}", 11, anchor="middle")
            )

    def _at(self, x: float, y: float) -> tuple[float, float]:
        wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        return _LEFT + wide * x / self._most_x, _HEIGHT - _BOTTOM - high * y / self._most_y

    def line(self, points: Sequence[tuple[float, float]], color: str) -> None:
        places = [self._at(*point) for point in points]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        self._parts.append(f'<polyline points="{joined}" fill="none" stroke="{color}" stroke-width="2"/>')
        self._parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{color}"/>' for x, y in places]

    def legend(self, place: int, name: str, color: str) -> None:
        x = 150 + 138 * place
        self._parts.append(f'<rect x="{x}" y="15" width="10" height="10" fill="{color}"/>')
        self._parts.append(_text(x + 15, 24, name, 11))

    def svg(self) -> str:
        return _document(self._parts, _WIDTH, _HEIGHT, self._title)


def _text(
    x: float, y: float, text: str, size: int, *, anchor: str = "start", color: str = _INK, bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{color}"{weight}>'
        f"{escape(text)}</text>"
    )


def _document(parts: Sequence[str], width: float, height: float, meaning: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" font-family="system-ui, sans-serif"><title>{escape(meaning)}</title>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>{"".join(parts)}</svg>'
    )
