"""Measure what planning for large repositories takes: seconds and memory against vertices.

Each size runs in a process of its own on one core: `python -m bench.archival_scale VERTICES`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench import archival_check, scale_workload
from bench.archival_part import Part, table
from bench.bench_main_job import Bar
from bench.plots import Chart, Curve
from bench.process import use_one_core
from modelhub.archival import solve, spt_costs

__all__ = ["Scaled", "bars", "exponent", "main", "measure", "run"]

_ROOT = Path(__file__).resolve().parent.parent
_ALPHA = 1.6
_GB = 1e9
_KIB = 1024
# The bars are for this size.
_LARGE = 1_000_000
_SECONDS_MAX, _GB_MAX = 120.0, 6.0
# Close to linear, if the large size is among those measured.
_EXPONENT_MAX = 1.2
_SIZES = ("vertices", "groups", "edges", "s", "processor s", "peak GB")
_HEAD = (*_SIZES, "stores / bound", "stores / MST", "SPT / MST")


@dataclass(frozen=True, slots=True)
class Scaled:
    """What a size took: `seconds` by the clock, `processor_seconds` of the one core."""

    vertices: int
    groups: int
    edges: int
    seconds: float
    processor_seconds: float
    peak_bytes: int
    stored: float
    bound: float
    mst: float
    spt: float
    faults: int


def measure(sizes: Sequence[int]) -> Part:
    """Run each size in a process of its own."""
    found = [run(size) for size in sizes]
    part = Part("Large graphs")
    part.lines += [
        "Five candidates and 0.06 groups for each tensor; auto at alpha "
        f"{_ALPHA}, one process and one core for each size. Peak memory is that of the whole "
        "process, the making of the graph included.",
        "",
        *table(
            _HEAD,
            [_row(one) for one in found],
        ),
    ]
    if len(found) > 1:
        part.lines += [
            "",
            f"Seconds grow with the power {exponent(found):.2f} of the vertices. The effort of "
            "auto is bounded: what grows with the graph is what it may leave to be saved, stores "
            "/ bound.",
        ]
    part.bars += bars(found)
    x, y = [one.vertices for one in found], [one.seconds for one in found]
    chart = Chart("archival-scale", "auto on one core", "vertices", "seconds", logarithmic=True)
    chart.curves.append(Curve("auto", x, y))
    chart.curves.append(Curve("linear", x, [y[-1] * one / x[-1] for one in x], True))
    part.charts.append(chart)
    return part


def run(vertices: int) -> Scaled:
    """Measure a size in a process of its own.

    Raises:
        CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", "bench.archival_scale", str(vertices)]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Scaled(**json.loads(done.stdout))


def main() -> None:
    """Measure one size in this process and print what was found as JSON."""
    use_one_core()
    graph = scale_workload.make(int(sys.argv[1]))
    budget = _ALPHA * spt_costs(graph)
    begun = time.process_time()
    found = solve(graph, budget=budget)
    # The two extreme plans that each solution is compared with are in it: seconds, not minutes.
    processor = time.process_time() - begun
    peak = _peak_bytes()
    scaled = Scaled(
        vertices=graph.vertices - 1,
        groups=graph.groups,
        edges=graph.edges,
        seconds=found.seconds,
        processor_seconds=processor,
        peak_bytes=peak,
        stored=found.costs.storage,
        bound=found.lower_bound,
        mst=found.mst_cost,
        spt=found.spt_cost,
        faults=len(archival_check.faults(graph, found.plan, budget, "independent")),
    )
    print(json.dumps(asdict(scaled)))


def _peak_bytes() -> int:
    """Return the most memory that this program has had so far.

    Not from getrusage, which counts what the process had before it became this program.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * _KIB for line in lines if line.startswith("VmHWM:"))


def exponent(found: Sequence[Scaled]) -> float:
    """Return the power of the vertices that seconds grow with, by least squares of logarithms."""
    x = np.log([one.vertices for one in found])
    y = np.log([max(one.seconds, 1e-9) for one in found])
    return float(np.polyfit(x, y, 1)[0])


def bars(found: Sequence[Scaled]) -> list[Bar]:
    """Return the bars: those of a million vertices if so many were measured."""
    made = []
    for one in found:
        if one.vertices == _LARGE:
            made.append(Bar("scale, auto at 1e6 vertices", one.seconds, _SECONDS_MAX, "s", False))
            peak = one.peak_bytes / _GB
            made.append(Bar("scale, peak memory at 1e6 vertices", peak, _GB_MAX, "GB", False))
    if len(found) > 1 and any(one.vertices >= _LARGE for one in found):
        power = exponent(found)
        made.append(Bar("scale, power of growth of seconds", power, _EXPONENT_MAX, "", False))
    faults = sum(one.faults for one in found)
    return [*made, Bar("scale, plans that are none or break budgets", faults, 0, "", False)]


def _row(one: Scaled) -> tuple[str, ...]:
    return (
        f"{one.vertices:,}",
        f"{one.groups:,}",
        f"{one.edges:,}",
        f"{one.seconds:.1f}",
        f"{one.processor_seconds:.1f}",
        f"{one.peak_bytes / _GB:.2f}",
        f"{one.stored / one.bound:.4f}",
        f"{one.stored / one.mst:.3f}",
        f"{one.spt / one.mst:.3f}",
    )


if __name__ == "__main__":
    main()
