from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelhub.archival import SOLVERS, Builder, Graph, Solution, evaluate, solve, spt_costs
from modelhub.errors import BadInputError, UsageError
from tests.archival import makers

SCHEMES = st.sampled_from(["independent", "parallel"])
ALPHAS = st.sampled_from([1.0, 1.25, 2.0, 4.0])
KEEP_BUDGETS = [name for name in SOLVERS if name not in ("mst", "spt", "last")]


def check(graph: Graph, solution: Solution, scheme: str) -> None:
    """Check what is true of every solution: it spans, and its numbers are the plan's."""
    assert all(makers.path(graph, solution.plan, v) is not None for v in range(graph.vertices))
    costs = evaluate(graph, solution.plan, scheme)
    assert solution.costs.storage == costs.storage
    assert solution.costs.groups.tolist() == costs.groups.tolist()
    assert solution.mst_cost <= solution.costs.storage
    assert solution.mst_cost <= solution.lower_bound
    if solution.feasible:
        assert solution.lower_bound <= solution.costs.storage


@pytest.mark.parametrize("solver", KEEP_BUDGETS)
def test_the_papers_example(solver: str) -> None:
    graph = makers.paper()
    solution = solve(graph, solver=solver, budget=np.array([3.0, 6.0]))
    check(graph, solution, "independent")
    assert solution.feasible
    assert (solution.mst_cost, solution.spt_cost) == (19, 28)
    assert solution.costs.storage in ((24, 27) if solver == "pas-pt" else (24,))
    loose = solve(graph, solver=solver, budget=None)
    assert (loose.costs.storage, loose.lower_bound) == (19, 19)


def test_the_papers_ends() -> None:
    graph = makers.paper()
    budget = np.array([3.0, 6.0])
    least = solve(graph, solver="mst", budget=budget)
    assert (least.costs.storage, least.feasible) == (19, False)
    assert solve(graph, solver="spt", budget=budget).costs.groups.tolist() == [3, 5]
    light = solve(graph, solver="last", alpha=1.0, budget=budget)
    assert light.costs.groups.tolist() == [3, 5]
    assert solve(graph, solver="last", alpha=9.0, budget=None).costs.storage == 19


@given(makers.graphs(4), SCHEMES, ALPHAS)
@settings(max_examples=60, deadline=None)
def test_every_solver_against_every_plan(graph: Graph, scheme: str, alpha: float) -> None:
    budget = alpha * spt_costs(graph, scheme)
    within = [
        makers.storage(graph, plan)
        for plan in makers.plans(graph)
        if np.all(np.array(makers.group_costs(graph, plan, scheme)) <= budget * (1 + 1e-9))
    ]
    every = [makers.storage(graph, plan) for plan in makers.plans(graph)]
    for solver in SOLVERS:
        solution = solve(graph, solver=solver, budget=budget, scheme=scheme, alpha=alpha)
        check(graph, solution, scheme)
        assert solution.mst_cost == min(every)
        assert solution.lower_bound <= min(within)
        if solver in KEEP_BUDGETS:
            assert solution.feasible
            assert solution.costs.storage >= min(within)
        if solver == "exact":
            assert solution.costs.storage == min(within)
            assert solution.lower_bound == pytest.approx(min(within), rel=1e-6)


@given(makers.graphs(4, segmented=True), SCHEMES, ALPHAS)
@settings(max_examples=40, deadline=None)
def test_segments(graph: Graph, scheme: str, alpha: float) -> None:
    budget = alpha * spt_costs(graph, scheme)
    within = [
        makers.storage(graph, plan)
        for plan in makers.plans(graph)
        if np.all(np.array(makers.group_costs(graph, plan, scheme)) <= budget * (1 + 1e-9))
    ]
    for solver in KEEP_BUDGETS:
        solution = solve(graph, solver=solver, budget=budget, scheme=scheme)
        check(graph, solution, scheme)
        assert solution.feasible
        assert solution.lower_bound <= min(within) <= solution.costs.storage
        if solver == "exact":
            assert solution.costs.storage == min(within)


@pytest.mark.parametrize("scheme", ["independent", "parallel"])
@pytest.mark.parametrize("segmented", [False, True])
def test_larger_graphs_keep_their_budgets(scheme: str, segmented: bool) -> None:
    for seed in range(6):
        graph = makers.random_graph(seed, 80, 500, 20, segmented=segmented)
        for alpha in (1.0, 1.5, 3.0):
            budget = alpha * spt_costs(graph, scheme)
            for solver in ("auto", "pas-mt", "pas-pt"):
                solution = solve(graph, solver=solver, budget=budget, scheme=scheme)
                check(graph, solution, scheme)
                assert solution.feasible


def test_last_is_within_alpha_of_each_vertex() -> None:
    graph = makers.random_graph(7, 80, 500, 3)
    least = evaluate(graph, solve(graph, solver="spt", budget=None).plan).recreation
    for alpha in (1.0, 1.5, 3.0):
        recreation = solve(graph, solver="last", alpha=alpha, budget=None).costs.recreation
        assert np.all(recreation <= alpha * least * (1 + 1e-9))


def test_of_options_between_two_vertices_the_one_that_fits_is_taken() -> None:
    builder = Builder()
    first, second = builder.add_vertex(), builder.add_vertex()
    builder.add_edge(0, first, 10, 1)
    builder.add_edge(0, second, 10, 1)
    remote = builder.add_edge(first, second, 1, 50)
    local = builder.add_edge(first, second, 3, 2)
    builder.add_group([second])
    graph = builder.build()
    for solver in KEEP_BUDGETS:
        assert solve(graph, solver=solver, budget=np.array([60.0])).plan[second] == remote
        assert solve(graph, solver=solver, budget=np.array([4.0])).plan[second] == local


def test_nothing_to_store() -> None:
    graph = Builder().build()
    for solver in SOLVERS:
        solution = solve(graph, solver=solver, budget=None, alpha=2.0)
        assert (solution.costs.storage, solution.feasible, solution.plan.size) == (0, True, 1)


def test_costs_of_zero() -> None:
    builder = Builder()
    for _ in range(4):
        builder.add_vertex()
    for source in range(5):
        for target in range(1, 5):
            if source != target:
                builder.add_edge(source, target, 0, 0)
    builder.add_group([1, 2, 3, 4])
    graph = builder.build()
    for solver in SOLVERS:
        solution = solve(graph, solver=solver, budget=np.zeros(1), alpha=1.0)
        check(graph, solution, "independent")
        assert solution.feasible


def test_a_budget_that_nothing_keeps_is_named() -> None:
    graph = makers.paper()
    for solver in KEEP_BUDGETS:
        with pytest.raises(BadInputError) as caught:
            solve(graph, solver=solver, budget=np.array([3.0, 4.5]))
        text = str(caught.value)
        assert "budget of 4.5 for group 1" in text
        assert "cost is 5: 0.5 too little" in text
    with pytest.raises(BadInputError, match="2 groups"):
        solve(graph, budget=np.array([0.0, 0.0]))
    assert not solve(graph, solver="spt", budget=np.zeros(2)).feasible


@pytest.mark.parametrize(
    "changes",
    [
        {"solver": "best"},
        {"scheme": "reusable"},
        {"scheme": "both"},
        {"budget": np.array([3.0])},
        {"budget": np.array([[3.0, 6.0]])},
        {"budget": np.array([3.0, np.nan])},
        {"budget": np.array([3.0, -1.0])},
        {"budget": np.array(["3", "6"])},
        {"solver": "last"},
        {"solver": "last", "alpha": 0.5},
        {"solver": "last", "alpha": np.nan},
        {"solver": "last", "alpha": np.inf},
    ],
)
def test_arguments(changes: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"budget": np.array([3.0, 6.0])} | changes
    with pytest.raises(UsageError):
        solve(makers.paper(), **arguments)
