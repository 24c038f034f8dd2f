"""Small storage graphs, and every plan of one, evaluated by the definitions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

from modelhub.archival import NO_EDGE, Builder, Graph


def paper() -> Graph:
    """Return figure 5 of the paper, each edge in both directions."""
    builder = Builder()
    for _ in range(5):
        builder.add_vertex()
    undirected = [(0, 1, 2, 1), (0, 2, 8, 2), (0, 3, 2, 1), (0, 4, 8, 2), (0, 5, 8, 2)]
    undirected += [(1, 3, 1, 0.5), (2, 4, 4, 1), (2, 5, 4, 1), (4, 5, 4, 1)]
    for a, b, storage, recreation in undirected:
        builder.add_edge(a, b, storage, recreation)
        if a:
            builder.add_edge(b, a, storage, recreation)
    builder.add_group([1, 2])
    builder.add_group([3, 4, 5])
    return builder.build()


def plans(graph: Graph) -> Iterator[np.ndarray[Any, Any]]:
    """Yield every plan."""
    into: list[list[int]] = [[] for _ in range(graph.vertices)]
    for edge, target in enumerate(graph.target.tolist()):
        into[target].append(edge)
    for edges in itertools.product(*into[1:]):
        plan = np.array([NO_EDGE, *edges], np.uint32)
        if all(path(graph, plan, v) is not None for v in range(graph.vertices)):
            yield plan


def path(graph: Graph, plan: Any, vertex: int) -> list[int] | None:
    """Return the edges from a vertex up to vertex 0; None if they never get there."""
    edges: list[int] = []
    while vertex != 0:
        if len(edges) > graph.vertices:
            return None
        edges.append(int(plan[vertex]))
        vertex = int(graph.source[plan[vertex]])
    return edges


def recreation(graph: Graph, plan: Any, vertex: int, part: str = "whole") -> float:
    """Return what recreating a vertex, or its high part, costs: by the definition."""
    if vertex == 0:
        return 0.0
    edge = int(plan[vertex])
    if part == "high":
        assert graph.high is not None
        cost = float(graph.high[edge])
    else:
        cost = float(graph.recreation[edge])
        if graph.from_high is not None and graph.from_high[edge]:
            part = "high"
    return recreation(graph, plan, int(graph.source[edge]), part) + cost


def group_costs(graph: Graph, plan: Any, scheme: str) -> list[float]:
    """Return what the groups cost, by the definition (independent and parallel)."""
    add = sum if scheme == "independent" else lambda costs: max(costs, default=0.0)
    return [
        float(add([recreation(graph, plan, int(v)) for v in graph.group(g)]))
        for g in range(graph.groups)
    ]


def storage(graph: Graph, plan: Any) -> float:
    """Return what a plan stores."""
    return float(graph.storage[plan[1:]].sum())


@st.composite
def graphs(draw: st.DrawFn, most: int = 5, segmented: bool = False) -> Graph:
    """Return a graph of a few vertices with many equal and zero costs, and multi-edges."""
    builder = Builder()
    vertices = [builder.add_vertex() for _ in range(draw(st.integers(1, most)))]
    cost = st.integers(0, 5).map(float)

    def add(source: int, target: int) -> None:
        recreation = draw(cost)
        if segmented:
            high = min(recreation, draw(cost))
            from_high = source != 0 and draw(st.booleans())
            builder.add_edge(source, target, draw(cost), recreation, high=high, from_high=from_high)
        else:
            builder.add_edge(source, target, draw(cost), recreation)

    for vertex in vertices:
        add(0, vertex)
    ends = st.tuples(st.integers(0, len(vertices)), st.sampled_from(vertices))
    for source, target in draw(st.lists(ends, max_size=7)):
        if source != target:
            add(source, target)
    for members in draw(st.lists(st.lists(st.sampled_from(vertices), max_size=4), max_size=3)):
        builder.add_group(members)
    return builder.build()


def random_graph(
    seed: int, vertices: int, edges: int, groups: int, *, segmented: bool = False
) -> Graph:
    """Return a random graph with whole numbers as costs."""
    random = np.random.default_rng(seed)
    builder = Builder()
    for _ in range(vertices):
        builder.add_vertex()

    def add(source: int, target: int, most: int) -> None:
        storage, recreation = random.integers(1, most, 2).astype(float)
        high = float(random.integers(0, recreation + 1)) if segmented else None
        from_high = segmented and source != 0 and random.random() < 0.3
        builder.add_edge(source, target, storage, recreation, high=high, from_high=from_high)

    for vertex in range(1, vertices + 1):
        add(0, vertex, 1000)
    for _ in range(edges):
        source, target = random.integers(1, vertices + 1, 2)
        if source != target:
            add(int(source), int(target), 400)
    for _ in range(groups):
        builder.add_group(random.choice(np.arange(1, vertices + 1), min(4, vertices), False))
    return builder.build()
