"""Draw curves into SVG files with matplotlib, where it is installed (bench/requirements.txt)."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.data import MissingDataError

__all__ = ["Chart", "Curve", "check", "draw"]

_INCHES = (7.0, 4.4)
# Equal numbers are to give equal files.
_SALT = "modelhub"


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in order; `dashed` for what others report, or bounds.

    Curves whose labels are equal up to a comma get one colour.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False


@dataclass(slots=True)
class Chart:
    """Curves in one pair of axes; with `names`, blocks for each curve's y at each name instead."""

    name: str
    title: str
    x_label: str
    y_label: str
    curves: list[Curve] = field(default_factory=list)
    logarithmic: bool = False
    names: Sequence[str] = ()


def check() -> None:
    """Raise MissingDataError if there is nothing to draw with."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingDataError(
            "matplotlib is not installed; --plots needs it: "
            "pip install -c constraints.txt -r bench/requirements.txt"
        )


def draw(chart: Chart, folder: Path) -> Path:
    """Write a chart as `NAME.svg` into a folder, which is made if need be; return its path.

    Raises:
        MissingDataError: matplotlib is not installed.
    """
    check()
    folder.mkdir(parents=True, exist_ok=True)
    importlib.import_module("matplotlib").rcParams.update(
        {"svg.hashsalt": _SALT, "svg.fonttype": "none", "font.family": "sans-serif"}
    )
    # Without pyplot nothing asks for a screen.
    figure = importlib.import_module("matplotlib.figure").Figure(
        figsize=_INCHES, layout="constrained"
    )
    axes = figure.subplots()
    if chart.names:
        _draw_bars(axes, chart)
    else:
        for curve, colour in zip(chart.curves, _colours(chart), strict=True):
            style = "--" if curve.dashed else "-"
            axes.plot(curve.x, curve.y, style, color=colour, label=curve.label, marker=".")
    if chart.logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set(title=chart.title, xlabel=chart.x_label, ylabel=chart.y_label)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small")
    path = folder / f"{chart.name}.svg"
    figure.savefig(path, metadata={"Date": None})
    # Paths end in spaces there, which no reviewer wants to see.
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")
    return path


def _colours(chart: Chart) -> list[str]:
    """Return a colour for each curve, the same for those whose labels are equal up to a comma."""
    names = [curve.label.partition(",")[0] for curve in chart.curves]
    order = list(dict.fromkeys(names))
    return [f"C{order.index(name)}" for name in names]


def _draw_bars(axes: Any, chart: Chart) -> None:
    width = 0.8 / max(1, len(chart.curves))
    for number, (curve, colour) in enumerate(zip(chart.curves, _colours(chart), strict=True)):
        left = [i + (number - (len(chart.curves) - 1) / 2) * width for i in range(len(curve.y))]
        hatch = "//" if curve.dashed else None
        axes.bar(left, curve.y, width, color=colour, label=curve.label, hatch=hatch)
    axes.set_xticks(range(len(chart.names)), chart.names)
