"""What crosses the border between arrays and the archival solvers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from modelhub import _core
from modelhub.errors import UsageError
from tests.archival import makers

GRAPH: Any = makers.paper().parts()


def changed(part: int, value: Any) -> Any:
    return (*GRAPH[:part], value, *GRAPH[part + 1 :])


def unaligned(values: np.ndarray) -> np.ndarray:
    room = np.zeros(values.nbytes + 1, np.uint8)
    view = room[1:].view(values.dtype)
    view[:] = values
    return view


@pytest.mark.parametrize(
    "graph",
    [
        GRAPH[:8],
        (),
        changed(0, 1 << 33),
        changed(1, GRAPH[1].view(np.uint8)[:-1].copy()),
        changed(1, unaligned(GRAPH[1])),
        changed(3, GRAPH[3].astype(np.float32)),
        changed(7, np.array([0, 2], np.uint64)),
    ],
)
def test_arrays_of_another_kind_are_refused(graph: Any) -> None:
    with pytest.raises(UsageError):
        _core.archival_check(graph)


@pytest.mark.parametrize(
    ("plan", "recreation", "groups"), [(5, 6, 2), (6, 5, 2), (6, 6, 3), (6, 7, 2)]
)
def test_outputs_of_another_length_are_refused(plan: int, recreation: int, groups: int) -> None:
    edges = np.full(6, _core.NO_EDGE, np.uint32)
    _core.archival_solve(GRAPH, None, "independent", "mst", 1.0, edges)
    with pytest.raises(UsageError):
        _core.archival_evaluate(
            GRAPH, "independent", edges[:plan], np.empty(recreation), np.empty(groups)
        )
    with pytest.raises(UsageError):
        _core.archival_solve(GRAPH, None, "independent", "mst", 1.0, np.empty(5, np.uint32))
    with pytest.raises(UsageError):
        _core.archival_least_costs(GRAPH, np.empty(7))


def test_names_that_are_none() -> None:
    plan = np.empty(6, np.uint32)
    for scheme, solver, alpha in (
        ("eager", "mst", 1.0),
        ("independent", "auto", 1.0),
        ("reusable", "pas-mt", 1.0),
        ("independent", "last", 0.5),
    ):
        with pytest.raises(UsageError):
            _core.archival_solve(GRAPH, None, scheme, solver, alpha, plan)
    plan.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        _core.archival_solve(GRAPH, None, "independent", "mst", 1.0, plan)


def test_threads_side_by_side_come_to_the_same_plan() -> None:
    graph = makers.random_graph(1, 300, 3000, 40)
    budget = np.full(40, 3000.0)

    def plan(_: int) -> bytes:
        found = np.empty(graph.vertices, np.uint32)
        _core.archival_solve(graph.parts(), budget, "independent", "pas-mt", 1.0, found)
        return found.tobytes()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(plan, range(32)))) == 1
