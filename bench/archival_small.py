"""Measure how far the heuristics are from the best plan, on small graphs that can be solved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench import archival_check, small_workload
from bench.archival_part import Part, table
from bench.bench_main_job import Bar
from modelhub.archival import solve

__all__ = ["Compared", "bars", "compare", "measure"]

# Sums of rounded numbers are compared.
_TOLERANCE = 1e-9
_MEAN_PERCENT_MAX, _WORST_PERCENT_MAX = 2.0, 10.0
# Those that are shown; only auto has bars.
_HEURISTICS = ("auto", "pas-mt", "pas-pt")


@dataclass(frozen=True, slots=True)
class Compared:
    """A graph: what is stored by each solver, the bounds of auto and exact, what is wrong."""

    kind: str
    stored: dict[str, float]
    bound: float
    proved: float
    faults: int

    def over(self, solver: str) -> float:
        """Return what a solver stores over what exact does."""
        return self.stored[solver] / self.stored["exact"]

    @property
    def ordered(self) -> bool:
        """Whether auto's bound <= exact <= auto."""
        exact = self.stored["exact"]
        slack = _TOLERANCE * exact
        return self.bound <= exact + slack and exact <= self.stored["auto"] + slack


def measure(graphs: int) -> Part:
    """Solve so many random graphs with every solver."""
    found = [compare(seed) for seed in range(graphs)]
    kinds = dict.fromkeys(one.kind for one in found)
    part = Part("Small random graphs")
    proved = sum(one.proved >= one.stored["exact"] * (1 - 1e-6) for one in found)
    part.lines += [
        f"{graphs} graphs of 4 to {small_workload.VERTICES_MAX} tensors; exact proved its plan to "
        f"be the best for {proved}. Storage over exact's, and exact's over the bound that auto "
        "proves.",
        "",
        *table(
            ("", "mean", "worst", "equal"),
            [
                *(_row(f"{name} / exact", [x.over(name) for x in found]) for name in _HEURISTICS),
                _row("exact / bound", [one.stored["exact"] / one.bound for one in found]),
            ],
        ),
        "",
        *table(
            ("kind", "graphs", "auto / exact", "worst", "exact / bound", "worst"),
            [_kind_row(kind, [one for one in found if one.kind == kind]) for kind in sorted(kinds)],
        ),
    ]
    part.bars += bars(found)
    return part


def compare(seed: int) -> Compared:
    """Solve the random graph of a seed."""
    case = small_workload.make(seed)
    stored, bounds, wrong = {}, {}, 0
    for solver in (*_HEURISTICS, "exact"):
        found = solve(case.graph, solver=solver, budget=case.budget, scheme=case.scheme)
        wrong += len(archival_check.faults(case.graph, found.plan, case.budget, case.scheme))
        # Not the costs that the solver tells, but those of its edges.
        stored[solver] = float(case.graph.storage[found.plan[1:]].sum())
        bounds[solver] = found.lower_bound
    return Compared(case.kind, stored, bounds["auto"], bounds["exact"], wrong)


def bars(found: Sequence[Compared]) -> list[Bar]:
    """Return the bars."""
    over = [100 * (one.over("auto") - 1) for one in found]
    return [
        Bar(
            "small, graphs where not bound <= exact <= auto",
            sum(not one.ordered for one in found),
            0,
            "",
            False,
        ),
        Bar("small, plans that are none or break budgets", _faults(found), 0, "", False),
        Bar("small, auto above exact, mean", float(np.mean(over)), _MEAN_PERCENT_MAX, "%", False),
        Bar("small, auto above exact, worst", max(over), _WORST_PERCENT_MAX, "%", False),
    ]


def _faults(found: Sequence[Compared]) -> int:
    return sum(one.faults for one in found)


def _row(name: str, ratios: Sequence[float]) -> tuple[str, ...]:
    best = sum(ratio <= 1 + 1e-6 for ratio in ratios)
    return name, f"{np.mean(ratios):.4f}", f"{max(ratios):.4f}", f"{best} of {len(ratios)}"


def _kind_row(kind: str, found: Sequence[Compared]) -> tuple[str, ...]:
    auto = [one.over("auto") for one in found]
    bound = [one.stored["exact"] / one.bound for one in found]
    cells = [f"{number:.4f}" for number in (np.mean(auto), max(auto), np.mean(bound), max(bound))]
    return kind, str(len(found)), *cells
