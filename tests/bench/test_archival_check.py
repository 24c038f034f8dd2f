from __future__ import annotations

import numpy as np
import pytest

from bench import archival_paper, small_workload
from bench.archival_check import faults
from modelhub.archival import NO_EDGE, evaluate, solve


def _plan(*ends: tuple[int, int]) -> np.ndarray:
    graph = archival_paper.toy()
    pairs = list(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    return np.array([NO_EDGE, *(pairs.index(pair) for pair in ends)], np.uint32)


_LEAST = _plan((0, 1), (0, 2), (1, 3), (2, 4), (2, 5))


def test_a_plan_within_its_budgets() -> None:
    graph = archival_paper.toy()
    assert faults(graph, _LEAST, np.array([3.0, 7.5]), "independent") == []
    assert faults(graph, _LEAST, np.array([2.0, 3.0]), "parallel") == []


def test_broken_budgets_are_named() -> None:
    found = faults(archival_paper.toy(), _LEAST, np.array([3.0, 6.0]), "independent")
    assert found == ["group 1 costs 7.5, budget 6"]
    assert faults(archival_paper.toy(), _LEAST, np.array([1.9, 2.9]), "parallel") != []


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (_LEAST[:-1], "one edge for each"),
        (np.array([0, 0, 1, 2, 3, 4], np.uint32), "one edge for each"),
        (np.array([NO_EDGE, 0, 1, 2, 3, 99], np.uint32), "not"),
        (_plan((0, 1), (0, 2), (0, 4), (0, 3), (0, 5)), "another vertex"),
        (_plan((0, 1), (0, 2), (0, 3), (5, 4), (4, 5)), "circle"),
    ],
)
def test_what_is_no_plan(plan: np.ndarray, why: str) -> None:
    found = faults(archival_paper.toy(), plan, np.array([99.0, 99.0]), "independent")
    assert len(found) == 1
    assert why in found[0]


def test_it_agrees_with_the_core_on_what_groups_cost() -> None:
    for seed in range(16):
        case = small_workload.make(seed)
        plan = solve(case.graph, solver="pas-mt", budget=case.budget, scheme=case.scheme).plan
        costs = evaluate(case.graph, plan, case.scheme).groups
        assert faults(case.graph, plan, costs, case.scheme) == []
        assert len(faults(case.graph, plan, costs * 0.999, case.scheme)) == len(costs)
