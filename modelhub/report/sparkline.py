"""Draw a metric series in one line."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelhub.report.text import UNICODE

__all__ = ["resample", "sparkline", "svg"]


def resample(values: Sequence[float], width: int) -> list[float]:
    """Return at most `width` values: means of equal runs of the finite ones, NaN where none is."""
    if len(values) <= width:
        return list(values)
    result = []
    for index in range(width):
        run = values[index * len(values) // width : (index + 1) * len(values) // width]
        finite = [value for value in run if math.isfinite(value)]
        result.append(math.fsum(value / len(finite) for value in finite) if finite else math.nan)
    return result


def sparkline(values: Sequence[float], width: int = 24, bars: str = UNICODE.bars) -> str:
    """Return the values as bars of eight heights; what is not finite leaves a gap."""
    points = resample(values, width)
    finite = [value for value in points if math.isfinite(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    return "".join(_bar(value, low, high, bars) for value in points)


def _bar(value: float, low: float, high: float, bars: str) -> str:
    if not math.isfinite(value):
        return " "
    if low == high:
        return bars[len(bars) // 2]
    # Halves first: high - low of two huge values would overflow.
    position = (value / 2 - low / 2) / (high / 2 - low / 2)
    return bars[min(int(position * len(bars)), len(bars) - 1)]


def svg(values: Sequence[float], width: int = 240, height: int = 40) -> str:
    """Return the values as a line in an SVG element; gaps where a value is not finite."""
    points = resample(values, width)
    finite = [value for value in points if math.isfinite(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    runs: list[list[str]] = [[]]
    for index, value in enumerate(points):
        if not math.isfinite(value):
            runs.append([])
            continue
        x = width * index / max(len(points) - 1, 1)
        level = 0.5 if low == high else (value / 2 - low / 2) / (high / 2 - low / 2)
        runs[-1].append(f"{x:.1f},{2 + (height - 4) * (1 - level):.1f}")
    lines = "".join(f'<polyline points="{" ".join(run)}"/>' for run in runs if run)
    return f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}">{lines}</svg>'
