"""Plans that store least of all, by mixed-integer linear programming (HiGHS, through scipy).

For each edge a binary variable says whether its target is stored by it; for each vertex f (and g,
with segments) is at least what it (and its high segments) costs to recreate by the edge chosen:
`f_v >= f_u + r(e) - M (1 - x_e)`, with M as small as the budgets let it be. Solvers of such
programs take what is nearly whole for whole; so what comes out is evaluated, and a circle or a
group above its budget is forbidden by a further row until there is none.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from modelhub import _core
from modelhub.archival.evaluate import Floats, Plan, allowed, evaluate, plan_by
from modelhub.archival.graph import NO_EDGE, Graph
from modelhub.errors import BadInputError, UsageError
from modelhub.optional import require

__all__ = ["SECONDS_MAX", "VERTICES_MAX", "solve_exact"]

# Beyond this HiGHS seldom ends within the minute.
VERTICES_MAX = 200
SECONDS_MAX = 60.0
# Of what is stored: sums are rounded.
_TOLERANCE = 1e-9


class _Rows:
    """Linear constraints, row by row."""

    def __init__(self) -> None:
        self.columns: list[int] = []
        self.values: list[float] = []
        self.begin = [0]
        self.low: list[float] = []
        self.high: list[float] = []

    def add(
        self, terms: Iterable[tuple[int, float]], low: float = -np.inf, high: float = np.inf
    ) -> None:
        for column, value in terms:
            self.columns.append(column)
            self.values.append(value)
        self.begin.append(len(self.columns))
        self.low.append(low)
        self.high.append(high)


class _Program:
    """The program of a graph. Costs are divided by the largest, so that tolerances mean something.

    Columns: an x for each edge, then f, g and the order of each vertex.
    """

    def __init__(self, graph: Graph, budget: Floats, scheme: str) -> None:
        self.graph, self.budget, self.scheme = graph, budget, scheme
        self.unit = float(graph.storage.max()) or 1.0
        bounded = budget[np.isfinite(budget)]
        self.recreation_unit = float(bounded.max(initial=0.0)) or 1.0
        least = np.empty(graph.vertices)
        _core.archival_least_costs(graph.parts(), least)
        self.least = least / self.recreation_unit
        self.recreation = graph.recreation / self.recreation_unit
        self.high = None if graph.high is None else graph.high / self.recreation_unit
        self.limits = allowed(budget) / self.recreation_unit
        self.most = self._most()
        self.edges_into: list[list[int]] = [[] for _ in range(graph.vertices)]
        for edge, target in enumerate(graph.target.tolist()):
            self.edges_into[target].append(edge)
        self.rows = _Rows()
        self._add_trees()
        self._add_recreation()
        self._add_budgets()

    def f(self, vertex: int) -> int:
        return self.graph.edges + vertex

    def g(self, vertex: int) -> int:
        return self.f(vertex) + self.graph.vertices

    def order(self, vertex: int) -> int:
        return self.g(vertex) + self.graph.vertices

    def from_high(self, edge: int) -> bool:
        return self.graph.from_high is not None and bool(self.graph.from_high[edge])

    def _far(self, costs: Floats) -> float:
        """Return what no path costs more than: the dearest edge into each vertex."""
        dearest = np.zeros(self.graph.vertices)
        np.maximum.at(dearest, self.graph.target, costs)
        return float(dearest.sum())

    def _most(self) -> Floats:
        """Return what recreating each vertex may cost at most within the budgets."""
        most = np.full(self.graph.vertices, self._far(self.recreation))
        for number in np.flatnonzero(np.isfinite(self.budget)):
            members, limit = self.graph.group(int(number)), self.limits[number]
            spare = limit - self.least[members].sum()
            may_cost = self.least[members] + spare if self.scheme == "independent" else limit
            np.minimum.at(most, members, may_cost)
        return most

    def _add_trees(self) -> None:
        graph, count = self.graph, self.graph.vertices
        pairs: dict[tuple[int, int], list[int]] = {}
        for vertex in range(1, count):
            self.rows.add([(edge, 1.0) for edge in self.edges_into[vertex]], 1.0, 1.0)
        for edge, (u, v) in enumerate(
            zip(graph.source.tolist(), graph.target.tolist(), strict=True)
        ):
            if u == 0:
                continue
            pairs.setdefault((min(u, v), max(u, v)), []).append(edge)
            terms = [(self.order(v), 1.0), (self.order(u), -1.0), (edge, -float(count))]
            self.rows.add(terms, 1.0 - count)
        for edges in pairs.values():
            self.rows.add([(edge, 1.0) for edge in edges], high=1.0)

    def _add_recreation(self) -> None:
        sources = self.graph.source.tolist()
        far_high = 0.0 if self.high is None else self._far(self.high)
        for v in range(1, self.graph.vertices):
            at_least, high_at_least = [], []
            for edge in self.edges_into[v]:
                u, cost = sources[edge], float(self.recreation[edge])
                from_high = self.from_high(edge)
                at_least.append((edge, -cost - (0.0 if from_high else float(self.least[u]))))
                column = self.g(u) if from_high else self.f(u)
                most = far_high if from_high else float(self.most[u])
                big = max(0.0, most + cost - float(self.least[v]))
                self.rows.add([(self.f(v), 1.0), (column, -1.0), (edge, -big)], cost - big)
                if self.high is not None:
                    part = float(self.high[edge])
                    high_at_least.append((edge, -part))
                    terms = [(self.g(v), 1.0), (self.g(u), -1.0), (edge, -far_high - part)]
                    self.rows.add(terms, -far_high)
            self.rows.add([(self.f(v), 1.0), *at_least], 0.0)
            if self.high is not None:
                self.rows.add([(self.g(v), 1.0), *high_at_least], 0.0)

    def _add_budgets(self) -> None:
        # For the scheme parallel the bounds of f say it all.
        if self.scheme != "independent":
            return
        for number in np.flatnonzero(np.isfinite(self.budget)):
            members, times = np.unique(self.graph.group(int(number)), return_counts=True)
            terms = [(self.f(int(v)), float(n)) for v, n in zip(members, times, strict=True)]
            self.rows.add(terms, high=float(self.limits[number]))

    def forbid(self, edges: Iterable[int]) -> None:
        """Add the row by which not all of some edges may be taken together."""
        terms = [(edge, 1.0) for edge in set(edges)]
        self.rows.add(terms, high=len(terms) - 1.0)

    def bound_storage(self, storage: float) -> None:
        """Add the row by which no more is stored."""
        terms = [(edge, cost / self.unit) for edge, cost in enumerate(self.graph.storage)]
        self.rows.add(terms, high=storage * (1 + _TOLERANCE) / self.unit)

    def bounds(self) -> tuple[Floats, Floats]:
        """Return the least and the most of each column."""
        graph, count = self.graph, self.graph.vertices
        source_least = np.where(
            [self.from_high(edge) for edge in range(graph.edges)], 0.0, self.least[graph.source]
        )
        # An edge by which its target alone costs too much is never taken.
        too_dear = source_least + self.recreation > self.most[graph.target] + 1e-6
        most_high = np.full(count, 0.0 if self.high is None else self._far(self.high))
        order_most = np.full(count, float(count))
        for each in (most_high, order_most):
            each[0] = 0.0
        most = self.most.copy()
        most[0] = 0.0
        low = np.concatenate([np.zeros(graph.edges), self.least, np.zeros(2 * count)])
        high = np.concatenate([1.0 - too_dear, np.maximum(most, self.least), most_high, order_most])
        return low, high

    def run(self, seconds: float) -> Any:
        """Solve it as it is now."""
        optimize, sparse = require("scipy.optimize", "solve"), require("scipy.sparse", "solve")
        rows, count = self.rows, self.order(self.graph.vertices)
        matrix = sparse.csr_array(
            (rows.values, rows.columns, rows.begin), shape=(len(rows.low), count)
        )
        whole, objective = np.zeros(count), np.zeros(count)
        whole[: self.graph.edges] = 1
        objective[: self.graph.edges] = self.graph.storage / self.unit
        low, high = self.bounds()
        return optimize.milp(
            objective,
            integrality=whole,
            bounds=optimize.Bounds(low, high),
            constraints=optimize.LinearConstraint(matrix, rows.low, rows.high),
            options={"time_limit": max(seconds, 0.1), "mip_rel_gap": 0.0},
        )

    def plan_of(self, x: Floats) -> Plan:
        """Return the edges taken."""
        plan = np.full(self.graph.vertices, NO_EDGE, np.uint32)
        for vertex in range(1, self.graph.vertices):
            plan[vertex] = max(self.edges_into[vertex], key=lambda edge: x[edge])
        return plan

    def broken_by(self, plan: Plan) -> list[list[int]]:
        """Return sets of edges that this plan takes and that none may take together."""
        walks = [_path(self.graph, plan, v) for v in range(self.graph.vertices)]
        circles = [edges for edges, is_circle in walks if is_circle]
        if circles:
            return circles
        costs = evaluate(self.graph, plan, self.scheme)
        broken = np.flatnonzero(costs.groups > allowed(self.budget))
        return [
            [edge for v in self.graph.group(int(group)) for edge in walks[int(v)][0]]
            for group in broken
        ]


def _path(graph: Graph, plan: Plan, vertex: int) -> tuple[list[int], bool]:
    """Return the edges from a vertex up, and whether they are a circle; then only those in it."""
    seen: dict[int, int] = {}
    edges: list[int] = []
    while vertex != 0:
        if vertex in seen:
            return edges[seen[vertex] :], True
        seen[vertex] = len(edges)
        edges.append(int(plan[vertex]))
        vertex = int(graph.source[plan[vertex]])
    return edges, False


def solve_exact(
    graph: Graph, budget: Floats, scheme: str, *, start: Plan, seconds_max: float = SECONDS_MAX
) -> tuple[Plan, float]:
    """Return the plan that stores least within the budgets, and what no such plan stores less than.

    Ends after `seconds_max` with the best that it has, `start` at the worst; the two differ then.

    Raises:
        UsageError: the graph has more than `VERTICES_MAX` vertices.
        BadInputError: no plan keeps all budgets.
        ModelHubError: kind `missing_extra`, scipy is not installed.
    """
    require("scipy.optimize", "solve")
    if graph.vertices > VERTICES_MAX:
        raise UsageError(
            f"a graph of {graph.vertices} vertices for the solver exact",
            expected=f"{VERTICES_MAX} at most",
            hint="use the solver auto, which says how far from the best it may be",
        )
    if not np.isfinite(budget).any() or graph.vertices == 1:
        plan = plan_by(graph, "mst")
        return plan, evaluate(graph, plan, scheme).storage
    program = _Program(graph, budget, scheme)
    has_start = not program.broken_by(start)
    if has_start:
        program.bound_storage(evaluate(graph, start, scheme).storage)
    return _solve_with_cuts(program, start, has_start, seconds_max)


def _solve_with_cuts(
    program: _Program, start: Plan, has_start: bool, seconds_max: float
) -> tuple[Plan, float]:
    bound, end = 0.0, time.monotonic() + seconds_max
    while True:
        result = program.run(end - time.monotonic())
        if result.status == 2 and not has_start:
            raise BadInputError(
                "budgets that no plan keeps all together",
                expected="budgets that one plan can keep",
                hint="raise them",
            )
        if result.mip_dual_bound is not None and np.isfinite(result.mip_dual_bound):
            bound = max(bound, float(result.mip_dual_bound) * program.unit)
        if result.x is None:
            return start, bound
        plan = program.plan_of(result.x)
        broken = program.broken_by(plan)
        if not broken:
            return _better(program, plan, start, has_start), bound
        if time.monotonic() > end:
            return start, bound
        for edges in broken:
            program.forbid(edges)


def _better(program: _Program, plan: Plan, start: Plan, has_start: bool) -> Plan:
    if not has_start:
        return plan

    def storage(of: Plan) -> float:
        return evaluate(program.graph, of, program.scheme).storage

    return min(plan, start, key=storage)
