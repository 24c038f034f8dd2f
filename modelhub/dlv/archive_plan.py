"""Choose the plan that `archive` carries out: what a solver finds, with as little moved as will do.

Many plans are about as good, and writing tensors anew takes time and room. So the plan is, of those
that keep the budgets and store at most `GAIN_MIN` more than what the solver found, the first of:
everything as it is; what has to move for the budgets that are broken now; the solver's own, but for
what would save next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from modelhub.archival import NO_EDGE, Graph, Solution, allowed, evaluate, keeps, solve
from modelhub.errors import BadInputError
from modelhub.pas.measure import Measured
from modelhub.pas.plan_depth import limit_depth
from modelhub.pas.plan_keep import keep_current
from modelhub.pas.repack import top_down

__all__ = ["GAIN_MIN", "WITHOUT_BUDGETS", "Planner"]

# Writing everything again for less than this is not worth it, and plans would never come to rest:
# estimates are off by nearly as much.
GAIN_MIN = 0.01
# These store as little as they can; what they save tells whether moving pays.
_SAVING = frozenset({"auto", "mst", "pas-mt", "pas-pt", "exact"})
# These look at no budget that was given by hand.
WITHOUT_BUDGETS = frozenset({"mst", "last"})


@dataclass(frozen=True, slots=True, eq=False)
class Planner:
    """What a plan is made for.

    Args:
        budgets: Of each group, float64 [G].
        depth_max: The longest chain of deltas.
        estimates: Whether edges whose costs are estimates may be planned with.
    """

    measured: Measured
    solver: str
    scheme: str
    alpha: float
    budgets: np.ndarray
    depth_max: int
    estimates: bool

    def plan(self) -> tuple[Solution, np.ndarray]:
        """Return what the solver found, and the plan to carry out, uint32 [V].

        Raises:
            BadInputError: the budgets cannot be kept.
        """
        graph, current = self.measured.graph, self.measured.current
        edges = np.arange(len(graph.source))
        # Where what stands alone is dearer to read than what does not, they may be needed.
        found = None if self.estimates else self._solved_within(self._known())
        solution, plan = self._solved(edges) if found is None else found
        if self.solver not in _SAVING:
            return solution, plan
        most = evaluate(graph, plan, self.scheme).storage * (1 + GAIN_MIN)
        for other in self._moving_less(plan):
            costs = evaluate(graph, other, self.scheme)
            fits = self.solver in WITHOUT_BUDGETS or keeps(costs.groups, self.budgets)
            if fits and costs.storage <= most and self._depth(other) <= self.depth_max:
                return solution, other
        return solution, self._limited(keep_current(graph, plan, current, GAIN_MIN))

    def _solved(self, edges: np.ndarray) -> tuple[Solution, np.ndarray]:
        graph = self.measured.graph
        solution = solve(
            _part(graph, edges),
            solver=self.solver,
            budget=None if self.solver in WITHOUT_BUDGETS else self.budgets,
            scheme=self.scheme,
            alpha=self.alpha,
        )
        plan = np.full(graph.vertices, NO_EDGE, np.uint32)
        plan[1:] = edges[solution.plan[1:]]
        return solution, self._limited(plan)

    def _solved_within(self, edges: np.ndarray) -> tuple[Solution, np.ndarray] | None:
        """Solve with some of the edges; None if these are not enough for the budgets."""
        try:
            return self._solved(edges)
        except BadInputError:
            return None

    def _known(self) -> np.ndarray:
        """Return the edges whose costs are no estimates, and those of what stands alone."""
        return np.flatnonzero(self.measured.exact | (self.measured.graph.source == 0))

    def _limited(self, plan: np.ndarray) -> np.ndarray:
        return limit_depth(self.measured.graph, plan, self.depth_max)[0]

    def _moving_less(self, plan: np.ndarray) -> Iterator[np.ndarray]:
        """Yield plans that move less than one does, the least first."""
        graph, current = self.measured.graph, self.measured.current
        if (current[1:] == NO_EDGE).any():
            return
        yield current
        if self.solver in WITHOUT_BUDGETS:
            return
        over = evaluate(graph, current, self.scheme).groups > allowed(self.budgets)
        free = np.zeros(graph.vertices, bool)
        for group in np.flatnonzero(over).tolist():
            begin, end = graph.group_begin[group : group + 2].tolist()
            free[graph.members[begin:end]] = True
        if not over.any() or free.sum() >= np.count_nonzero(plan != current):
            return
        as_now = np.arange(len(graph.source)) == current[graph.target]
        edges = np.flatnonzero(free[graph.target] | as_now | (graph.source == 0))
        found = self._solved_within(edges)
        if found is not None:
            yield keep_current(graph, found[1], current, GAIN_MIN)

    def _depth(self, plan: np.ndarray) -> int:
        graph = self.measured.graph
        depth = np.zeros(graph.vertices, np.int64)
        for vertex in top_down(graph.source, plan):
            source = int(graph.source[plan[vertex]])
            depth[vertex] = 0 if source == 0 else depth[source] + 1
        return int(depth.max(initial=0))


def _part(graph: Graph, edges: np.ndarray) -> Graph:
    """Return the graph with some of its edges, numbered anew."""
    if len(edges) == len(graph.source):
        return graph
    return replace(
        graph,
        source=graph.source[edges],
        target=graph.target[edges],
        storage=graph.storage[edges],
        recreation=graph.recreation[edges],
        high=None if graph.high is None else graph.high[edges],
        from_high=None if graph.from_high is None else graph.from_high[edges],
    )
