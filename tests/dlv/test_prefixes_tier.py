"""Prefixes of what lies in a tier: a folder, a web server with ranges, one without."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelhub.dlv import tier as tiers
from modelhub.dlv.archive_layout import store_as
from modelhub.dlv.commit import CommitResult
from modelhub.dlv.fsck import fsck
from modelhub.dlv.gc import gc
from modelhub.dlv.prefixes import Prefixes
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.weights import weights
from modelhub.errors import CorruptionError, NotFoundError, RemoteError
from modelhub.pas.ranges import GAP_BYTES_MAX
from modelhub.pas.tiers import open_tier
from tests.pas.web import Served, serve

CommitArrays = Callable[..., CommitResult]
Arrays = dict[str, np.ndarray]


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(shape) * 0.05).astype(np.float32)


def open_prefixes(repo: Repo, rev: str, tensors: str | None = None) -> Prefixes:
    found = resolve(repo, rev).snapshot
    assert found is not None
    return Prefixes(repo, found.tree, tensors)


def check_boxes(prefixes: Prefixes, arrays: Arrays) -> None:
    for name in prefixes.names:
        least, greatest = prefixes.box(name)
        exact = arrays[name].astype(np.float64)
        assert ((least <= exact) & (exact <= greatest)).all()


def check_exact(prefixes: Prefixes, arrays: Arrays) -> None:
    for name in prefixes.names:
        assert prefixes.values(name).tobytes() == arrays[name].tobytes()


@pytest.fixture
def arrays() -> Arrays:
    return {"a": floats(300, 80), "b": floats(200, 70, seed=1), "c": floats(64, 40, seed=2)}


@pytest.fixture
def cold(tmp_path: Path) -> Path:
    return tmp_path / "cold"


@pytest.fixture
def pushed(repo: Repo, commit_arrays: CommitArrays, arrays: Arrays, cold: Path) -> Repo:
    """Commit a version and a delta on it, and split their packs."""
    commit_arrays("m", arrays)
    near = {name: a + floats(*a.shape, seed=7) * np.float32(1e-3) for name, a in arrays.items()}
    commit_arrays("m", near)
    arrays.update({f"{name}2": a for name, a in near.items()})
    tiers.set_tier(repo, str(cold))
    tiers.push(repo)
    return repo


def of_version(arrays: Arrays, version: int) -> Arrays:
    return {n: arrays[n if version == 1 else f"{n}2"] for n in "abc"}


@pytest.fixture
def served(pushed: Repo, cold: Path) -> Iterator[Served]:
    pytest.importorskip("aiohttp", reason="fsspec reads http with aiohttp")
    with serve(cold) as made:
        pushed.configure(replace(pushed.config, tier=made.url))
        yield made


def far_bytes(prefixes: Prefixes, wanted: dict[str, int]) -> int:
    """Return the payload bytes of prefixes that lie in companions."""
    kept = prefixes._kept
    total = 0
    for object_id, segments in kept.needed(prefixes._objects(wanted)).items():
        entry = kept._kept[object_id]
        total += sum(entry.entry.segment_bytes[entry.near : segments])
    return total


def test_a_folder_is_read_in_place(pushed: Repo, arrays: Arrays, cold: Path) -> None:
    prefixes = open_prefixes(pushed, "m@2")
    away = cold.rename(cold.with_name("away"))
    near = dict.fromkeys(prefixes.names, 2)
    assert prefixes.read(near) == prefixes.nbytes(near)
    check_boxes(prefixes, of_version(arrays, 2))
    read = prefixes.bytes_read
    with pytest.raises(RemoteError) as caught:
        prefixes.read(dict.fromkeys(prefixes.names, 4))
    assert caught.value.kind == "tier"
    assert prefixes.bytes_read == read
    away.rename(cold)
    prefixes.read(dict.fromkeys(prefixes.names, 4))
    check_exact(prefixes, of_version(arrays, 2))
    assert prefixes.bytes_read == prefixes.bytes_full


@pytest.mark.parametrize("version", [1, 2])
def test_a_web_server_is_asked_for_ranges(
    pushed: Repo, served: Served, arrays: Arrays, version: int
) -> None:
    prefixes = open_prefixes(pushed, f"m@{version}")
    names = prefixes.names
    prefixes.read(dict.fromkeys(names, 2))
    assert served.sent == []
    for wanted in ({"a": 3}, {"b": 4}, {"a": 4, "c": 3}, dict.fromkeys(names, 4)):
        before, sent = prefixes.bytes_read, served.bytes
        assert prefixes.read(wanted) == served.bytes - sent == prefixes.bytes_read - before
        check_boxes(prefixes, of_version(arrays, version))
    check_exact(prefixes, of_version(arrays, version))
    # What came along was no more than what was wanted in the end.
    assert served.bytes == far_bytes(prefixes, dict.fromkeys(names, 4))
    assert prefixes.bytes_read == prefixes.bytes_full
    assert not served.sent_twice()
    assert not pushed.layout.cache_dir.exists()
    count = len(served.sent)
    assert prefixes.read(dict.fromkeys(names, 4)) == 0
    assert len(served.sent) == count
    assert prefixes.seconds > 0


def test_near_ranges_are_one_request_and_what_is_between_is_kept(
    repo: Repo, commit_arrays: CommitArrays, cold: Path
) -> None:
    made = {f"w{n}": floats(50, 60, seed=n) for n in range(6)}
    commit_arrays("m", made)
    tiers.set_tier(repo, str(cold))
    tiers.push(repo)
    pytest.importorskip("aiohttp", reason="fsspec reads http with aiohttp")
    with serve(cold) as served:
        repo.configure(replace(repo.config, tier=served.url))
        prefixes = open_prefixes(repo, "m")
        # The fourth segment lies between the third ones, and is shorter than the limit.
        assert max(repo.store.entry(prefixes._storage("w0").id).segment_bytes) < GAP_BYTES_MAX
        prefixes.read(dict.fromkeys(made, 3))
        assert len(served.sent) == 1
        assert [prefixes.held(name) for name in made] == [4, 4, 4, 4, 4, 3]
        prefixes.read(dict.fromkeys(made, 4))
        assert len(served.sent) == 2
        assert prefixes.bytes_read == prefixes.bytes_full
        check_exact(prefixes, made)


def test_what_comes_along_of_other_tensors_is_kept(
    repo: Repo, commit_arrays: CommitArrays, cold: Path
) -> None:
    arrays = {name: floats(40, 45, seed=seed) for seed, name in enumerate("abcde")}
    commit_arrays("m", arrays)
    store_as(repo, "progressive")
    gc(repo)
    tiers.set_tier(repo, str(cold), 1)
    tiers.push(repo)
    pytest.importorskip("aiohttp", reason="fsspec reads http with aiohttp")
    with serve(cold) as served:
        repo.configure(replace(repo.config, tier=served.url))
        prefixes = open_prefixes(repo, "m")
        prefixes.read(dict.fromkeys(prefixes.names, 3))
        assert served.sent == []
        prefixes.read(dict.fromkeys("ace", 8))
        sent = len(served.sent)
        assert prefixes.read(dict.fromkeys("bd", 10)) == 0
        assert len(served.sent) == sent
        prefixes.read(dict.fromkeys(prefixes.names, 10))
        check_exact(prefixes, arrays)


def test_a_server_without_ranges_sends_a_companion_once(
    pushed: Repo, arrays: Arrays, cold: Path
) -> None:
    pytest.importorskip("aiohttp", reason="fsspec reads http with aiohttp")
    with serve(cold, ranges=False) as served:
        pushed.configure(replace(pushed.config, tier=served.url))
        prefixes = open_prefixes(pushed, "m@1")
        prefixes.read(dict.fromkeys(prefixes.names, 2))
        assert served.sent == []
        near = prefixes.bytes_read
        assert prefixes.read({"a": 3}) == served.bytes
        assert len(served.sent) == 1
        for wanted in ({"b": 4}, dict.fromkeys(prefixes.names, 4)):
            assert prefixes.read(wanted) == 0
        check_exact(prefixes, of_version(arrays, 1))
        assert prefixes.bytes_read == near + served.bytes
        # Others find it in the cache.
        other = open_prefixes(pushed, "m@1")
        other.read(dict.fromkeys(other.names, 4))
        assert len(served.sent) == 1
        assert other.bytes_read == other.bytes_full


def test_a_server_may_forget_about_ranges(pushed: Repo, served: Served, arrays: Arrays) -> None:
    served.ranges_until = 1
    prefixes = open_prefixes(pushed, "m@2")
    for segments in (1, 4):
        prefixes.read(dict.fromkeys(prefixes.names, segments))
    check_exact(prefixes, of_version(arrays, 2))
    assert served.sent[-1][1] == 0


def test_one_answer_of_many_is_missing(
    pushed: Repo, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = pushed.companions.tier()._system
    answers = system.cat_ranges

    def old(paths: list[str], *options: Any, **named: Any) -> list[bytes | Exception]:
        return [*answers(paths, *options, **named)[:-1], OSError("the line broke")]

    monkeypatch.setattr(system, "cat_ranges", old)
    prefixes = open_prefixes(pushed, "m@1")
    with pytest.raises(RemoteError, match="the line broke"):
        prefixes.read(dict.fromkeys(prefixes.names, 4))


def test_object_stores_know_ranges(pushed: Repo, arrays: Arrays, cold: Path) -> None:
    url = f"memory://{uuid.uuid4().hex}/cold"
    tier = open_tier(url)
    for path in cold.iterdir():
        tier.write(path.name, [path.read_bytes()])
    pushed.configure(replace(pushed.config, tier=url))
    prefixes = open_prefixes(pushed, "m@2")
    prefixes.read(dict.fromkeys(prefixes.names, 4))
    check_exact(prefixes, of_version(arrays, 2))
    assert prefixes.bytes_read == prefixes.bytes_full
    assert not pushed.layout.cache_dir.exists()


def change(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def lows(cold: Path) -> list[Path]:
    return [path for path in cold.iterdir() if path.suffix == ".low"]


@pytest.mark.parametrize("how", ["short", "shorter", "flipped", "gone", "other"])
def test_a_companion_that_is_not_the_one_is_one_clear_error(
    pushed: Repo, served: Served, cold: Path, how: str
) -> None:
    good = {path: path.read_bytes() for path in lows(cold)}
    for path, data in good.items():
        bad = {
            "short": data[:-10],
            "shorter": data[:60],
            "flipped": bytes(byte ^ 1 for byte in data),
            "gone": b"",
            "other": data[100:] + data[:100],
        }[how]
        change(path, bad)
        if how == "gone":
            path.unlink()
    prefixes = open_prefixes(pushed, "m@1")
    prefixes.read(dict.fromkeys(prefixes.names, 2))
    expected = RemoteError if how in ("gone", "shorter") else CorruptionError
    with pytest.raises(expected) as caught:
        prefixes.read(dict.fromkeys(prefixes.names, 4))
    assert served.url in str(caught.value)
    if expected is CorruptionError:
        assert "put back a copy of the companion" in caught.value.hint
        assert ".low" in caught.value.where
    else:
        assert caught.value.kind == "tier"
    assert [prefixes.held(name) for name in prefixes.names][-1] == 2
    for path, data in good.items():
        path.write_bytes(data)
    prefixes.read(dict.fromkeys(prefixes.names, 4))
    assert all(prefixes.is_exact(name) for name in prefixes.names)


def test_packs_may_be_stored_anew_or_pulled_meanwhile(
    pushed: Repo, served: Served, arrays: Arrays, cold: Path
) -> None:
    begun = open_prefixes(pushed, "m@1")
    begun.read(dict.fromkeys(begun.names, 2))
    pushed.configure(replace(pushed.config, tier=str(cold)))
    tiers.pull(pushed)
    assert lows(cold) == []
    pushed.configure(replace(pushed.config, tier=served.url))
    begun._kept._store.companions.url = served.url
    begun.read(dict.fromkeys(begun.names, 4))
    check_exact(begun, of_version(arrays, 1))
    # Packs that are removed stay open.
    other = open_prefixes(pushed, "m@1")
    other.read(dict.fromkeys(other.names, 1))
    store_as(pushed, "progressive")
    gc(pushed)
    other.read(dict.fromkeys(other.names, 4))
    check_exact(other, of_version(arrays, 1))
    check_exact_now = open_prefixes(pushed, "m@1")
    assert len(check_exact_now.steps("a")) > 4
    check_exact_now.read(dict.fromkeys(other.names, 99))
    check_exact(check_exact_now, of_version(arrays, 1))


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_packs_of_a_tier_may_be_collected_meanwhile(
    pushed: Repo, commit_arrays: CommitArrays, arrays: Arrays, cold: Path, scheme: str
) -> None:
    pushed.configure(replace(pushed.config, tier=f"{scheme}{cold}"))
    begun = open_prefixes(pushed, "m@1")
    begun.read(dict.fromkeys(begun.names, 2))
    before = lows(cold)
    # Objects of other versions go, and those of this one are copied to other packs.
    store_as(pushed, "progressive", ["m@2"])
    for seed in range(8):
        commit_arrays("n", {"d": floats(70, 80, seed=20 + seed)})
    gc(pushed)
    assert not {*before} & {*lows(cold)}
    read = begun.read(dict.fromkeys(begun.names, 4))
    check_exact(begun, of_version(arrays, 1))
    assert read + begun.nbytes(dict.fromkeys(begun.names, 2)) == begun.bytes_full
    # Stored anew, they are others.
    other = open_prefixes(pushed, "m@1")
    other.read(dict.fromkeys(other.names, 2))
    tiers.push(pushed)
    store_as(pushed, "progressive")
    gc(pushed)
    check_boxes(other, of_version(arrays, 1))
    with pytest.raises(NotFoundError, match="stored anew"):
        other.read({"a": 4})


@pytest.mark.parametrize("planes", [1, 2, 3])
def test_the_progressive_layout_in_a_tier(
    repo: Repo, commit_arrays: CommitArrays, arrays: Arrays, cold: Path, planes: int
) -> None:
    commit_arrays("m", arrays)
    store_as(repo, "progressive")
    gc(repo)
    tiers.set_tier(repo, str(cold), planes)
    assert tiers.push(repo).moved_bytes > 0
    pytest.importorskip("aiohttp", reason="fsspec reads http with aiohttp")
    with serve(cold) as served:
        repo.configure(replace(repo.config, tier=served.url))
        prefixes = open_prefixes(repo, "m")
        for name in prefixes.names:
            near = [step for step in prefixes.steps(name) if step.bits <= 8 * planes]
            prefixes.read({name: near[-1].segments})
            assert near[-1].bits == 8 * planes
        assert served.sent == []
        check_boxes(prefixes, arrays)
        for segments in (9, 14, 16, 17):
            prefixes.read(dict.fromkeys(prefixes.names, segments))
            check_boxes(prefixes, arrays)
        check_exact(prefixes, arrays)
        assert prefixes.bytes_read == prefixes.bytes_full
        assert not served.sent_twice()
    repo.configure(replace(repo.config, tier=str(cold)))
    assert fsck(repo.layout.root).ok
    # Leading bytes are another thing than leading bits: they take all of it.
    found = resolve(repo, "m").snapshot
    assert found is not None
    half = weights(repo, found.tree, planes=2)["a"]
    assert half.tobytes() == (arrays["a"].view(np.uint32) & 0xFFFF0000).tobytes()
    away = cold.rename(cold.with_name("away"))
    repo.store.close()
    with pytest.raises(RemoteError) as caught:
        weights(repo, found.tree, planes=2)
    assert "progressive layout" in caught.value.hint
    assert {problem.kind for problem in fsck(repo.layout.root).problems} == {"tier"}
    away.rename(cold)
    tiers.pull(repo)
    assert fsck(repo.layout.root).ok
