"""Plans by the name of what makes them.

`mst` stores least and `spt` recreates for least; budgets mean nothing to them. `last`, `pas-mt`
and `pas-pt` are heuristics of the literature, `exact` is an integer program for small graphs, and
`auto` is what to use.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from modelhub import _core
from modelhub.archival.evaluate import (
    Costs,
    Floats,
    Plan,
    allowed,
    check_scheme,
    evaluate,
    keeps,
    least_costs,
    plan_by,
)
from modelhub.archival.exact import solve_exact
from modelhub.archival.graph import Graph, as_array
from modelhub.errors import BadInputError, UsageError

__all__ = ["SOLVERS", "Solution", "solve"]


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A plan, and how good it is.

    `plan` is the number of the edge that each vertex is stored by (uint32 [V], NO_EDGE for vertex
    0). No plan that keeps the budgets stores less than `lower_bound`; `feasible` says whether this
    one keeps them. `seconds` is what the solver took.
    """

    solver: str
    plan: Plan
    costs: Costs
    mst_cost: float
    spt_cost: float
    lower_bound: float
    feasible: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class _Problem:
    graph: Graph
    budget: Floats
    scheme: str
    alpha: float

    def plan_by(self, solver: str) -> Plan:
        return plan_by(self.graph, solver, budget=self.budget, scheme=self.scheme, alpha=self.alpha)


# Each returns a plan, and what no plan within the budgets stores less than; 0 if it does not know.
_Solver = Callable[[_Problem], tuple[Plan, float]]


def _core_solver(name: str) -> _Solver:
    return lambda problem: (problem.plan_by(name), 0.0)


def _auto(problem: _Problem) -> tuple[Plan, float]:
    plan = np.empty(problem.graph.vertices, np.uint32)
    return plan, _core.archival_auto(problem.graph.parts(), problem.budget, problem.scheme, plan)


def _exact(problem: _Problem) -> tuple[Plan, float]:
    start, bound = _auto(problem)
    plan, proved = solve_exact(problem.graph, problem.budget, problem.scheme, start=start)
    return plan, max(bound, proved)


_SOLVERS: dict[str, _Solver] = {
    "auto": _auto,
    "mst": _core_solver("mst"),
    "spt": _core_solver("spt"),
    "last": _core_solver("last"),
    "pas-mt": _core_solver("pas-mt"),
    "pas-pt": _core_solver("pas-pt"),
    "exact": _exact,
}
SOLVERS = tuple(_SOLVERS)
_IGNORE_BUDGETS = ("mst", "spt", "last")


def _checked_budget(graph: Graph, budget: Floats | None) -> Floats:
    if budget is None:
        return np.full(graph.groups, math.inf)
    checked = as_array(budget, np.float64, "budget")
    if checked.size != graph.groups:
        expected = f"one for each of {graph.groups} groups"
        raise UsageError(f"{checked.size} budgets", expected=expected)
    wrong = np.flatnonzero(~(checked >= 0))
    if wrong.size:
        found = f"a budget of {checked[wrong[0]]} for group {wrong[0]}"
        raise UsageError(found, expected="0 or more, or infinity for none")
    return checked


def _check_attainable(problem: _Problem) -> None:
    least = least_costs(problem.graph, problem.scheme)
    over = np.flatnonzero(least > allowed(problem.budget))
    if over.size == 0:
        return
    worst = over[np.argmax(least[over] - problem.budget[over])]
    others = f" ({over.size} groups have too little)" if over.size > 1 else ""
    raise BadInputError(
        f"a budget of {problem.budget[worst]:.12g} for group {worst}, whose least recreation cost "
        f"is {least[worst]:.12g}: {least[worst] - problem.budget[worst]:.6g} too little{others}",
        expected="budgets of at least what recreating costs when everything is stored to be read",
        hint="raise the budget, or alpha",
    )


def _checked_alpha(solver: str, alpha: float | None) -> float:
    if alpha is None:
        if solver == "last":
            raise UsageError("solver last without alpha", expected="alpha, 1 or more")
        return 1.0
    if not (math.isfinite(alpha) and alpha >= 1):
        raise UsageError(f"alpha={alpha}", expected="1 or more")
    return float(alpha)


def solve(
    graph: Graph,
    *,
    solver: str = "auto",
    budget: Floats | None,
    scheme: str = "independent",
    alpha: float | None = None,
) -> Solution:
    """Return a plan that stores little and keeps the budgets.

    Args:
        graph: The storage graph.
        solver: One of `SOLVERS`.
        budget: What recreating each group may cost (float64 [G], infinity for no budget); None if
            there are none.
        scheme: What recreating a group costs: `independent` or `parallel`.
        alpha: For `last` alone: no vertex costs more than alpha times its least to recreate.

    Every solver but `mst`, `spt` and `last` keeps the budgets if they are not below `spt_costs`.
    With segments budgets may lie between the least that each group could cost and that; the plan
    may then not keep them all, and `feasible` says so.

    Raises:
        BadInputError: a budget that no plan can keep; says of which group, and by how much. For
            `exact`, budgets that cannot be kept together.
        UsageError: no such solver or scheme, budgets of another number, negative or NaN, no alpha
            for `last`; a graph too large for `exact`.
        ModelHubError: kind `missing_extra`, for `exact` without scipy.
    """
    if solver not in _SOLVERS:
        raise UsageError(f"solver {solver!r}", expected=", ".join(SOLVERS))
    check_scheme(scheme, optimised=True)
    problem = _Problem(graph, _checked_budget(graph, budget), scheme, _checked_alpha(solver, alpha))
    if solver not in _IGNORE_BUDGETS:
        _check_attainable(problem)
    begin = time.perf_counter()
    plan, bound = _SOLVERS[solver](problem)
    seconds = time.perf_counter() - begin
    costs = evaluate(graph, plan, scheme)
    mst_cost = evaluate(graph, problem.plan_by("mst"), scheme).storage
    feasible = keeps(costs.groups, problem.budget)
    bound = max(bound, mst_cost)
    return Solution(
        solver=solver,
        plan=plan,
        costs=costs,
        mst_cost=mst_cost,
        spt_cost=evaluate(graph, problem.plan_by("spt"), scheme).storage,
        # Both are rounded sums; a bound above a plan that keeps the budgets would be absurd.
        lower_bound=min(bound, costs.storage) if feasible else bound,
        feasible=feasible,
        seconds=seconds,
    )
