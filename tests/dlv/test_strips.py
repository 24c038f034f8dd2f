from __future__ import annotations

import numpy as np
import pytest

from modelhub.dlv import strips
from modelhub.dlv.archive_layout import LAYOUTS, store_as
from modelhub.dlv.describe import describe
from modelhub.dlv.diff import diff
from modelhub.dlv.state import Repo
from modelhub.errors import UsageError

RNG = np.random.default_rng(0)
WEIGHTS = {"w": RNG.normal(size=(300, 40)).astype(np.float32), "b": np.ones(5, np.float32)}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_leading_bytes_cost_less_to_read(repo: Repo, commit_arrays, layout: str) -> None:
    commit_arrays("a", {**WEIGHTS, "steps": np.array(3)})
    store_as(repo, layout)
    whole = describe(repo, "a", strips=True).heats
    part = describe(repo, "a", strips=True, planes=2).heats
    # Single numbers have no picture.
    assert [heat.name for heat in whole] == ["b", "w"]
    assert [heat.planes for heat in part] == [2, 2]
    assert 0 < sum(h.bytes_read for h in part) < sum(h.bytes_read for h in whole)
    np.testing.assert_allclose(part[1].cells, whole[1].cells, rtol=0.01)
    assert describe(repo, "a").heats == ()


def test_the_largest_are_kept(repo: Repo, commit_arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    commit_arrays("a", WEIGHTS)
    monkeypatch.setattr(strips, "STRIPS_MAX", 1)
    assert [heat.name for heat in describe(repo, "a", strips=True).heats] == ["w"]
    # Among equal ones too, and in their order.
    small = np.ones(2, np.float32)
    commit_arrays("b", {"a1": small, "a2": small, "a3": small, "w": np.ones(5, np.float32)})
    monkeypatch.setattr(strips, "STRIPS_MAX", 2)
    assert [heat.name for heat in describe(repo, "b", strips=True).heats] == ["a1", "w"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_diff_from_leading_bytes(repo: Repo, commit_arrays, layout: str) -> None:
    near = WEIGHTS["w"].view(np.uint32) ^ 1
    commit_arrays("a", WEIGHTS)
    commit_arrays("a", {"w": near.view(np.float32), "b": WEIGHTS["b"] * 2})
    store_as(repo, layout)
    exact = diff(repo, ["a@1", "a@2"]).comparisons[0]
    part = diff(repo, ["a@1", "a@2"], planes=2, strips=True).comparisons[0]
    assert (exact.totals.changed, exact.totals.agreeing) == (2, 0)
    # Only the last bit of `w` differs: its leading bytes agree, which does not make it equal.
    assert (part.totals.changed, part.totals.agreeing) == (1, 1)
    w = next(tensor for tensor in part.tensors if tensor.name == "w")
    assert (w.equal, w.planes, w.change is not None and w.change.changed) == (False, 2, 0)
    assert not part.same
    assert 0 < part.bytes_read < exact.bytes_read
    b = next(tensor for tensor in part.tensors if tensor.name == "b")
    assert b.heat is not None
    assert (b.heat.left, b.heat.right, b.heat.apart) == ([[1] * 5], [[2] * 5], [[1] * 5])
    # All bytes are as good as exact.
    full = diff(repo, ["a@1", "a@2"], planes=4).comparisons[0]
    assert full.totals == exact.totals


def test_diff_of_two_layouts_compares_the_same_bytes(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", WEIGHTS)
    commit_arrays("a", {**WEIGHTS, "w": (WEIGHTS["w"].view(np.uint32) ^ 1).view(np.float32)})
    store_as(repo, "progressive", ["a@2"])
    part = diff(repo, ["a@1", "a@2"], planes=2).comparisons[0]
    assert (part.totals.changed, part.totals.agreeing) == (0, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_values_that_are_equal_stay_so_where_others_of_their_row_grow(
    repo: Repo, commit_arrays, dtype: np.dtype
) -> None:
    values = WEIGHTS["w"].astype(dtype)
    grown = values.copy()
    grown[:, 0] *= dtype(64)
    commit_arrays("a", {"w": values})
    commit_arrays("a", {"w": grown})
    exact = diff(repo, ["a@1", "a@2"]).comparisons[0].totals
    store_as(repo, "progressive")
    for planes in range(1, values.itemsize):
        for revs in (["a@1", "a@2"], ["a@2", "a@1"]):
            part = diff(repo, revs, planes=planes).comparisons[0].totals
            # Of small values that have grown nothing may be left.
            assert len(values) * 0.9 < part.change.changed <= exact.change.changed


def test_planes_must_be_positive(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", WEIGHTS)
    with pytest.raises(UsageError):
        diff(repo, ["a", "a"], planes=0)
    with pytest.raises(UsageError):
        describe(repo, "a", planes=-1)
