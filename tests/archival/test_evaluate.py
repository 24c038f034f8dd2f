from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelhub.archival import NO_EDGE, Builder, Graph, evaluate, spt_costs
from modelhub.archival.evaluate import least_costs
from modelhub.errors import UsageError
from tests.archival import makers


def test_the_papers_plans() -> None:
    graph = makers.paper()
    ends = zip(graph.source.tolist(), graph.target.tolist(), strict=True)
    by_ends = {pair: edge for edge, pair in enumerate(ends)}

    def plan(*ends: tuple[int, int]) -> np.ndarray:
        return np.array([NO_EDGE, *(by_ends[pair] for pair in ends)], np.uint32)

    least = plan((0, 1), (0, 2), (1, 3), (2, 4), (2, 5))
    costs = evaluate(graph, least)
    assert costs.storage == 19
    assert costs.groups.tolist() == [3, 7.5]
    assert costs.recreation.tolist() == [0, 1, 2, 1.5, 3, 3]
    assert evaluate(graph, least, "parallel").groups.tolist() == [2, 3]
    assert evaluate(graph, least, "reusable").groups.tolist() == [3, 5.5]
    within = evaluate(graph, plan((0, 1), (0, 2), (0, 3), (0, 4), (4, 5)))
    assert (within.storage, within.groups.tolist()) == (24, [3, 6])
    assert spt_costs(graph).tolist() == [3, 5]


@given(makers.graphs(4), st.sampled_from(["independent", "parallel"]))
def test_costs_are_those_of_the_definition(graph: Graph, scheme: str) -> None:
    for plan in makers.plans(graph):
        costs = evaluate(graph, plan, scheme)
        assert costs.storage == makers.storage(graph, plan)
        assert costs.groups.tolist() == makers.group_costs(graph, plan, scheme)


@given(makers.graphs(4, segmented=True))
def test_costs_with_segments(graph: Graph) -> None:
    for plan in makers.plans(graph):
        costs = evaluate(graph, plan)
        expected = [makers.recreation(graph, plan, v) for v in range(graph.vertices)]
        assert costs.recreation.tolist() == expected
        assert np.all(evaluate(graph, plan, "reusable").groups >= 0)


@given(makers.graphs(4))
def test_reusable_counts_each_edge_once(graph: Graph) -> None:
    for plan in makers.plans(graph):
        for group, cost in enumerate(evaluate(graph, plan, "reusable").groups):
            paths = [makers.path(graph, plan, int(v)) or [] for v in graph.group(group)]
            edges = {edge for path in paths for edge in path}
            assert cost == sum(graph.recreation[edge] for edge in edges)


@given(
    st.booleans().flatmap(lambda segmented: makers.graphs(4, segmented=segmented)),
    st.sampled_from(["independent", "parallel"]),
)
def test_least_costs_are_a_bound_and_reached_without_segments(graph: Graph, scheme: str) -> None:
    costs = [makers.group_costs(graph, plan, scheme) for plan in makers.plans(graph)]
    least, bound = np.min(costs, axis=0), least_costs(graph, scheme)
    assert bound.shape == least.shape
    assert np.all(bound <= least)
    assert np.all(spt_costs(graph, scheme) >= least)
    if graph.high is None:
        assert bound.tolist() == least.tolist() == spt_costs(graph, scheme).tolist()


def test_a_twin_costs_the_high_part_alone() -> None:
    builder = Builder()
    whole, twin = builder.add_vertex(), builder.add_vertex()
    alone = builder.add_edge(0, whole, 4, 4, high=2)
    builder.add_edge(0, twin, 2, 2)
    through = builder.add_edge(whole, twin, 0.125, 0.125, from_high=True)
    builder.add_group([whole])
    builder.add_group([twin])
    builder.add_group([whole, twin])
    graph = builder.build()
    plan = np.array([NO_EDGE, alone, through], np.uint32)
    assert evaluate(graph, plan).groups.tolist() == [4, 2.125, 6.125]
    # Once the whole is read, its high part is there.
    assert evaluate(graph, plan, "reusable").groups.tolist() == [4, 2.125, 4.125]


def test_a_long_chain() -> None:
    count = 100_000
    numbers = np.arange(1, count + 1)
    graph = Graph(
        vertices=count + 1,
        source=np.concatenate([np.zeros(count), numbers[:-1]]),
        target=np.concatenate([numbers, numbers[1:]]),
        storage=np.ones(2 * count - 1),
        recreation=np.ones(2 * count - 1),
        group_begin=np.array([0, 1]),
        members=np.array([count]),
    )
    plan = np.concatenate([[NO_EDGE, 0], np.arange(count, 2 * count - 1)]).astype(np.uint32)
    for scheme in ("independent", "parallel", "reusable"):
        assert evaluate(graph, plan, scheme).groups.tolist() == [count]
    assert spt_costs(graph).tolist() == [1]


@pytest.mark.parametrize(
    "plan",
    [
        [],
        [NO_EDGE, 0, 1, 2, 3],
        [0, 0, 1, 2, 3, 4],
        [NO_EDGE, 0, 1, 2, 3, NO_EDGE],
        [NO_EDGE, 1, 0, 2, 3, 4],
        [NO_EDGE, 6, 1, 5, 3, 4],  # A circle.
        [NO_EDGE, 0, 1, 2, 3, -4],
        [NO_EDGE, 0, 1, 2, 3, 0.5],
        [[NO_EDGE, 0, 1, 2, 3, 4]],
    ],
)
def test_what_is_no_plan_is_refused(plan: list[int]) -> None:
    with pytest.raises(UsageError):
        evaluate(makers.paper(), np.array(plan))


def test_no_such_scheme() -> None:
    graph = makers.paper()
    with pytest.raises(UsageError, match="independent, parallel, reusable"):
        evaluate(graph, np.zeros(6, np.uint32), "eager")
