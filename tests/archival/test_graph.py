from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modelhub.archival import Builder, Graph
from modelhub.errors import UsageError


def parts(**changes: Any) -> dict[str, Any]:
    """Return two vertices that can be stored alone, and 2 against 1; a group of both."""
    usual: dict[str, Any] = {
        "vertices": 3,
        "source": [0, 0, 1],
        "target": [1, 2, 2],
        "storage": [4.0, 4.0, 1.0],
        "recreation": [4.0, 4.0, 1.0],
        "group_begin": [0, 2],
        "members": [1, 2],
    }
    return usual | changes


def test_a_graph_keeps_its_arrays() -> None:
    storage = np.array([4.0, 4.0, 1.0])
    graph = Graph(**parts(storage=storage))
    assert np.shares_memory(graph.storage, storage)
    assert not graph.storage.flags.writeable
    assert storage.flags.writeable
    assert (graph.edges, graph.groups, graph.source.dtype) == (3, 1, np.uint32)
    assert graph.group(0).tolist() == [1, 2]


@pytest.mark.parametrize(
    "changes",
    [
        {"vertices": 0},
        {"vertices": 2.5},
        {"vertices": 4},  # 3 cannot be stored alone.
        {"vertices": 2},
        {"vertices": 1 << 40},
        {"source": [0, 0, 3]},
        {"source": [0, 0, 2]},
        {"source": [0, 0, -1]},
        {"source": [0, 0, 1.5]},
        {"source": [0, 0, np.nan]},
        {"source": ["a", "b", "c"]},
        {"source": [0, 0]},
        {"source": [[0, 0, 1]]},
        {"target": [1, 2, 0]},
        {"storage": [4.0, 4.0, np.nan]},
        {"storage": [4.0, 4.0, np.inf]},
        {"storage": [4.0, 4.0, -1.0]},
        {"storage": [4.0, 4.0]},
        {"storage": [4j, 4.0, 1.0]},
        {"recreation": [4.0, np.inf, 1.0]},
        {"recreation": [4.0, 4.0, -1e-9]},
        {"group_begin": [0, 3]},
        {"group_begin": [1, 2]},
        {"group_begin": [0, 2, 1, 2]},
        {"group_begin": []},
        {"members": [1, 3]},
        {"members": [0, 1]},
        {"high": [1.0, 1.0]},
        {"high": [1.0, 1.0, -1.0]},
        {"from_high": [0, 0, 1]},
        {"high": [1.0, 1.0, 1.0], "from_high": [0, 1]},
    ],
)
def test_what_is_no_graph_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Graph(**parts(**changes))


def test_other_dtypes_and_orders_fit_where_their_values_do() -> None:
    graph = Graph(
        **parts(
            source=np.array([0, 9, 0, 9, 1, 9], np.int64)[::2],
            storage=np.array([4, 4, 1], np.float32),
            recreation=[4, 4, 1],
            high=[2, 2, 1],
            from_high=[False, False, True],
        )
    )
    assert graph.source.tolist() == [0, 0, 1]
    assert graph.storage.dtype == np.float64
    assert graph.from_high is not None
    assert graph.from_high.tolist() == [0, 0, 1]


def test_the_empty_graph() -> None:
    graph = Builder().build()
    assert (graph.vertices, graph.edges, graph.groups) == (1, 0, 0)
    no_groups = Graph(1, [], [], [], [], [], [])  # type: ignore[arg-type]
    assert no_groups.groups == 0


def test_builder() -> None:
    builder = Builder()
    first, second = builder.add_vertex(), builder.add_vertex()
    assert (first, second) == (1, 2)
    assert builder.add_edge(0, first, 4, 3) == 0
    assert builder.add_edge(0, second, 4, 3) == 1
    assert builder.add_edge(first, second, 1, 2) == 2
    assert builder.add_group([first, second]) == 0
    assert builder.add_group(v for v in (second,)) == 1
    graph = builder.build()
    assert graph.high is None
    assert graph.from_high is None
    assert graph.group_begin.tolist() == [0, 2, 3]
    builder.add_edge(first, second, 1, 0.5, high=0.25, from_high=True)
    segmented = builder.build()
    assert segmented.high is not None
    assert segmented.from_high is not None
    assert segmented.high.tolist() == [3, 3, 2, 0.25]
    assert segmented.from_high.tolist() == [0, 0, 0, 1]
    assert graph.edges == 3


def test_builder_knows_its_vertices() -> None:
    builder = Builder()
    builder.add_vertex()
    for source, target in ((0, 0), (0, 2), (2, 1), (-1, 1)):
        with pytest.raises(UsageError, match="vertex"):
            builder.add_edge(source, target, 1, 1)
    with pytest.raises(UsageError, match="a member"):
        builder.add_group([0])
    with pytest.raises(UsageError, match="no edge from vertex 0"):
        builder.build()
