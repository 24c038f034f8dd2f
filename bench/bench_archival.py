"""Measure the planner of the archive: `python -m bench archival`.

Why: what a plan stores is only worth something beside what others store within the same budgets,
and beside what nobody can store less than. So every solver runs on the same graphs, plans are
checked by the definitions, and the paper's own figures stand beside ours.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bench import archival_paper, archival_scale, archival_sd, archival_small, archival_toy, plots
from bench.archival_part import Part
from bench.data import MissingDataError
from bench.process import machine

__all__ = ["main", "report"]

_PARTS = ("toy", "sd", "small", "scale")
_SIZES = "1e4,1e5,1e6"
_GRAPHS = 300


def main(words: list[str]) -> int:
    """Measure, print, and return 0 if every bar holds, else 1."""
    arguments = _parse(words)
    measures: dict[str, Callable[[], Part]] = {
        "toy": archival_toy.measure,
        "sd": lambda: archival_sd.measure(arguments.alphas),
        "small": lambda: archival_small.measure(arguments.graphs),
        "scale": lambda: archival_scale.measure(arguments.sizes),
    }
    heading = [machine(), *([arguments.note] if arguments.note else [])]
    print("\n".join(heading), flush=True)
    try:
        if arguments.plots:
            plots.check()
        parts = []
        for name in arguments.parts:
            parts.append(measures[name]())
            print("\n".join(["", f"## {parts[-1].title}", "", *parts[-1].lines]), flush=True)
    except MissingDataError as error:
        print(error, file=sys.stderr)
        return 1
    return report("The planner of the archive", heading, parts, arguments.markdown, arguments.plots)


def report(
    title: str, heading: list[str], parts: list[Part], markdown: Path | None, folder: Path | None
) -> int:
    """Print the bars, write and draw what is asked for, and return 0 if every bar holds, else 1."""
    found = [bar for part in parts for bar in part.bars]
    print()
    for bar in found:
        print(bar)
    charts = [chart for part in parts for chart in part.charts] if folder else []
    drawn = [plots.draw(chart, folder) for chart in charts if folder]
    if markdown:
        lines = [f"# {title}", "", *heading]
        for part in parts:
            lines += ["", f"## {part.title}", "", *part.lines]
            for path in drawn:
                if path.stem in [chart.name for chart in part.charts]:
                    lines += ["", f"![{path.stem}]({path.name})"]
        lines += ["", "## Bars", "", *(f"- {bar}" for bar in found)]
        markdown.parent.mkdir(parents=True, exist_ok=True)
        markdown.write_text("\n".join(lines) + "\n")
    return 0 if all(bar.holds for bar in found) else 1


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench archival", description=__doc__)
    parser.add_argument("--parts", default=",".join(_PARTS), help="some of: " + ", ".join(_PARTS))
    alphas = ",".join(f"{alpha:g}" for alpha in archival_paper.ALPHAS)
    parser.add_argument("--alphas", default=alphas, help=f"of the part sd: {alphas}")
    parser.add_argument("--sizes", default=_SIZES, help=f"vertices of the part scale: {_SIZES}")
    parser.add_argument("--graphs", type=int, default=_GRAPHS, help="of the part small")
    parser.add_argument("--markdown", type=Path, help="write what was found here too")
    parser.add_argument("--plots", type=Path, help="draw SVG files into this folder")
    parser.add_argument("--note", default="", help="what else the results should say")
    arguments = parser.parse_args(words)
    arguments.parts = arguments.parts.split(",")
    unknown = [name for name in arguments.parts if name not in _PARTS]
    if unknown:
        parser.error(f"no such parts: {', '.join(unknown)}")
    try:
        arguments.alphas = [float(alpha) for alpha in arguments.alphas.split(",")]
        arguments.sizes = [int(float(size)) for size in arguments.sizes.split(",")]
    except ValueError as error:
        parser.error(str(error))
    if min(arguments.alphas) < 1 or min(arguments.sizes) < 1 or arguments.graphs < 1:
        parser.error("alphas, sizes and graphs are 1 or more")
    return arguments
