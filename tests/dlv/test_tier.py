"""Low-order segments in a tier: leading bytes without it, exact values with it, and the errors."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np
import pytest

from modelhub import _core
from modelhub.dlv.checkout import checkout
from modelhub.dlv.commit import CommitResult
from modelhub.dlv.fsck import fsck
from modelhub.dlv.gc import gc
from modelhub.dlv.reindex import reindex
from modelhub.dlv.remove import remove
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.tier import pull, push, set_tier, status
from modelhub.dlv.usage import usage
from modelhub.dlv.weights import weights
from modelhub.errors import (
    ConflictError,
    CorruptionError,
    ModelHubError,
    RemoteError,
    UsageError,
)

CommitArrays = Callable[..., CommitResult]


def arrays(step: int) -> dict[str, np.ndarray]:
    values = np.random.default_rng(0).standard_normal((120, 100)).astype(np.float32)
    moved = values + np.float32(step * 1e-5)
    return {"w": moved, "wide": moved.astype(np.float64) * 1.1, "bias": moved[0]}


def read(repo: Repo, rev: str, planes: int | None = None) -> dict[str, bytes]:
    found = resolve(repo, rev).snapshot
    assert found is not None
    got = weights(repo, found.tree, planes=planes)
    return {name: array.tobytes() for name, array in got.items()}


def expected(step: int) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in arrays(step).items()}


@pytest.fixture
def three(repo: Repo, commit_arrays: CommitArrays) -> Repo:
    """Return a repository with a chain of three versions, m@1 to m@3."""
    for step in range(3):
        commit_arrays("m", arrays(step), {"notes.txt": f"step {step}\n" * 2000})
    return repo


@pytest.fixture
def cold(three: Repo, tmp_path: Path) -> Path:
    """Return the folder to which the versions' low-order bytes were pushed."""
    folder = tmp_path / "cold"
    set_tier(three, str(folder))
    push(three)
    return folder


def lows(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.low"))


@pytest.mark.parametrize("place", ["cold", "file", "memory"])
def test_what_was_pushed_reads_byte_for_byte(three: Repo, tmp_path: Path, place: str) -> None:
    url = {
        "cold": str(tmp_path / "cold"),
        "file": f"file://{tmp_path}/cold",
        "memory": f"memory://{tmp_path.name}/cold",
    }[place]
    whole = usage(three).stored_bytes
    before = status(set_and_return(three, url))
    assert before.movable_bytes > 0.3 * whole
    moved = push(three)
    assert (moved.packs, moved.moved_bytes) == (3, before.movable_bytes)
    after = status(three)
    assert after.split_packs == 3
    assert (after.fault, after.missing_companions, after.movable_bytes) == ("", 0, 0)
    assert after.far_bytes == moved.moved_bytes == usage(three).far_bytes
    assert usage(three).stored_bytes == after.near_bytes < 0.7 * whole
    assert push(three).packs == 0
    for step in range(3):
        assert read(three, f"m@{step + 1}") == expected(step)
        files = checkout(three, f"m@{step + 1}", tmp_path / f"out{step}").files
        assert all(file.verified for file in files)
    assert fsck(three.layout.root).problems == ()
    back = pull(three)
    assert back.moved_bytes == moved.moved_bytes
    assert usage(three).stored_bytes == whole
    assert three.config.tier == ""
    system, root = fsspec.core.url_to_fs(url)
    assert [Path(name).name for name in system.ls(root, detail=False)] == ["modelhub-tier"]
    assert read(three, "m@3") == expected(2)
    assert not three.layout.leftovers_file.exists()
    assert fsck(three.layout.root).problems == ()


def set_and_return(repo: Repo, url: str) -> Repo:
    set_tier(repo, url)
    return repo


def test_a_missing_tier_leaves_the_leading_bytes(three: Repo, tmp_path: Path) -> None:
    before = {rev: read(three, rev, planes=2) for rev in ("m@1", "m@2", "m@3")}
    set_tier(three, str(tmp_path / "cold"))
    push(three)
    shutil.move(tmp_path / "cold", tmp_path / "elsewhere")
    for rev, values in before.items():
        assert read(three, rev, planes=2) == values
    cut = checkout(three, "m", tmp_path / "cut", planes=2)
    assert len(cut.files) == 2
    assert (tmp_path / "cut" / "notes.txt").read_text() == "step 2\n" * 2000
    checkout(three, "m", tmp_path / "bf16", precision="bf16", tensors="w")
    with pytest.raises(RemoteError) as caught:
        read(three, "m@3")
    error = caught.value
    assert (error.kind, error.exit_status) == ("tier", 7)
    place = three.locate(_tensor_id(three, "m@3"))
    assert place is not None
    assert str(tmp_path / "cold") in str(error)
    assert "there is no such folder" in str(error)
    assert place.pack.hex() in error.where
    assert "`--planes " in error.hint
    with pytest.raises(RemoteError):
        checkout(three, "m", tmp_path / "exact")
    assert not (tmp_path / "exact" / "weights.npz").exists()
    with pytest.raises(RemoteError, match="planes 2` \\(or `--precision bf16`\\)"):
        checkout(three, "m", tmp_path / "exact", tensors="w", format="npz")
    with pytest.raises(RemoteError, match="planes 4`, without"):
        checkout(three, "m", tmp_path / "exact", tensors="wide", format="npz")
    shutil.move(tmp_path / "elsewhere", tmp_path / "cold")
    assert read(three, "m@3") == expected(2)


def test_an_empty_mount_point_is_not_taken_for_the_tier(
    three: Repo, cold: Path, commit_arrays: CommitArrays
) -> None:
    commit_arrays("other", {"w": np.random.default_rng(5).standard_normal(9000)})
    cold.rename(cold.with_name("unmounted"))
    cold.mkdir()
    with pytest.raises(RemoteError, match="mounted"):
        push(three)
    assert list(cold.iterdir()) == []
    assert "mounted" in status(three).fault
    assert status(three).missing_companions == 3


def test_a_commit_on_a_base_out_of_reach_stores_it_whole(
    three: Repo, cold: Path, commit_arrays: CommitArrays
) -> None:
    shutil.rmtree(cold)
    commit_arrays("m", arrays(3))
    assert read(three, "m@4") == expected(3)
    assert three.store.entry(_tensor_id(three, "m@4")).base is None


def _tensor_id(repo: Repo, rev: str, name: str = "w") -> bytes:
    snapshot = resolve(repo, rev).snapshot
    assert snapshot is not None
    with repo.catalog.read() as txn:
        record = txn.tensor(snapshot.tree, name)
    assert record is not None
    return record.id


def test_deltas_on_pushed_bases_and_a_second_push(
    three: Repo, cold: Path, commit_arrays: CommitArrays
) -> None:
    commit_arrays("m", arrays(3))
    assert three.store.entry(_tensor_id(three, "m@4")).base is not None
    assert read(three, "m@4") == expected(3)
    assert push(three).packs == 1
    assert len(lows(cold)) == 4
    assert read(three, "m@4") == expected(3)


@pytest.mark.parametrize("damage", ["flip", "cut", "header", "other"])
def test_a_damaged_companion_is_named_and_never_returned(
    three: Repo, cold: Path, damage: str, tmp_path: Path
) -> None:
    place = three.locate(_tensor_id(three, "m@1"))
    assert place is not None
    low = cold / f"{place.pack.hex()}.low"
    data = bytearray(low.read_bytes())
    if damage == "flip":
        data[64] ^= 1
    elif damage == "cut":
        del data[-1]
    elif damage == "header":
        data[17] ^= 1
    else:
        other = next(path for path in lows(cold) if path != low)
        data = bytearray(other.read_bytes())
    low.write_bytes(data)
    three.store.close()
    with pytest.raises(CorruptionError) as caught:
        read(three, "m@1")
    assert place.pack.hex() in caught.value.where
    assert any(_tensor_id(three, "m@1", name).hex() in caught.value.where for name in ("w", "wide"))
    read(three, "m@1", planes=2)
    kinds = {problem.kind for problem in fsck(three.layout.root).problems}
    assert kinds == ({"object"} if damage == "flip" else {"object", "pack"})
    with pytest.raises(CorruptionError):
        pull(three)
    assert three.config.tier == str(cold)
    assert three.store.reader(place.pack).is_split
    read(three, "m@1", planes=2)


def test_fsck_tells_a_missing_tier_from_damage(three: Repo, cold: Path) -> None:
    cold.rename(cold.with_name("away"))
    found = fsck(three.layout.root)
    assert not found.ok
    assert [problem.kind for problem in found.problems] == ["tier"] * 3
    assert all(str(cold) in problem.detail for problem in found.problems)
    place = three.locate(_tensor_id(three, "m@1"))
    assert place is not None
    path = three.layout.pack_path(place.pack.hex())
    data = bytearray(path.read_bytes())
    with _core.PackReader(str(path)) as reader:
        shift = len(data) - reader.bytes + reader.far_bytes
        entry = reader.entry(reader.find(_tensor_id(three, "m@1")))
    data[shift + entry.offset + entry.record_bytes] ^= 1
    path.write_bytes(data)
    kinds = [problem.kind for problem in fsck(three.layout.root).problems]
    assert sorted(set(kinds)) == ["object", "tier"]


def test_fsck_tells_a_lost_companion(three: Repo, cold: Path) -> None:
    lost = lows(cold)[0]
    lost.unlink()
    (problem,) = fsck(three.layout.root).problems
    assert problem.kind == "tier"
    assert lost.name in problem.detail
    assert status(three).missing_companions == 1


def test_the_catalog_is_rebuilt_from_near_files_alone(three: Repo, cold: Path) -> None:
    two = read(three, "m@2", planes=2)
    cold.rename(cold.with_name("away"))
    root = three.layout.root
    three.close()
    with three.writer_lock():
        assert reindex(three.layout).lost == ()
    with Repo.open(root) as again:
        assert read(again, "m@2", planes=2) == two
        cold.with_name("away").rename(cold)
        assert read(again, "m@3") == expected(2)


def test_gc_removes_companions_of_removed_packs(three: Repo, cold: Path) -> None:
    remove(three, ["m@1", "m@2", "m@3"])
    assert gc(three, grace_seconds=3600).kept_for_grace == 4
    assert len(lows(cold)) == 3
    far = status(three).far_bytes
    assert gc(three, dry_run=True).freed_bytes > far
    assert len(lows(cold)) == 3
    assert gc(three).freed_bytes > far
    assert lows(cold) == []
    assert list(three.layout.packs_dir.iterdir()) == []
    assert not three.layout.leftovers_file.exists()


def test_gc_rewrites_both_parts_and_splits_again(
    three: Repo, cold: Path, commit_arrays: CommitArrays
) -> None:
    commit_arrays("m", {**arrays(2), "own": np.random.default_rng(9).standard_normal(9000)})
    push(three)
    commit_arrays("m", arrays(2))
    remove(three, ["m@4"])
    before = {path.name for path in lows(cold)}
    done = gc(three)
    assert (done.rewritten_packs + done.removed_packs) >= 1
    after = {path.name for path in lows(cold)}
    assert before != after
    split = {f"{name}.low" for name in _split_names(three)}
    assert after == split
    for step in range(3):
        assert read(three, f"m@{step + 1}") == expected(step)
    assert fsck(three.layout.root).problems == ()


def _split_names(repo: Repo) -> set[str]:
    names = set()
    for path in repo.layout.packs_dir.iterdir():
        with _core.PackReader(str(path)) as reader:
            if reader.is_split:
                names.add(path.stem)
    return names


def test_gc_without_the_tier_leaves_what_it_cannot_rewrite(
    three: Repo, cold: Path, commit_arrays: CommitArrays
) -> None:
    commit_arrays("n", {"own": np.random.default_rng(9).standard_normal(9000)})
    push(three)
    remove(three, ["m@3", "n"])
    cold.rename(cold.with_name("away"))
    done = gc(three)
    assert done.removed_packs >= 1
    assert len(_split_names(three)) < 4
    # What could not be removed there is remembered.
    waiting = status(three).leftovers
    assert waiting >= 1
    cold.with_name("away").rename(cold)
    gc(three)
    assert {path.stem for path in lows(cold)} == _split_names(three)
    assert status(three).leftovers == 0
    assert read(three, "m@2") == expected(1)


def test_many_small_split_packs_become_few(
    repo: Repo, commit_arrays: CommitArrays, tmp_path: Path
) -> None:
    set_tier(repo, str(tmp_path / "cold"))
    for step in range(9):
        commit_arrays("m", arrays(step))
    push(repo)
    gc(repo)
    assert len(list(repo.layout.packs_dir.iterdir())) == 1
    assert len(lows(tmp_path / "cold")) == 1
    for step in range(9):
        assert read(repo, f"m@{step + 1}") == expected(step)


def test_another_tier_needs_the_companions(three: Repo, cold: Path, tmp_path: Path) -> None:
    with pytest.raises(ConflictError):
        set_tier(three, str(tmp_path / "other"))
    assert three.config.tier == str(cold)
    shutil.copytree(cold, tmp_path / "other")
    shutil.rmtree(cold)
    set_tier(three, str(tmp_path / "other"), planes=4)
    assert read(three, "m@3") == expected(2)
    # What is split stays as it is split.
    assert push(three).packs == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3://key:secret@bucket/x",
        "https://host/x?token=secret",
        "a\nb",
        "simplecache::s3://b/x",
    ],
)
def test_places_that_are_none_or_hold_secrets(repo: Repo, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        set_tier(repo, url)
    assert "secret" not in str(caught.value)
    assert repo.config.tier == ""


def test_planes_that_are_none(repo: Repo, tmp_path: Path) -> None:
    for planes in (0, 8):
        with pytest.raises(UsageError):
            set_tier(repo, str(tmp_path / "cold"), planes=planes)


def test_without_a_tier_there_is_nothing_to_move(repo: Repo) -> None:
    for verb in (push, pull):
        with pytest.raises(UsageError):
            verb(repo)


def test_an_unknown_scheme_is_one_clear_error(repo: Repo) -> None:
    with pytest.raises(ModelHubError) as caught:
        set_tier(repo, "nonsense://place/x")
    assert caught.value.exit_status in (2, 7)
    assert repo.config.tier == ""


def test_settings_that_lost_the_tier_name_it(three: Repo, cold: Path) -> None:
    path = three.layout.config_file
    path.write_text(path.read_text().replace(f'"{cold}"', '""'))
    with Repo.open(three.layout.root) as again:
        with pytest.raises(RemoteError, match=r"config\.toml names none"):
            read(again, "m")
        read(again, "m", planes=2)
        set_tier(again, str(cold))
        assert read(again, "m") == expected(2)


def test_readers_go_on_while_packs_are_split_and_made_whole(three: Repo, tmp_path: Path) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []
    rounds = [0]

    def watch() -> None:
        try:
            with Repo.open(three.layout.root) as mine:
                while not stop.is_set():
                    for step in range(3):
                        assert read(mine, f"m@{step + 1}") == expected(step)
                    rounds[0] += 1
                    if rounds[0] % 3 == 0:
                        mine.store.close()
        except BaseException as error:
            failures.append(error)

    # Another process sees the settings when it opens the repository; so they are set first.
    set_tier(three, str(tmp_path / "cold"))
    reader = threading.Thread(target=watch)
    reader.start()
    try:
        for _ in range(6):
            push(three)
            pull(three)
            set_tier(three, str(tmp_path / "cold"))
    finally:
        stop.set()
        reader.join()
    assert failures == []
    assert rounds[0] > 0
