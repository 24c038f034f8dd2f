"""Make random storage graphs that are small enough to be solved exactly.

They are mixed so that each feature meets each other one: edges in both directions or one, one or
several groups to a vertex, segments, both retrieval schemes, tight and loose budgets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelhub.archival import Builder, Graph, spt_costs

__all__ = ["VERTICES_MAX", "Case", "make"]

VERTICES_MAX = 60
_ALPHAS = (1.0, 1.1, 1.3, 1.6, 2.0, 3.0)
_FROM_HIGH = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A graph, budgets (float64 [G]) that can be kept, and the scheme they are for."""

    kind: str
    graph: Graph
    budget: np.ndarray
    scheme: str


def make(seed: int) -> Case:
    """Return a case: the same for the same seed. The low bits of the seed say what kind it is."""
    random = np.random.default_rng(seed)
    symmetric, segmented = bool(seed & 1), bool(seed & 2)
    scheme = "parallel" if seed & 4 else "independent"
    shared = bool(seed & 8)
    count = int(random.integers(4, VERTICES_MAX + 1))
    graph = _graph(random, count, symmetric=symmetric, segmented=segmented, shared=shared)
    alpha = float(random.choice(_ALPHAS))
    words = [
        "symmetric" if symmetric else "directed",
        "segments" if segmented else "whole",
        "groups overlap" if shared else "groups apart",
        scheme,
    ]
    return Case(", ".join(words), graph, alpha * spt_costs(graph, scheme), scheme)


def _graph(
    random: np.random.Generator, count: int, *, symmetric: bool, segmented: bool, shared: bool
) -> Graph:
    builder = Builder()
    sizes = random.lognormal(4.6, 0.7, count + 1)
    vertices = [builder.add_vertex() for _ in range(count)]

    def add(source: int, target: int, storage: float, recreation: float) -> None:
        high = float(recreation * random.uniform(0.1, 0.6)) if segmented else None
        from_high = segmented and source != 0 and random.random() < _FROM_HIGH
        builder.add_edge(source, target, storage, recreation, high=high, from_high=from_high)

    for vertex in vertices:
        add(0, vertex, float(sizes[vertex]), float(sizes[vertex] * random.uniform(0.8, 1.2)))
    for _ in range(int(count * random.uniform(1.5, 4.0))):
        a, b = (int(v) for v in random.integers(1, count + 1, 2))
        if a == b:
            continue
        share, cost = random.uniform(0.1, 0.9), random.uniform(0.8, 1.2)
        larger = float(max(sizes[a], sizes[b]))
        if symmetric:
            add(a, b, share * larger, share * larger * cost)
            add(b, a, share * larger, share * larger * cost)
        else:
            add(a, b, float(share * sizes[b]), float(share * sizes[b] * cost))
    order = random.permutation(vertices)
    begin = 0
    while begin < count:
        width = int(random.integers(1, 9))
        members = order[begin : begin + width]
        if shared:
            members = random.choice(vertices, min(width, count), replace=False)
        builder.add_group(int(v) for v in members)
        begin += width
    return builder.build()
