"""Measure the solvers on the SD-like workload: the paper's figure 6(c), with a bound and its gap.

C_s is what all snapshots store, C_r what reading each of them once reads; both are given as
multiples of the least there is, since the paper's networks are not ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench import archival_check, archival_paper, sd_workload
from bench.archival_part import Part, near, table
from bench.bench_main_job import Bar
from bench.plots import Chart, Curve
from modelhub.archival import Graph, Solution, solve, spt_costs

__all__ = ["SOLVERS", "Sweep", "bars", "measure", "sweep"]

SOLVERS = ("last", "pas-mt", "pas-pt", "auto")
_GB = 1e9
_PAPERS_ALPHA = 1.6
# Bars: the paper's figures and what they may be missed by, and the proved gap.
_SPT_OVER_MST, _MST_READS, _PAS_MT = (1.475, 0.01), (2.85, 0.05), (1.083, 0.03)
_GAP_PERCENT_MAX = 2.0


@dataclass(frozen=True, slots=True)
class _Found:
    """What a solver found: bytes stored and read, the bound in bytes, seconds, what is wrong."""

    stored: float
    read: float
    bound: float
    seconds: float
    faults: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """All that was measured: by alpha and solver, and the two extreme plans."""

    alphas: Sequence[float]
    found: dict[tuple[float, str], _Found]
    mst: _Found
    spt: _Found

    def stores(self, alpha: float, solver: str) -> float:
        """Return C_s over the least."""
        return self.found[alpha, solver].stored / self.mst.stored

    def reads(self, alpha: float, solver: str) -> float:
        """Return C_r over the least."""
        return self.found[alpha, solver].read / self.spt.read

    def bound(self, alpha: float) -> float:
        """Return what no plan within the budgets stores less than, over MST's."""
        return self.found[alpha, "auto"].bound / self.mst.stored

    def gap(self, alpha: float) -> float:
        """Return by which share auto's plan may be above the best."""
        return self.found[alpha, "auto"].stored / self.found[alpha, "auto"].bound - 1


def measure(alphas: Sequence[float]) -> Part:
    """Make the workload, solve it for each alpha and compare with the paper."""
    made = sd_workload.make()
    graph = Graph(
        vertices=made.vertices,
        source=made.source,
        target=made.target,
        storage=made.storage,
        recreation=made.recreation,
        group_begin=made.group_begin,
        members=made.members,
    )
    found = sweep(graph, alphas)
    part = Part("An SD-like repository")
    part.lines.append(
        f"{graph.vertices - 1} matrices in {graph.groups} snapshots, {graph.edges} edges. "
        f"MST stores {found.mst.stored / _GB:.1f} GB and reads {found.mst.read / _GB:.1f} GB, SPT "
        f"stores and reads {found.spt.stored / _GB:.1f} GB. C_s over MST's, C_r over SPT's; in "
        "brackets the paper's (figure 6(c))."
    )
    part.lines += ["", *_compared(found), "", "In GB, stored / read:", "", *_in_bytes(found)]
    part.bars += bars(found)
    part.charts += _charts(found)
    return part


def sweep(graph: Graph, alphas: Sequence[float]) -> Sweep:
    """Solve a graph with every solver for each alpha."""
    least = spt_costs(graph)
    everything = np.full(graph.groups, np.inf)
    found = {}
    for alpha in alphas:
        for solver in SOLVERS:
            solution = solve(graph, solver=solver, budget=alpha * least, alpha=alpha)
            found[alpha, solver] = _of(graph, solution, alpha * least)
    extremes = [solve(graph, solver=solver, budget=None) for solver in ("mst", "spt")]
    mst, spt = (_of(graph, solution, everything) for solution in extremes)
    return Sweep(alphas, found, mst, spt)


def _of(graph: Graph, solution: Solution, budget: np.ndarray) -> _Found:
    wrong = archival_check.faults(graph, solution.plan, budget, "independent")
    return _Found(
        solution.costs.storage,
        float(solution.costs.groups.sum()),
        solution.lower_bound,
        solution.seconds,
        len(wrong),
    )


def bars(found: Sweep) -> list[Bar]:
    """Return the bars that the alphas measured allow for."""
    made = near("SD, SPT stores over MST", found.spt.stored / found.mst.stored, *_SPT_OVER_MST)
    made += near("SD, MST reads over SPT", found.mst.read / found.spt.read, *_MST_READS)
    if _PAPERS_ALPHA in found.alphas:
        stores = found.stores(_PAPERS_ALPHA, "pas-mt")
        made += near(f"SD, pas-mt at alpha {_PAPERS_ALPHA} stores over MST", stores, *_PAS_MT)
    worst = max(
        found.stores(alpha, "auto") / found.stores(alpha, solver)
        for alpha in found.alphas
        for solver in SOLVERS
        if solver != "auto"
    )
    made.append(Bar("SD, auto over the best other, worst alpha", worst, 1 + 1e-9, "", False, 4))
    gap = 100 * max(found.gap(alpha) for alpha in found.alphas)
    made.append(Bar("SD, auto's proved gap, worst alpha", gap, _GAP_PERCENT_MAX, "%", False))
    broken = sum(one.faults for one in found.found.values())
    made.append(Bar("SD, plans that are none or break budgets", broken, 0, "", False))
    return made


def _compared(found: Sweep) -> list[str]:
    head = ["alpha"]
    for solver in SOLVERS:
        head += [f"{solver} C_s", "C_r"]
    rows = []
    for alpha in found.alphas:
        row = [f"{alpha:.1f}"]
        for solver in SOLVERS:
            paper = archival_paper.FIGURE_6C.get(alpha, {}).get(solver)
            theirs = ("", "")
            if paper is not None:
                stored, read = paper[0] / archival_paper.MST[0], paper[1] / archival_paper.SPT[1]
                theirs = (f" ({stored:.3f})", f" ({read:.2f})")
            row.append(f"{found.stores(alpha, solver):.3f}{theirs[0]}")
            row.append(f"{found.reads(alpha, solver):.2f}{theirs[1]}")
        one = found.found[alpha, "auto"]
        rows.append([*row, f"{found.bound(alpha):.3f}", f"{found.gap(alpha):.2%}"])
        rows[-1].append(f"{one.seconds:.1f}")
    return table([*head, "bound", "gap of auto", "s of auto"], rows)


def _in_bytes(found: Sweep) -> list[str]:
    def cells(alpha: float) -> Iterator[str]:
        yield f"{alpha:.1f}"
        for solver in SOLVERS:
            one = found.found[alpha, solver]
            yield f"{one.stored / _GB:.1f} / {one.read / _GB:.1f}"
        yield f"{found.found[alpha, 'auto'].bound / _GB:.1f}"

    return table(("alpha", *SOLVERS, "bound"), [list(cells(alpha)) for alpha in found.alphas])


def _charts(found: Sweep) -> list[Chart]:
    alphas = list(found.alphas)
    stored = Chart("archival-storage", "SD-like: stored", "alpha", "C_s over the least")
    read = Chart("archival-recreation", "SD-like: read", "alpha", "C_r over the least")
    for solver in SOLVERS:
        stored.curves.append(Curve(solver, alphas, [found.stores(a, solver) for a in alphas]))
        read.curves.append(Curve(solver, alphas, [found.reads(a, solver) for a in alphas]))
    stored.curves.append(Curve("lower bound", alphas, [found.bound(a) for a in alphas], True))
    theirs = archival_paper.FIGURE_6C
    for solver in ("last", "pas-mt", "pas-pt"):
        points = [(a, theirs[a][solver]) for a in sorted(theirs)]
        x, label = [a for a, _ in points], f"{solver}, paper"
        stored.curves.append(
            Curve(label, x, [p[0] / archival_paper.MST[0] for _, p in points], True)
        )
        read.curves.append(Curve(label, x, [p[1] / archival_paper.SPT[1] for _, p in points], True))
    return [stored, read]
