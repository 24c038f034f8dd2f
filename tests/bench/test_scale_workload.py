from __future__ import annotations

import numpy as np
import pytest

from bench import scale_workload


def test_the_same_for_the_same_seed() -> None:
    one, two = scale_workload.make(500), scale_workload.make(500)
    assert np.array_equal(one.source, two.source)
    assert np.array_equal(one.storage, two.storage)
    assert not np.array_equal(one.storage, scale_workload.make(500, seed=2).storage)


@pytest.mark.parametrize("vertices", [1, 20, 40, 2000])
def test_its_shape(vertices: int) -> None:
    graph = scale_workload.make(vertices)
    groups = max(1, round(0.06 * vertices))
    assert graph.vertices == 1 + vertices
    assert graph.groups == groups
    assert graph.edges == vertices * (1 + min(5, groups - 1))
    # Each tensor is in one group.
    assert np.array_equal(graph.members, np.arange(1, 1 + vertices))
    assert int(graph.group_begin[-1]) == vertices


def test_candidates_are_different_tensors_of_groups_nearby() -> None:
    graph = scale_workload.make(2000)
    group = np.zeros(graph.vertices, np.int64)
    for number in range(graph.groups):
        group[graph.group(number)] = number
    is_delta = graph.source > 0
    source, target = graph.source[is_delta], graph.target[is_delta]
    distance = np.abs(group[source] - group[target])
    assert distance.min() >= 1
    # Windows at both ends are moved inward, not cut.
    assert distance.max() <= 16
    inside = (group[target] >= 8) & (group[target] < graph.groups - 8)
    assert distance[inside].max() == 8
    assert len(set(zip(source.tolist(), target.tolist(), strict=True))) == len(source)


def test_deltas_take_less_than_what_stands_alone() -> None:
    graph = scale_workload.make(2000)
    alone = np.zeros(graph.vertices)
    stands = graph.source == 0
    alone[graph.target[stands]] = graph.storage[stands]
    ratio = graph.storage[~stands] / alone[graph.target[~stands]]
    assert 0.4 < ratio.min() < np.median(ratio) < ratio.max() < 1.3
