"""Keep the chains of a plan short: what is too deep is stored on another base, or alone."""

from __future__ import annotations

import numpy as np

from modelhub.archival import Graph
from modelhub.pas.repack import top_down

__all__ = ["ChainCosts", "limit_depth"]


class ChainCosts:
    """Recreation costs of vertices as they are settled, whole and by high segments."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.whole = np.zeros(graph.vertices)
        self.high = np.zeros(graph.vertices)

    def through(self, edge: int) -> tuple[float, float]:
        """Return what the target would cost through an edge, whole and by its high segments."""
        graph = self._graph
        source = int(graph.source[edge])
        needs_high = graph.from_high is not None and bool(graph.from_high[edge])
        below = self.high[source] if needs_high else self.whole[source]
        whole = float(below + graph.recreation[edge])
        if graph.high is None:
            return whole, whole
        return whole, float(self.high[source] + graph.high[edge])

    def settle(self, vertex: int, edge: int) -> None:
        """Take an edge for good."""
        self.whole[vertex], self.high[vertex] = self.through(edge)


def limit_depth(graph: Graph, plan: np.ndarray, depth_max: int) -> tuple[np.ndarray, int]:
    """Return a plan in which no chain has more deltas, and how many vertices it stores otherwise.

    A vertex that is too deep takes the edge of least storage cost among those that make no vertex
    dearer to recreate, else it is stored alone; so budgets that were kept stay kept, unless
    standing alone is dearer than a chain.

    Args:
        plan: Edge of each vertex, uint32 [V].
    """
    depth = np.zeros(graph.vertices, np.int64)
    settled = np.zeros(graph.vertices, bool)
    settled[0] = True
    costs, before = ChainCosts(graph), ChainCosts(graph)
    result = plan.copy()
    changed = 0
    into: dict[int, list[int]] | None = None
    for vertex in top_down(graph.source, plan):
        edge = int(plan[vertex])
        before.settle(vertex, edge)
        source = int(graph.source[edge])
        if source != 0 and depth[source] >= depth_max:
            if into is None:
                into = _edges_into(graph)
            fitting = [
                other
                for other in into[vertex]
                # What is settled does not stand on this vertex: no circle can arise.
                if settled[graph.source[other]]
                and (graph.source[other] == 0 or depth[graph.source[other]] < depth_max)
            ]
            edge = _best(graph, costs, fitting, before.whole[vertex], before.high[vertex])
            result[vertex] = edge
            changed += 1
            source = int(graph.source[edge])
        depth[vertex] = 0 if source == 0 else depth[source] + 1
        costs.settle(vertex, edge)
        settled[vertex] = True
    return result, changed


def _edges_into(graph: Graph) -> dict[int, list[int]]:
    into: dict[int, list[int]] = {}
    for edge, target in enumerate(graph.target.tolist()):
        into.setdefault(target, []).append(edge)
    return into


def _best(graph: Graph, costs: ChainCosts, edges: list[int], whole: float, high: float) -> int:
    def rank(edge: int) -> tuple[bool, float]:
        found_whole, found_high = costs.through(edge)
        dearer = found_whole > whole or found_high > high
        # Of what makes reading dearer the least so; of the rest the smallest.
        return dearer, found_whole if dearer else float(graph.storage[edge])

    return min(edges, key=rank)
