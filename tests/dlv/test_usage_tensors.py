"""What is said of a tensor's storage is what reading it does."""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest

from modelhub.dlv.commit import CommitResult
from modelhub.dlv.inventory import take_inventory
from modelhub.dlv.remove import remove
from modelhub.dlv.state import Repo
from modelhub.dlv.usage_tensors import ALONE, DELTA, MAPPED, TensorUsage, tensor_usage

CommitArrays = Callable[..., CommitResult]

BASE = np.random.default_rng(0).standard_normal((200, 50)).astype(np.float32)
SMALL = np.arange(300, dtype=np.int64) ** 3


def by_name(repo: Repo, pattern: str | None = None) -> dict[str, list[TensorUsage]]:
    found: dict[str, list[TensorUsage]] = {}
    for row in tensor_usage(take_inventory(repo), pattern)[0]:
        found.setdefault(row.names[0] if row.names else "", []).append(row)
    return found


@pytest.fixture
def chain(repo: Repo, commit_arrays: CommitArrays) -> Repo:
    """Return a repository with m@1 to m@4: `w` changes each time, `same` never."""
    for step in range(4):
        commit_arrays("m", {"w": BASE + np.float32(step * 1e-5), "same": SMALL})
    return repo


def test_rows_say_what_the_store_knows(chain: Repo) -> None:
    rows, count = tensor_usage(take_inventory(chain))
    assert count == len(rows) == 5
    assert [r.stored_bytes for r in rows] == sorted((r.stored_bytes for r in rows), reverse=True)
    for row in rows:
        entry = chain.store.entry(row.id)
        assert row.stored_bytes == entry.stored_bytes
        assert row.base == entry.base
        assert row.depth == entry.depth
        assert row.logical_bytes == entry.raw_bytes == chain.store.read(row.id).data.nbytes
        assert row.recreation_bytes == chain.store.read(row.id).bytes_read


def test_names_bases_and_users(chain: Repo) -> None:
    found = by_name(chain)
    (same,) = found["same"]
    assert same.revs == ("m@1", "m@2", "m@3", "m@4")
    assert (same.versions, same.stored_as, same.dtype, same.shape) == (4, ALONE, "int64", (300,))
    w = {row.revs: row for row in found["w"]}
    first, last = w["m@1",], w["m@4",]
    assert (first.stored_as, first.base_name, first.depth) == (ALONE, "", 0)
    # Every later version needs it as the end of its chain.
    assert (first.versions, last.versions) == (4, 1)
    assert (last.stored_as, last.base_name, last.base_rev, last.depth) == (DELTA, "w", "m@3", 3)


def test_a_base_outlives_its_name(chain: Repo) -> None:
    remove(chain, ["m@1", "m@3"])
    found = by_name(chain)
    assert len(found[""]) == 2
    assert all(row.names == row.revs == () for row in found[""])
    last = next(row for row in found["w"] if row.revs == ("m@4",))
    assert last.base_name == last.base_rev == ""
    assert last.base in {row.id for row in found[""]}
    assert by_name(chain, "*").keys() == {"w", "same"}
    remove(chain, ["m@2", "m@4"])
    assert by_name(chain) == {}


def test_pattern_and_limit(chain: Repo, commit_arrays: CommitArrays) -> None:
    commit_arrays("odd", {"größe/λ.w": SMALL + 1, "x,y": SMALL + 2})
    stock = take_inventory(chain)
    rows, count = tensor_usage(stock, limit=2)
    assert (len(rows), count) == (2, 7)
    assert rows == tensor_usage(stock)[0][:2]
    assert [row.names for row in tensor_usage(stock, "*λ.w")[0]] == [("größe/λ.w",)]
    assert tensor_usage(stock, "w", limit=1)[1] == 4
    assert tensor_usage(stock, "none*") == ([], 0)


def test_one_object_with_several_names(repo: Repo, commit_arrays: CommitArrays) -> None:
    commit_arrays("m", {"a": BASE, "b": BASE, "scalar": np.float32(2).reshape(())})
    commit_arrays("n", {"c": BASE, "empty": np.zeros((0, 3))})
    found = by_name(repo)
    (row,) = found["a"]
    assert (row.names, row.revs, row.versions) == (("a", "b", "c"), ("m@1", "n@1"), 2)
    assert found["scalar"][0].shape == ()
    assert found["empty"][0].logical_bytes == 0
    assert by_name(repo, "c")["a"] == [row]


def test_snapshots_are_named_where_there_are_several(
    repo: Repo, commit_arrays: CommitArrays, tmp_path
) -> None:
    paths = []
    for step in range(3):
        np.savez(tmp_path / f"s{step}.npz", w=BASE + np.float32(step // 2), same=SMALL)
        paths.append((f"step-{step}", tmp_path / f"s{step}.npz"))
    commit_arrays("m", snapshots=paths)
    found = by_name(repo)
    assert found["same"][0].revs == ("m@1#step-0", "m@1#step-1", "m@1#step-2")
    assert sorted(row.revs for row in found["w"]) == [
        ("m@1#step-0", "m@1#step-1"),
        ("m@1#step-2",),
    ]
    assert found["same"][0].versions == 1


def test_a_mapped_delta_reads_no_more_than_is_said(repo: Repo, commit_arrays: CommitArrays) -> None:
    commit_arrays("m", {"grown": BASE, "cut": BASE[::-1], "cast": BASE * 2})
    changed = {
        "grown": np.concatenate([BASE, BASE[:20]]),
        "cut": BASE[::-1][:150],
        "cast": (BASE * 2).astype(ml_dtypes.bfloat16).view(np.uint16),
    }
    commit_arrays("m", changed)
    rows = [row for found in by_name(repo).values() for row in found]
    assert MAPPED in {row.stored_as for row in rows}
    for row in rows:
        assert 0 < repo.store.read(row.id).bytes_read <= row.recreation_bytes
