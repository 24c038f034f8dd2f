"""Draw the curves of a metric over each other as an SVG element, with axes and a legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from modelhub.report.human import number
from modelhub.report.page import Curve, Plot
from modelhub.report.text import visible

__all__ = ["draw"]

_WIDTH, _HEIGHT = 420, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 10, 22
_LEGEND = 16
# Points of a curve that are drawn; more lie closer than half a pixel.
_POINTS_MAX = 700
# Beside colour, so that curves are told apart without it.
_DASHES = ("none", "7 3", "2 3", "9 3 2 3", "4 4", "12 4")


def draw(plot: Plot) -> str:
    """Return the figure of a metric; values that are not finite leave gaps."""
    points = [p for curve in plot.curves for p in curve.points if _finite(p)]
    caption = f"<figcaption>{_text(plot.name)}</figcaption>"
    if not points:
        return f"<figure>{caption}no finite values</figure>"
    xs, ys = [x for x, _ in points], [y for _, y in points]
    box = (min(xs), max(xs), min(ys), max(ys))
    legend = len(plot.curves) > 1
    height = _HEIGHT + (_LEGEND * len(plot.curves) if legend else 0)
    parts = [_axes(*box)]
    for index, curve in enumerate(plot.curves):
        style = f'class="c{index % 6}" stroke-dasharray="{_DASHES[index % 6]}"'
        parts += _lines(curve, box, style, index)
        if legend:
            y = _HEIGHT + _LEGEND * index + 8
            last = next((value for _, value in reversed(curve.points)), math.nan)
            parts.append(f'<path class="key c{index % 6}" {style} d="M{_LEFT} {y}h28"/>')
            label = f"{curve.label}: last {number(last)}"
            parts.append(f'<text x="{_LEFT + 36}" y="{y + 4}">{_text(label)}</text>')
    return (
        f'<figure>{caption}<svg class="plot" role="img" aria-label="{_text(plot.name)}" '
        f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}">'
        f"{''.join(parts)}</svg></figure>"
    )


def _text(text: str) -> str:
    return escape(visible(text))


def _finite(point: tuple[float, float]) -> bool:
    return math.isfinite(point[0]) and math.isfinite(point[1])


def _axes(x0: float, x1: float, y0: float, y1: float) -> str:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    high = "" if y0 == y1 else _label(_LEFT - 6, _TOP + 8, "end", y1)
    last = "" if x0 == x1 else _label(right, _HEIGHT - 7, "end", x1)
    return (
        f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>{high}'
        f"{_label(_LEFT - 6, bottom if y0 != y1 else (bottom + _TOP) / 2, 'end', y0)}"
        f"{_label(_LEFT, _HEIGHT - 7, 'start', x0)}{last}"
    )


def _label(x: float, y: float, anchor: str, value: float) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{number(value)}</text>'


def _lines(
    curve: Curve, box: tuple[float, float, float, float], style: str, index: int
) -> list[str]:
    x0, x1, y0, y1 = box
    runs: list[list[str]] = [[]]
    step = max(1, math.ceil(len(curve.points) / _POINTS_MAX))
    kept: Sequence[tuple[float, float]] = [*curve.points[:-1:step], *curve.points[-1:]]
    for point in kept:
        if not _finite(point):
            runs.append([])
            continue
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * _share(point[0], x0, x1)
        y = _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * _share(point[1], y0, y1)
        runs[-1].append(f"{x:.1f},{y:.1f}")
    parts = []
    for run in filter(None, runs):
        if len(run) == 1:
            x_text, y_text = run[0].split(",")
            parts.append(f'<circle class="c{index % 6}" cx="{x_text}" cy="{y_text}" r="3"/>')
        else:
            parts.append(f'<polyline {style} points="{" ".join(run)}"/>')
    return parts


def _share(value: float, low: float, high: float) -> float:
    # Halves first: high - low of two huge values would overflow.
    return 0.5 if low == high else (value / 2 - low / 2) / (high / 2 - low / 2)
