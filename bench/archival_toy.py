"""Measure the solvers on the paper's example, whose best plans are known."""

from __future__ import annotations

import numpy as np

from bench import archival_check, archival_paper
from bench.archival_part import Part, near, table
from bench.bench_main_job import Bar
from modelhub.archival import solve

__all__ = ["measure"]

_MST = 19.0
_WITHIN = 24.0
_HELD = ("pas-mt", "exact", "auto")


def measure() -> Part:
    """Solve the example without budgets and with the paper's."""
    graph, budget = archival_paper.toy(), np.array(archival_paper.TOY_BUDGETS)
    part = Part("The paper's example")
    least = solve(graph, solver="mst", budget=None)
    rows = [_row("mst", "none", least.costs.storage, least.costs.groups)]
    part.bars += near("toy, mst stores", least.costs.storage, _MST, 0.0)
    broken = 0
    for solver in ("pas-pt", *_HELD):
        found = solve(graph, solver=solver, budget=budget)
        rows.append(_row(solver, "3, 6", found.costs.storage, found.costs.groups))
        broken += bool(archival_check.faults(graph, found.plan, budget, "independent"))
        if solver in _HELD:
            part.bars += near(f"toy, {solver} stores", found.costs.storage, _WITHIN, 1e-9)
    part.bars.append(Bar("toy, plans that are none or break budgets", broken, 0, "", False))
    part.lines += table(("solver", "budgets", "stores", "groups cost"), rows)
    return part


def _row(solver: str, budgets: str, storage: float, groups: np.ndarray) -> tuple[str, ...]:
    return solver, budgets, f"{storage:g}", ", ".join(f"{cost:g}" for cost in groups)
