"""The progressive layout and back: what is stored so, what stays, and what goes on working."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from modelhub import _core
from modelhub.dlv.archive import archive
from modelhub.dlv.archive_layout import LayoutResult, store_as
from modelhub.dlv.checkout import checkout
from modelhub.dlv.commit import CommitResult
from modelhub.dlv.fsck import fsck
from modelhub.dlv.gc import gc
from modelhub.dlv.reindex import reindex
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.usage import held_bytes
from modelhub.dlv.weights import read_tensor, weights
from modelhub.errors import NotFoundError, UsageError

CommitArrays = Callable[..., CommitResult]
Arrays = dict[str, np.ndarray]


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(shape) * 0.05).astype(np.float32)


def first() -> Arrays:
    infinite = floats(30, 30, seed=5)
    infinite[2, 2] = np.inf
    return {
        "a": floats(64, 90),
        "b": floats(40, 60, seed=1),
        "half": floats(50, 40, seed=2).astype(np.float16),
        "infinite": infinite,
        "n": np.arange(900),
        "tiny": floats(9, seed=3),
        "wide": floats(40, 40, seed=4).astype(np.float64),
    }


@pytest.fixture
def line(repo: Repo, commit_arrays: CommitArrays) -> list[Arrays]:
    """Commit three versions, each a little further; return what they hold."""
    made = []
    arrays = first()
    for step in range(3):
        commit_arrays("m", arrays)
        made.append(dict(arrays))
        for name in ("a", "b"):
            arrays[name] = arrays[name] + floats(*arrays[name].shape, seed=9 + step) * np.float32(
                1e-3
            )
    return made


def tree_of(repo: Repo, rev: str) -> bytes:
    found = resolve(repo, rev).snapshot
    assert found is not None
    return found.tree


def entry_of(repo: Repo, rev: str, name: str) -> _core.Entry:
    with repo.catalog.read() as txn:
        record = txn.tensor(tree_of(repo, rev), name)
    assert record is not None
    return repo.store.entry(record.id)


def check(repo: Repo, line: list[Arrays]) -> None:
    for number, arrays in enumerate(line, 1):
        read = weights(repo, tree_of(repo, f"m@{number}"))
        assert {name: a.tobytes() for name, a in read.items()} == {
            name: a.tobytes() for name, a in arrays.items()
        }
        half = weights(repo, tree_of(repo, f"m@{number}"), planes=2)
        for name, array in half.items():
            if array.dtype == np.float32:
                whole = arrays[name].view(np.uint32) & np.uint32(0xFFFF0000)
                assert array.tobytes() == whole.tobytes()


def stored(repo: Repo, line: list[Arrays]) -> int:
    ids = set()
    for number in range(1, len(line) + 1):
        with repo.catalog.read() as txn:
            ids |= {record.id for record in txn.tensors(tree_of(repo, f"m@{number}"))}
    return sum(repo.store.entry(object_id).stored_bytes for object_id in ids)


def test_all_versions_and_back(repo: Repo, line: list[Arrays]) -> None:
    before = stored(repo, line)
    names = sorted(repo.layout.packs_dir.iterdir())
    dry = store_as(repo, "progressive", dry_run=True)
    assert sorted(repo.layout.packs_dir.iterdir()) == names
    done = store_as(repo, "progressive")
    # Three versions of a and b, one of each other tensor.
    assert (done.tensors, done.moved, done.known, done.unfit) == (11, 7, 0, 4)
    assert done.snapshots == ("m@1#final", "m@2#final", "m@3#final")
    assert (dry.moved, dry.storage_before, dry.storage_cost) == (7, before, done.storage_cost)
    assert (dry.written_bytes, dry.dry_run) == (0, True)
    assert (done.storage_before, done.storage_cost) == (before, stored(repo, line))
    assert done.written_bytes > 0
    for number in (1, 2, 3):
        for name, fixed in (("a", True), ("half", True), ("infinite", False), ("tiny", False)):
            entry = entry_of(repo, f"m@{number}", name)
            assert (entry.is_fixed, entry.base) == (fixed, None)
    check(repo, line)
    again = store_as(repo, "progressive")
    assert (again.moved, again.known, again.written_bytes) == (0, 7, 0)
    gc(repo)
    check(repo, line)
    assert fsck(repo.layout.root).ok
    back = store_as(repo, "ordinary")
    assert (back.moved, back.known, back.unfit) == (7, 4, 0)
    assert not entry_of(repo, "m@2", "a").is_fixed
    assert archive(repo).moved > 0
    gc(repo)
    check(repo, line)
    assert fsck(repo.layout.root).ok


def test_one_version_whose_tensors_others_stand_on(repo: Repo, line: list[Arrays]) -> None:
    assert entry_of(repo, "m@2", "a").base is not None
    others = [entry_of(repo, rev, "b").stored_bytes for rev in ("m@1", "m@3")]
    done = store_as(repo, "progressive", ["m@2"])
    assert (done.tensors, done.moved) == (7, 3)
    entry = entry_of(repo, "m@2", "a")
    assert entry.is_fixed
    assert [entry_of(repo, rev, "b").stored_bytes for rev in ("m@1", "m@3")] == others
    check(repo, line)
    gc(repo)
    check(repo, line)
    assert fsck(repo.layout.root).ok
    one = store_as(repo, "progressive", ["m@3#final", "m@2"])
    assert one.snapshots == ("m@3#final", "m@2#final")
    # half is the same tensor in all of them.
    assert (one.moved, one.known) == (2, 3)


def test_plans_leave_it_alone_and_may_stand_on_it(repo: Repo, line: list[Arrays]) -> None:
    store_as(repo, "progressive", ["m@1"])
    fixed = {name: entry_of(repo, "m@1", name).stored_bytes for name in ("a", "b", "half")}
    for alpha, solver in ((3.0, "auto"), (1000.0, "mst"), (1.0, "spt"), (3.0, "auto")):
        archive(repo, alpha=alpha, solver=solver)
        for name, size in fixed.items():
            entry = entry_of(repo, "m@1", name)
            assert (entry.is_fixed, entry.stored_bytes) == (True, size)
        check(repo, line)
    told = archive(repo, alpha=1000.0, solver="mst", explained=True).explanation
    assert told is not None
    whys = {reason.rev: reason.why for reason in told.reasons if "a" in reason.tensors}
    assert whys["m@1#final"] == "in the progressive layout"
    assert whys["m@2#final"] != "in the progressive layout"
    gc(repo)
    bases = {repo.store.entry(entry_of(repo, rev, "a").id).base for rev in ("m@2", "m@3")}
    assert bases != {None}
    check(repo, line)
    assert archive(repo, alpha=1000.0, solver="mst").moved == 0
    assert fsck(repo.layout.root).ok


def test_a_half_precision_twin_stands_on_it(repo: Repo, commit_arrays: CommitArrays) -> None:
    wide = floats(200, 90)
    commit_arrays("m", {"w": wide})
    store_as(repo, "progressive")
    twin = wide.astype(np.float16)
    commit_arrays("half", {"w": twin}, bases=("m",))
    entry = entry_of(repo, "half", "w")
    assert entry.is_mapped
    read = weights(repo, tree_of(repo, "half"))["w"]
    assert read.tobytes() == twin.tobytes()
    # Planned for with what reading the base really costs.
    assert archive(repo, alpha=1000.0, solver="mst").feasible
    assert weights(repo, tree_of(repo, "half"))["w"].tobytes() == twin.tobytes()


def test_equal_tensors_are_not_stored_again(repo: Repo, commit_arrays: CommitArrays) -> None:
    arrays = first()
    commit_arrays("m", arrays)
    store_as(repo, "progressive")
    again = commit_arrays("m", arrays)
    assert (again.tensors_new, again.tensors_delta) == (0, 0)
    assert entry_of(repo, "m@2", "a").is_fixed
    near = commit_arrays("m", {**arrays, "a": arrays["a"] * np.float32(1.0001)})
    assert near.tensors_delta == 1
    assert weights(repo, tree_of(repo, "m"))["b"].tobytes() == arrays["b"].tobytes()


def test_a_catalog_made_anew_finds_it(repo: Repo, line: list[Arrays]) -> None:
    store_as(repo, "progressive")
    # Old copies are there still.
    reindex(repo.layout)
    repo.close()
    with Repo.open(repo.layout.root) as again:
        assert entry_of(again, "m@2", "a").is_fixed
        check(again, line)


def test_rows_files_and_sizes(repo: Repo, line: list[Arrays], tmp_path: Path) -> None:
    store_as(repo, "progressive")
    with repo.catalog.read() as txn:
        record = txn.tensor(tree_of(repo, "m@1"), "a")
    assert record is not None
    assert read_tensor(repo, record, rows=(5, 9)).tobytes() == line[0]["a"][5:9].tobytes()
    done = checkout(repo, "m@2", tmp_path / "out")
    assert all(file.verified for file in done.files)
    gc(repo)
    assert held_bytes(repo, resolve(repo, "m@1").version) > 0


def test_what_is_asked_wrongly(repo: Repo, line: list[Arrays]) -> None:
    with pytest.raises(UsageError):
        store_as(repo, "sideways")
    with pytest.raises(NotFoundError):
        store_as(repo, "progressive", ["nobody"])


def test_there_is_nothing_to_do(repo: Repo, commit_arrays: CommitArrays) -> None:
    empty = store_as(repo, "progressive")
    assert isinstance(empty, LayoutResult)
    assert (empty.tensors, empty.moved, empty.snapshots) == (0, 0, ())
    commit_arrays("notes", None, files={"a.txt": "text"})
    commit_arrays("m", {"n": np.arange(3000), "odd": np.ones(3, ml_dtypes.bfloat16).view("u2")})
    assert store_as(repo, "progressive").unfit == 2


def test_what_turns_out_longer_stays_where_it_is(repo: Repo, commit_arrays: CommitArrays) -> None:
    random = np.random.default_rng(0)
    # In each group values of all sizes: most take all of their bits in the tail.
    sizes = 2.0 ** random.integers(-60, 60, (40, 64))
    wide = (random.standard_normal(sizes.shape) * sizes).astype(np.float32)
    commit_arrays("m", {"x": wide})
    commit_arrays("m", {"x": (wide * np.float32(1.0001))})
    assert archive(repo, alpha=1.0, solver="spt").moved == 1
    found = store_as(repo, "progressive", ["m@2"])
    assert (found.moved, found.unfit, found.written_bytes) == (0, 1, 0)
    assert not entry_of(repo, "m@2", "x").is_fixed
    assert fsck(repo.layout.root).ok


def test_progress_reaches_the_end(repo: Repo, line: list[Arrays]) -> None:
    told: list[tuple[int, int]] = []
    store_as(repo, "progressive", progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] > 0
