from __future__ import annotations

import numpy as np

from modelhub.dlv.gc import gc
from modelhub.dlv.inventory import take_inventory
from modelhub.dlv.remove import remove
from modelhub.dlv.state import Repo
from modelhub.dlv.usage import held_bytes, pack_usage, usage

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


def test_unique_bytes_stay_right_with_deltas_across_versions(repo: Repo, commit_arrays) -> None:
    for step in range(3):
        commit_arrays("m", {"w": BIG + np.float32(step * 1e-5)})
    before = usage(repo)
    # Those later are deltas on the first: removing it frees next to nothing.
    assert before.versions[0].unique_bytes < 5000 < before.versions[0].held_bytes
    assert before.versions[2].unique_bytes > 5000
    assert [v.held_bytes for v in before.versions] == sorted(v.held_bytes for v in before.versions)
    remove(repo, ["m@1"])
    gc(repo)
    after = usage(repo)
    assert after.versions[0].held_bytes > BIG.nbytes // 2
    # Now nobody else needs the base of what is left.
    remove(repo, ["m@3"])
    (left,) = usage(repo).versions
    assert left.unique_bytes == left.held_bytes


def test_held_bytes_of_one_version(repo: Repo, commit_arrays) -> None:
    for step in range(3):
        commit_arrays("m", {"w": BIG + np.float32(step)}, files={"notes.txt": "n" * 100_000})
    with repo.catalog.read() as txn:
        versions = list(txn.versions())
    assert [held_bytes(repo, version) for version in versions] == [
        version.held_bytes for version in usage(repo).versions
    ]


def test_packs(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", {"w": BIG})
    commit_arrays("b", {"w": BIG + np.float32(1e-5)})
    commit_arrays("c", {"v": OTHER})
    packs = pack_usage(take_inventory(repo))
    assert [pack.size for pack in packs] == sorted((pack.size for pack in packs), reverse=True)
    for pack in packs:
        path = repo.layout.pack_path(pack.name.hex())
        assert pack.size == path.stat().st_size > pack.live_bytes + pack.dead_bytes
        assert (pack.dead_bytes, pack.dead_entries) == (0, 0)
        assert 0 <= pack.age_seconds < 3600
    # The pack of `a` holds the base of `b`.
    assert sorted(pack.versions for pack in packs) == [1, 1, 2]
    remove(repo, ["a", "c"])
    after = {pack.name: pack for pack in pack_usage(take_inventory(repo))}
    assert sorted(after[pack.name].versions for pack in packs) == [0, 1, 1]
    dead = next(after[p.name] for p in packs if after[p.name].versions == 0)
    assert dead.live_bytes == 0
    assert dead.dead_entries == dead.entries
    assert sum(pack.dead_bytes for pack in after.values()) == usage(repo).unneeded_bytes
    gc(repo)
    assert sum(pack.dead_bytes for pack in pack_usage(take_inventory(repo))) == 0
