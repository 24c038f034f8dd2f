"""An inventory agrees with a walk that reads everything for each version by itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelhub.dlv import inventory as inventories
from modelhub.dlv.commit import CommitResult
from modelhub.dlv.copy import copy
from modelhub.dlv.gc import gc
from modelhub.dlv.inventory import Inventory, take_inventory
from modelhub.dlv.remove import remove
from modelhub.dlv.state import Repo
from modelhub.dlv.tag import tag
from modelhub.errors import CorruptionError, ModelHubError, NotFoundError
from modelhub.fs import files
from modelhub.pas.reach import reachable

CommitArrays = Callable[..., CommitResult]


def arrays(step: int, count: int = 5) -> dict[str, np.ndarray]:
    found = {}
    for index in range(count):
        values = np.random.default_rng(index).standard_normal((40, 30)).astype(np.float32)
        # Some tensors change at every step, some at every second, some never.
        found[f"w{index}"] = values + np.float32(1e-4 * (step // (index + 1)))
    return found


def walked(repo: Repo, version_id: bytes) -> set[bytes]:
    """Return what a version needs, found the slow way."""
    with repo.catalog.read() as txn:
        notes = {note.id for note in txn.annotations(version_id)}
    return reachable(repo.store, [version_id]) | notes


def check(repo: Repo) -> Inventory:
    """Compare an inventory with walks and return it."""
    stock = take_inventory(repo)
    needs = [walked(repo, version.id) for version in stock.versions]
    sizes = {one: repo.store.entry(one).stored_bytes for one in set().union(*needs)}
    for index, needed in enumerate(needs):
        numbers = stock.needs(index)
        assert {stock.ids[number] for number in numbers} == needed
        assert len(numbers) == len(needed)
        others = set().union(*(needs[:index] + needs[index + 1 :]))
        assert stock.held[index] == sum(sizes[one] for one in needed)
        assert stock.unique[index] == sum(sizes[one] for one in needed - others)
        assert stock.bytes_only_for([index]) == stock.unique[index]
    for number, object_id in enumerate(stock.ids):
        assert stock.users[number] == sum(object_id in needed for needed in needs)
    half = range(0, len(needs), 2)
    removed = set().union(*(needs[index] for index in half))
    left = set().union(*(needs[index] for index in range(1, len(needs), 2)))
    assert stock.bytes_only_for(half) == sum(sizes[one] for one in removed - left)
    return stock


def test_versions_of_every_kind(
    repo: Repo, commit_arrays: CommitArrays, every_kind: dict[str, Path]
) -> None:
    for step in range(5):
        commit_arrays("m", arrays(step))
    commit_arrays("größe 1", arrays(2), files={"notes.txt": "long " * 40_000, "b.txt": "b"})
    commit_arrays("files", None, files={"notes.txt": "long " * 40_000})
    copy(repo, "m@2", "fork")
    copy(repo, "m@2", "small", scheme="bf16")
    for path in ("zip.pt", "all.safetensors"):
        commit_arrays("kinds", snapshots=[("a", every_kind[path]), ("b", every_kind[path])])
    tag(repo, "m@3", "t")
    assert len(check(repo).versions) == 11
    remove(repo, ["m@1", "m@4"])
    assert check(repo).users.min() == 0
    gc(repo)
    assert check(repo).users.min() == 1


def test_an_empty_repository(repo: Repo) -> None:
    stock = check(repo)
    assert (stock.versions, stock.packs, stock.ids) == ((), [], [])
    assert stock.bytes_only_for([]) == 0


def test_sums_over_chains(repo: Repo, commit_arrays: CommitArrays) -> None:
    for step in range(4):
        commit_arrays("m", arrays(step, 1))
    stock = take_inventory(repo)
    depths = stock.along_chains((stock.bases >= 0).astype(np.int64))
    assert [repo.store.entry(one).depth for one in stock.ids] == depths.tolist()
    assert depths.max() == 3


def test_of_two_copies_the_one_that_is_read_counts(repo: Repo, commit_arrays: CommitArrays) -> None:
    commit_arrays("m", arrays(0))
    before = take_inventory(repo)
    # A second pack with all of it, as a writer leaves behind that was killed before its records.
    with repo.session() as session:
        with repo.store.reader(before.packs[0].name) as reader:
            for index in reversed(range(reader.count)):
                session.copy(reader, index)
        session.seal()
    repo.store.close()
    stock = check(repo)
    assert stock.held == before.held
    assert len(stock.packs) == 2
    (spare,) = (pack for pack in stock.packs if pack.name != before.packs[0].name)
    assert spare.extra == spare.entries == len(before.ids)
    assert spare.extra_bytes == before.stored.sum()


def test_what_is_missing_is_told(repo: Repo, commit_arrays: CommitArrays) -> None:
    commit_arrays("m", arrays(0))
    (first,) = repo.layout.packs_dir.iterdir()
    commit_arrays("m", arrays(1))
    repo.store.close()
    shutil.move(first, first.with_suffix(".away"))
    with pytest.raises((CorruptionError, NotFoundError)) as caught:
        take_inventory(repo)
    assert first.stem in str(caught.value)


def test_a_pack_collected_meanwhile(
    repo: Repo, commit_arrays: CommitArrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in range(3):
        commit_arrays("m", arrays(step))
    remove(repo, ["m@2"])
    real, calls = inventories.pack_names, []

    def racing(layout: object) -> list[bytes]:
        names = real(repo.layout)
        calls.append(len(names))
        if len(calls) == 1:
            # Another process collects between the list of packs and their opening.
            with Repo.open(repo.layout.root) as other:
                gc(other)
        return names

    monkeypatch.setattr(inventories, "pack_names", racing)
    assert len(take_inventory(repo).versions) == 2
    assert len(calls) == 2


def test_damage_is_not_tried_again(
    repo: Repo, commit_arrays: CommitArrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_arrays("m", arrays(0))
    (pack,) = repo.layout.packs_dir.iterdir()
    repo.store.close()
    pack.chmod(0o644)
    pack.write_bytes(pack.read_bytes()[:-9])
    looked = []
    stat = files.file_stat
    monkeypatch.setattr(files, "file_stat", lambda path: looked.append(path) or stat(path))
    with pytest.raises(ModelHubError):
        take_inventory(repo)
    assert len(looked) == 1
