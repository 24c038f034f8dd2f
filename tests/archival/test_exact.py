from __future__ import annotations

import numpy as np
import pytest

from modelhub.archival import Builder, Graph, evaluate, solve, spt_costs
from modelhub.archival.evaluate import plan_by
from modelhub.archival.exact import VERTICES_MAX, solve_exact
from modelhub.errors import BadInputError, UsageError
from tests.archival import makers


def chain(vertices: int) -> Graph:
    builder = Builder()
    for _ in range(vertices):
        vertex = builder.add_vertex()
        builder.add_edge(0, vertex, 2, 1)
        if vertex > 1:
            builder.add_edge(vertex - 1, vertex, 1, 1)
    builder.add_group([builder.add_vertex()])
    builder.add_edge(0, vertices + 1, 1, 1)
    return builder.build()


def test_a_graph_too_large_is_sent_to_auto() -> None:
    assert solve(chain(VERTICES_MAX - 2), solver="exact", budget=None).feasible
    with pytest.raises(UsageError, match="auto"):
        solve(chain(VERTICES_MAX - 1), solver="exact", budget=None)


@pytest.mark.parametrize("scheme", ["independent", "parallel"])
def test_exact_is_no_worse_than_the_heuristics(scheme: str) -> None:
    better = 0
    for seed in range(4):
        graph = makers.random_graph(seed, 14, 50, 4)
        budget = 1.4 * spt_costs(graph, scheme)
        best = solve(graph, solver="exact", budget=budget, scheme=scheme)
        assert best.feasible
        assert best.lower_bound == pytest.approx(best.costs.storage, rel=1e-6)
        for solver in ("pas-mt", "pas-pt", "auto"):
            other = solve(graph, solver=solver, budget=budget, scheme=scheme).costs.storage
            assert best.costs.storage <= other
            better += best.costs.storage < other
    assert better > 0


def test_without_time_the_start_comes_back_with_a_bound_below_it() -> None:
    graph = makers.random_graph(1, 60, 400, 8)
    budget = 1.3 * spt_costs(graph)
    start = plan_by(graph, "pas-mt", budget=budget)
    plan, bound = solve_exact(graph, budget, "independent", start=start, seconds_max=0.0)
    costs = evaluate(graph, plan)
    assert costs.storage <= evaluate(graph, start).storage
    assert bound <= costs.storage
    assert np.all(costs.groups <= budget * (1 + 1e-9))


def test_budgets_that_exclude_each_other() -> None:
    # Read whole, 1 must be a delta to 2; for its high part to be cheap it must stand alone.
    builder = Builder()
    first, second, twin = (builder.add_vertex() for _ in range(3))
    builder.add_edge(0, first, 4, 10, high=1)
    builder.add_edge(0, second, 4, 2, high=2)
    builder.add_edge(second, first, 1, 1, high=5)
    builder.add_edge(0, twin, 9, 9)
    builder.add_edge(first, twin, 1, 1, from_high=True)
    builder.add_group([first])
    builder.add_group([twin])
    graph = builder.build()
    assert solve(graph, solver="exact", budget=np.array([10.0, 2.0])).costs.storage == 9
    assert solve(graph, solver="exact", budget=np.array([3.0, 9.0])).costs.storage == 6
    with pytest.raises(BadInputError, match="all together"):
        solve(graph, solver="exact", budget=np.array([3.0, 2.0]))
    heuristic = solve(graph, solver="pas-mt", budget=np.array([3.0, 2.0]))
    assert not heuristic.feasible
