"""Take back those moves of a plan that save next to nothing: many plans are about as good."""

from __future__ import annotations

import numpy as np

from modelhub.archival import NO_EDGE, Graph
from modelhub.pas.plan_depth import ChainCosts
from modelhub.pas.repack import top_down

__all__ = ["keep_current"]


def keep_current(
    graph: Graph, plan: np.ndarray, current: np.ndarray, gain_min: float
) -> np.ndarray:
    """Return a plan in which what saves too little stays as it is, where that breaks nothing.

    A vertex keeps its edge only if it is then no dearer to recreate than by the plan, whole and by
    its high segments; so no group gets dearer, whatever else is kept.

    Args:
        plan: Edge of each vertex, uint32 [V].
        current: The edges by which vertices are stored, NO_EDGE where it is none of the graph.
        gain_min: What a move must save, as a share of what its vertex takes.
    """
    costs = ChainCosts(graph)
    for vertex in top_down(graph.source, plan):
        costs.settle(vertex, int(plan[vertex]))
    result = plan.copy()
    moved = np.flatnonzero((plan != current) & (current != NO_EDGE))
    for vertex in moved.tolist():
        edge = int(current[vertex])
        least = float(graph.storage[plan[vertex]])
        whole, high = costs.through(edge)
        dearer = whole > costs.whole[vertex] or high > costs.high[vertex]
        if dearer or float(graph.storage[edge]) > least * (1 + gain_min):
            continue
        if not _stands_on(graph, result, int(graph.source[edge]), vertex):
            result[vertex] = edge
    return result


def _stands_on(graph: Graph, plan: np.ndarray, vertex: int, base: int) -> bool:
    """Say whether a vertex is recreated through another one, or is it."""
    while vertex not in (0, base):
        vertex = int(graph.source[plan[vertex]])
    return vertex == base
