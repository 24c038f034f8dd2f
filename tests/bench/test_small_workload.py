from __future__ import annotations

import numpy as np

from bench import small_workload
from modelhub.archival import spt_costs


def test_the_same_for_the_same_seed() -> None:
    one, two = small_workload.make(3), small_workload.make(3)
    assert np.array_equal(one.graph.storage, two.graph.storage)
    assert np.array_equal(one.budget, two.budget)


def test_every_kind_meets_every_other() -> None:
    cases = [small_workload.make(seed) for seed in range(32)]
    assert len({case.kind for case in cases}) == 16
    assert all(case.graph.vertices <= small_workload.VERTICES_MAX + 1 for case in cases)
    for case in cases:
        assert ("segments" in case.kind) == (case.graph.high is not None)
        members = case.graph.members.tolist()
        if "groups apart" in case.kind:
            assert sorted(members) == list(range(1, case.graph.vertices))
        if "symmetric" in case.kind:
            edges = list(zip(case.graph.source.tolist(), case.graph.target.tolist(), strict=True))
            assert all((b, a) in edges for a, b in edges if a)
    assert any(case.graph.from_high is not None and case.graph.from_high.any() for case in cases)
    overlapping = [case for case in cases if "groups overlap" in case.kind]
    assert any(len(set(c.graph.members.tolist())) < len(c.graph.members) for c in overlapping)


def test_budgets_can_be_kept() -> None:
    for seed in range(16):
        case = small_workload.make(seed)
        assert np.all(case.budget >= spt_costs(case.graph, case.scheme) * (1 - 1e-12))
