from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelhub.archival import NO_EDGE, Builder, Graph, evaluate
from modelhub.pas.plan_keep import keep_current


def graph_of(count: int, seed: int) -> Graph:
    dice = np.random.default_rng(seed)
    builder = Builder()
    for _ in range(count):
        builder.add_vertex()
    for vertex in range(1, count + 1):
        builder.add_edge(0, vertex, 100.0, 100.0)
        for source in dice.permutation(count)[:3] + 1:
            if source != vertex:
                cost = float(dice.integers(1000, 1020)) / 50
                builder.add_edge(int(source), vertex, cost, float(dice.integers(5, 30)))
    builder.add_group(range(1, count + 1))
    return builder.build()


def plan_of(graph: Graph, seed: int) -> np.ndarray:
    """Return a tree by edges taken in any order."""
    dice = np.random.default_rng(seed)
    plan = np.full(graph.vertices, NO_EDGE, np.uint32)
    done = {0}
    while len(done) < graph.vertices:
        edges = [
            e
            for e, (s, t) in enumerate(zip(graph.source, graph.target, strict=True))
            if int(s) in done and int(t) not in done and (s != 0 or len(done) == 1)
        ] or [
            e
            for e, (s, t) in enumerate(zip(graph.source, graph.target, strict=True))
            if s == 0 and int(t) not in done
        ]
        edge = int(dice.choice(edges))
        plan[graph.target[edge]] = edge
        done.add(int(graph.target[edge]))
    return plan


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_nothing_gets_dearer(seed: int, first: int, second: int) -> None:
    graph = graph_of(8, seed)
    current, plan = plan_of(graph, first), plan_of(graph, second)
    found = keep_current(graph, plan, current, 0.01)
    before, after = evaluate(graph, plan), evaluate(graph, found)
    assert (after.recreation <= before.recreation).all()
    assert after.storage <= before.storage * 1.01 + 1e-9
    assert ((found == plan) | (found == current)).all()


def test_what_is_as_good_is_kept() -> None:
    builder = Builder()
    for vertex in (1, 2, 3):
        builder.add_vertex()
        builder.add_edge(0, vertex, 100.0, 100.0)
    one = builder.add_edge(1, 3, 20.1, 20.0)
    two = builder.add_edge(2, 3, 20.0, 20.0)
    dear = builder.add_edge(2, 3, 20.1, 20.1)
    builder.add_group([1, 2, 3])
    graph = builder.build()
    plan = np.array([NO_EDGE, 0, 1, two], np.uint32)
    for edge, kept in ((one, True), (dear, False), (NO_EDGE, False)):
        current = np.array([NO_EDGE, 0, 1, edge], np.uint32)
        assert keep_current(graph, plan, current, 0.01)[3] == (edge if kept else two)


@pytest.mark.parametrize("gain", [0.0, 0.5])
def test_no_circle_arises(gain: float) -> None:
    builder = Builder()
    for vertex in (1, 2):
        builder.add_vertex()
        builder.add_edge(0, vertex, 30.0, 30.0)
    up, down = builder.add_edge(1, 2, 20.0, 0.0), builder.add_edge(2, 1, 20.0, 0.0)
    builder.add_group([1, 2])
    current, plan = [NO_EDGE, 0, up], [NO_EDGE, down, 1]
    found = keep_current(
        builder.build(), np.array(plan, np.uint32), np.array(current, np.uint32), gain
    )
    evaluate(builder.build(), found)
