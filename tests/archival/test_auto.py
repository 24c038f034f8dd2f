from __future__ import annotations

import numpy as np
import pytest

from modelhub.archival import Builder, Graph, solve, spt_costs


def random_graph(seed: int) -> Graph:
    """Return up to 60 tensors of lognormal sizes, some of them in two groups."""
    random = np.random.default_rng(seed)
    builder = Builder()
    count = int(random.integers(8, 61))
    alone = np.exp(random.normal(0, 1, count)) * 10
    vertices = [builder.add_vertex() for _ in range(count)]
    for v, size in zip(vertices, alone, strict=True):
        builder.add_edge(0, v, size, size * (random.uniform(0.5, 2) if seed % 3 == 0 else 1))
        for u in random.choice(vertices, 5, replace=False).tolist():
            if u != v:
                storage = size * random.uniform(0.05, 1)
                recreation = storage * (1 if seed % 3 == 1 else random.uniform(0.3, 2))
                builder.add_edge(u, v, storage, recreation)
    shuffled = random.permutation(vertices).tolist()
    size = int(random.integers(2, 8))
    for first in range(0, count, size):
        builder.add_group(shuffled[first : first + size])
    if seed % 3 == 2:
        builder.add_group(random.choice(vertices, 4, replace=False).tolist())
    return builder.build()


@pytest.mark.parametrize("scheme", ["independent", "parallel"])
def test_near_exact_and_above_its_bound(scheme: str) -> None:
    over = []
    for seed in range(12):
        graph = random_graph(seed)
        budget = spt_costs(graph, scheme) * np.random.default_rng(seed).uniform(1, 3, graph.groups)
        auto = solve(graph, budget=budget, scheme=scheme)
        exact = solve(graph, solver="exact", budget=budget, scheme=scheme)
        assert auto.feasible
        assert exact.feasible
        assert auto.lower_bound <= exact.costs.storage * (1 + 1e-9)
        assert exact.costs.storage <= auto.costs.storage * (1 + 1e-9)
        over.append(auto.costs.storage / exact.costs.storage - 1)
    assert max(over) <= 0.1
    assert np.mean(over) <= 0.02


def test_the_same_graph_gives_the_same_plan() -> None:
    graph = random_graph(5)
    budget = spt_costs(graph) * 1.5
    first, second = solve(graph, budget=budget), solve(graph, budget=budget)
    assert first.plan.tolist() == second.plan.tolist()
    assert first.lower_bound == second.lower_bound


def test_no_vertices_and_no_groups() -> None:
    builder = Builder()
    assert solve(builder.build(), budget=None).costs.storage == 0
    builder.add_edge(0, builder.add_vertex(), 3, 1)
    assert solve(builder.build(), budget=None).lower_bound == 3
