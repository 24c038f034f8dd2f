"""Check plans by the definitions alone, without any code of the solvers."""

from __future__ import annotations

import numpy as np

from modelhub.archival import NO_EDGE, Graph

__all__ = ["faults"]

_TOLERANCE = 1e-9


def faults(graph: Graph, plan: np.ndarray, budget: np.ndarray, scheme: str) -> list[str]:
    """Return what is wrong with a plan: nothing if it spans, has no circle and keeps the budgets.

    Args:
        plan: The number of the edge of each vertex, uint32 [V].
        budget: What each group may cost, float64 [G].
        scheme: `independent` or `parallel`.
    """
    if plan.shape != (graph.vertices,) or int(plan[0]) != NO_EDGE:
        return ["not one edge for each vertex but 0"]
    edges = plan[1:].astype(np.int64)
    if np.any(edges >= graph.edges):
        return ["edges that there are not"]
    if not np.array_equal(graph.target[edges], np.arange(1, graph.vertices)):
        return ["an edge into another vertex than its own"]
    order = _from_the_root(graph, plan)
    if order is None:
        return ["a circle"]
    whole, high = [0.0] * graph.vertices, [0.0] * graph.vertices
    for vertex in order:
        edge = int(plan[vertex])
        source = int(graph.source[edge])
        through_high = graph.from_high is not None and bool(graph.from_high[edge])
        whole[vertex] = (high if through_high else whole)[source] + float(graph.recreation[edge])
        if graph.high is not None:
            high[vertex] = high[source] + float(graph.high[edge])
    found = []
    for group in range(graph.groups):
        costs = [whole[int(v)] for v in graph.group(group)]
        cost = max(costs, default=0.0) if scheme == "parallel" else sum(costs)
        if cost > budget[group] * (1 + _TOLERANCE) + _TOLERANCE:
            found.append(f"group {group} costs {cost:.9g}, budget {budget[group]:.9g}")
    return found


def _from_the_root(graph: Graph, plan: np.ndarray) -> list[int] | None:
    """Return the vertices but 0, sources before targets; None if some do not hang on vertex 0."""
    children: list[list[int]] = [[] for _ in range(graph.vertices)]
    for vertex, source in enumerate(graph.source[plan[1:]].tolist(), start=1):
        children[source].append(vertex)
    order, at = list(children[0]), 0
    while at < len(order):
        order += children[order[at]]
        at += 1
    return order if len(order) == graph.vertices - 1 else None
