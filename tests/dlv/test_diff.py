from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest

from modelhub.dlv import strips
from modelhub.dlv.diff import Comparison, diff
from modelhub.dlv.state import Repo
from modelhub.errors import NotFoundError, UsageError

RNG = np.random.default_rng(0)
BASE = {
    "same": RNG.normal(size=(5, 4)).astype(np.float32),
    "moved": np.array([[3.0, 4.0], [0.0, 0.0]], np.float32),
    "gone": np.ones(2, np.float32),
    "reshaped": np.zeros((2, 3), np.float32),
    "retyped": np.array([1.0, 0.1], np.float32),
}
NEXT = {
    "same": BASE["same"],
    "moved": np.array([[3.0, 4.0], [5.0, 0.0]], np.float32),
    "new": np.zeros(7, np.int8),
    "reshaped": np.zeros((3, 2), np.float32),
    "retyped": BASE["retyped"].astype(np.float16),
}


def _one(repo: Repo, *revs: str, **options: object) -> Comparison:
    (found,) = diff(repo, revs, **options).comparisons
    return found


def test_structure_and_values(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", BASE, metadata={"lr": 0.1, "old": 1})
    commit_arrays("a", NEXT, metadata={"lr": 0.2, "flag": True})
    found = _one(repo, "a@1", "a@2")
    assert (found.left, found.right) == ("a@1", "a@2")
    assert [record.name for record in found.added] == ["new"]
    assert [record.name for record in found.removed] == ["gone"]
    tensors = {tensor.name: tensor for tensor in found.tensors}
    assert [name for name in tensors if tensors[name].reshaped] == ["reshaped"]
    assert [name for name in tensors if tensors[name].retyped] == ["retyped"]
    assert tensors["same"].equal
    assert tensors["same"].change is None
    moved = tensors["moved"].change
    assert moved is not None
    assert (moved.changed, moved.max_abs, moved.relative_l2) == (1, 5.0, 1.0)
    assert moved.cosine == pytest.approx(25 / (5 * math.sqrt(50)))
    retyped = tensors["retyped"].change
    assert retyped is not None
    assert retyped.changed == 1
    assert {(m.key, m.left, m.right) for m in found.metadata} >= {
        ("flag", None, True),
        ("lr", 0.1, 0.2),
        ("old", 1, None),
    }
    assert [file.path for file in found.files] == ["weights.npz"]
    totals = found.totals
    assert (totals.equal, totals.changed, totals.unmeasured) == (1, 3, 1)
    assert not found.same


def test_equal_versions(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", BASE)
    commit_arrays("a", BASE)
    found = _one(repo, "a@1", "a@2")
    assert found.same
    assert found.totals.changed == 0


def test_equal_ids_are_not_read(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", BASE)
    commit_arrays("b", BASE)
    seen: list[int] = []
    _one(repo, "a", "b", progress=lambda done, total: seen.append(total))
    assert seen == []


def test_several_are_compared_with_the_first(repo: Repo, commit_arrays) -> None:
    for _ in range(3):
        commit_arrays("a", BASE)
    found = diff(repo, ["a@1", "a@2", "a@3"]).comparisons
    assert [(c.left, c.right) for c in found] == [("a@1", "a@2"), ("a@1", "a@3")]


def test_blocks_of_rows_add_up(repo: Repo, commit_arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    left = RNG.normal(size=(300, 17)).astype(np.float32)
    right = left.copy()
    right[::7] *= np.float32(1.5)
    commit_arrays("a", {"w": left})
    commit_arrays("a", {"w": right})
    whole = _one(repo, "a@1", "a@2").tensors[0].change
    monkeypatch.setattr(strips, "READ_BYTES", 1000)
    blocks = _one(repo, "a@1", "a@2").tensors[0].change
    assert whole is not None
    assert blocks is not None
    assert (blocks.changed, blocks.max_abs) == (whole.changed, whole.max_abs)
    assert blocks.changed == 43 * 17
    assert blocks.relative_l2 == pytest.approx(whole.relative_l2)


def test_nan_and_infinity(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", {"w": np.array([np.nan, np.inf, 1.0], np.float32)})
    commit_arrays("a", {"w": np.array([np.nan, 1.0, 2.0], np.float32)})
    change = _one(repo, "a@1", "a@2").tensors[0].change
    assert change is not None
    assert (change.changed, change.max_abs) == (2, 1.0)
    assert (change.nonfinite_left, change.nonfinite_right) == (2, 1)


def test_pattern(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", BASE)
    commit_arrays("a", NEXT)
    found = _one(repo, "a@1", "a@2", tensors="re*")
    assert {tensor.name for tensor in found.tensors} == {"reshaped", "retyped"}
    with pytest.raises(NotFoundError):
        diff(repo, ["a@1", "a@2"], tensors="none*")


def test_structure_only(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", BASE)
    commit_arrays("a", NEXT)
    found = _one(repo, "a@1", "a@2", values=False)
    assert all(tensor.change is None for tensor in found.tensors)
    assert found.totals.unmeasured == 3


def test_snapshots_of_one_version(repo: Repo, commit_arrays, tmp_path) -> None:
    paths = []
    for step in (1, 2):
        paths.append((f"s{step}", tmp_path / f"s{step}.npz"))
        np.savez(paths[-1][1], w=np.full(4, step, np.float32))
    commit_arrays("a", snapshots=paths)
    found = _one(repo, "a#s1", "a#s2")
    assert (found.left, found.right) == ("a@1#s1", "a@1#s2")
    assert found.tensors[0].change is not None
    assert found.tensors[0].change.max_abs == 1.0


def test_versions_without_weights(repo: Repo, commit_arrays) -> None:
    commit_arrays("n", None, {"a.txt": "one"})
    commit_arrays("n", None, {"a.txt": "two!", "b.txt": "b"})
    found = _one(repo, "n@1", "n@2")
    assert found.tensors == ()
    assert [(f.path, f.left_size, f.right_size) for f in found.files] == [
        ("a.txt", 3, 4),
        ("b.txt", None, 1),
    ]


def test_one_revision_is_too_few(repo: Repo) -> None:
    with pytest.raises(UsageError):
        diff(repo, ["a"])


def test_odd_shapes(repo: Repo, commit_arrays) -> None:
    left = {"zero": np.float32(1.0), "empty": np.zeros((0, 3), np.float32)}
    right = {"zero": np.float32(2.0), "empty": np.zeros((0, 3), np.float32)}
    commit_arrays("a", left)
    commit_arrays("a", right)
    tensors = {tensor.name: tensor for tensor in _one(repo, "a@1", "a@2").tensors}
    assert tensors["empty"].equal
    assert tensors["zero"].change is not None
    assert tensors["zero"].change.max_abs == 1.0


def test_bfloat16(repo: Repo, tmp_path, commit_arrays) -> None:
    # numpy's npz has no bfloat16: two safetensors files, written by hand.
    paths = []
    for index, value in enumerate((1.0, 2.0)):
        data = np.array([1.0, value], ml_dtypes.bfloat16).view(np.uint16).tobytes()
        header = b'{"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
        path = tmp_path / f"{index}.safetensors"
        path.write_bytes(len(header).to_bytes(8, "little") + header + data)
        paths.append((f"s{index}", path))
    commit_arrays("a", snapshots=paths)
    change = _one(repo, "a#s0", "a#s1").tensors[0].change
    assert change is not None
    assert (change.changed, change.max_abs) == (1, 1.0)
