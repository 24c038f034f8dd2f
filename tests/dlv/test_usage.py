from __future__ import annotations

import numpy as np

from modelhub.dlv.gc import gc
from modelhub.dlv.remove import remove
from modelhub.dlv.state import Repo
from modelhub.dlv.usage import usage

RNG = np.random.default_rng(0)
BIG = RNG.normal(size=(200, 100)).astype(np.float32)
OTHER = RNG.normal(size=(200, 100)).astype(np.float32)


def test_empty_repository(repo: Repo) -> None:
    found = usage(repo)
    assert (found.logical_bytes, found.stored_bytes, found.versions) == (0, 0, ())
    assert found.catalog_bytes > 0


def test_unique_and_shared(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", {"w": BIG})
    commit_arrays("b", {"w": BIG, "v": OTHER})
    found = usage(repo)
    a, b = found.versions
    assert (a.rev, b.rev) == ("a@1", "b@1")
    assert a.unique_bytes < 20_000 < a.shared_bytes
    assert a.shared_bytes == b.shared_bytes
    assert b.unique_bytes > OTHER.nbytes // 2
    assert found.logical_bytes == a.logical_bytes + b.logical_bytes
    assert a.held_bytes == a.unique_bytes + a.shared_bytes


def test_stored_bytes_are_the_packs(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", {"w": BIG})
    packs = list(repo.layout.packs_dir.glob("*.pack"))
    found = usage(repo)
    assert found.packs == len(packs)
    assert found.stored_bytes == sum(path.stat().st_size for path in packs)
    assert sum(v.unique_bytes for v in found.versions) <= found.stored_bytes
    assert found.unneeded_bytes == 0


def test_unique_bytes_are_what_removing_frees(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", {"w": BIG})
    commit_arrays("b", {"w": OTHER})
    before = usage(repo)
    remove(repo, ["b"])
    assert usage(repo).unneeded_bytes >= before.versions[1].unique_bytes
    gc(repo)
    after = usage(repo)
    assert after.unneeded_bytes == 0
    freed = before.stored_bytes - after.stored_bytes
    # Pack headers and the note of the removal are no version's.
    assert abs(freed - before.versions[1].unique_bytes) < 2000
