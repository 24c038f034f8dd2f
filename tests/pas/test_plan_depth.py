from __future__ import annotations

import numpy as np
import pytest

from modelhub.archival import NO_EDGE, Builder, evaluate
from modelhub.pas.plan_depth import limit_depth
from modelhub.pas.repack import top_down


def line(length: int) -> tuple[Builder, np.ndarray]:
    """Return a graph in which each vertex stands on the one before it, and that plan."""
    builder = Builder()
    plan = [NO_EDGE]
    for number in range(length):
        vertex = builder.add_vertex()
        alone = builder.add_edge(0, vertex, 100.0, 100.0)
        plan.append(builder.add_edge(vertex - 1, vertex, 10.0, 10.0) if number else alone)
        if number > 1:
            builder.add_edge(1, vertex, 10.0 + number, 10.0 + number)
    builder.add_group(range(1, length + 1))
    return builder, np.array(plan, np.uint32)


def depths(source: np.ndarray, plan: np.ndarray) -> list[int]:
    depth = {0: -1}
    for vertex in top_down(source, plan):
        depth[vertex] = depth[int(source[plan[vertex]])] + 1
    return [depth[vertex] for vertex in range(1, len(plan))]


@pytest.mark.parametrize("most", [0, 1, 2, 5, 20])
def test_chains_are_cut(most: int) -> None:
    builder, plan = line(12)
    graph = builder.build()
    found, changed = limit_depth(graph, plan, most)
    assert max(depths(graph.source, found)) == min(most, 11)
    assert (changed == 0) == (most >= 11)
    assert (found != plan).sum() == changed
    before, after = evaluate(graph, plan), evaluate(graph, found)
    assert (after.recreation <= before.recreation).all() or most == 0
    assert after.storage >= before.storage


def test_another_base_is_better_than_none() -> None:
    builder, plan = line(4)
    graph = builder.build()
    found, _ = limit_depth(graph, plan, 1)
    assert [int(graph.source[edge]) for edge in found[1:]] == [0, 1, 1, 1]


def test_order_is_from_the_top() -> None:
    builder, plan = line(5)
    assert top_down(builder.build().source, plan) == [1, 2, 3, 4, 5]
