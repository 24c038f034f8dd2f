"""gc frees what nothing needs and keeps all else readable; fsck finds damage and rebuilds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelhub.dlv.checkout import checkout
from modelhub.dlv.commit import CommitResult
from modelhub.dlv.copy import copy
from modelhub.dlv.fsck import fsck
from modelhub.dlv.gc import gc
from modelhub.dlv.remove import remove
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.tag import tag
from modelhub.dlv.usage import usage
from modelhub.dlv.weights import weights
from modelhub.errors import CorruptionError, NotFoundError

CommitArrays = Callable[..., CommitResult]


def arrays(step: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    values = random.standard_normal((200, 100)).astype(np.float32)
    return {"w": values + np.float32(step * 1e-5), "own": np.full(3000, step) ** 3}


def read(repo: Repo, rev: str) -> dict[str, bytes]:
    found = resolve(repo, rev).snapshot
    assert found is not None
    return {name: array.tobytes() for name, array in weights(repo, found.tree).items()}


def expected(step: int) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in arrays(step).items()}


def test_bases_of_what_stays_survive(repo: Repo, commit_arrays: CommitArrays) -> None:
    for step in range(4):
        commit_arrays("m", arrays(step))
    before = usage(repo).stored_bytes
    remove(repo, ["m@1", "m@3"])
    with pytest.raises(NotFoundError):
        resolve(repo, "m@1")
    dry = gc(repo, dry_run=True)
    assert usage(repo).stored_bytes >= before
    done = gc(repo)
    assert dry.freed_bytes > 0
    assert done.freed_bytes > 0
    assert usage(repo).stored_bytes < before
    assert read(repo, "m@2") == expected(1)
    assert read(repo, "m@4") == expected(3)
    assert fsck(repo.layout.root).problems == ()
    assert commit_arrays("m", arrays(5)).version == 5


def test_all_removed_leaves_nothing(repo: Repo, commit_arrays: CommitArrays) -> None:
    commit_arrays("m", arrays(0))
    remove(repo, ["m"])
    gc(repo)
    assert list(repo.layout.packs_dir.iterdir()) == []


def test_many_small_packs_become_few(repo: Repo, commit_arrays: CommitArrays) -> None:
    for step in range(9):
        commit_arrays("m", arrays(step))
    gc(repo)
    assert len(list(repo.layout.packs_dir.iterdir())) == 1
    for step in range(9):
        assert read(repo, f"m@{step + 1}") == expected(step)


def test_grace_spares_what_is_young(repo: Repo, commit_arrays: CommitArrays) -> None:
    commit_arrays("m", arrays(0))
    remove(repo, ["m"])
    assert gc(repo, grace_seconds=3600).freed_bytes == 0
    assert gc(repo).freed_bytes > 0


def test_a_copy_stores_no_tensor(repo: Repo, commit_arrays: CommitArrays) -> None:
    commit_arrays("m", arrays(0))
    made = copy(repo, "m", "n")
    assert made.parents == ("m@1",)
    assert made.stored_bytes < 4096
    remove(repo, ["m"])
    gc(repo)
    assert read(repo, "n") == expected(0)


def test_a_lost_catalog_is_rebuilt(tmp_path: Path, commit_arrays: CommitArrays, repo: Repo) -> None:
    for step in range(3):
        commit_arrays("m", arrays(step), message=f"step {step}")
    tag(repo, "m@2", "good")
    remove(repo, ["m@1"])
    root = repo.layout.root
    repo.close()
    shutil.rmtree(repo.layout.catalog_dir)
    found = fsck(root)
    assert [problem.kind for problem in found.problems] == ["catalog"]
    repaired = fsck(root, repair=True)
    assert repaired.ok
    assert len(repaired.repaired) == 1
    with Repo.open(root) as again:
        assert read(again, "m@good") == expected(1)
        assert read(again, "m@3") == expected(2)
        version = resolve(again, "m@3").version
        assert version.message == "step 2"
        assert version.parents == (resolve(again, "m@2").version.id,)
        with pytest.raises(NotFoundError):
            resolve(again, "m@1")


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.99])
def test_a_flipped_bit_is_found_and_never_returned(
    repo: Repo, commit_arrays: CommitArrays, tmp_path: Path, share: float
) -> None:
    commit_arrays("m", arrays(0))
    (pack,) = repo.layout.packs_dir.iterdir()
    flip(pack, int(pack.stat().st_size * share))
    repo.close()
    assert not fsck(repo.layout.root).ok
    with Repo.open(repo.layout.root) as again, pytest.raises(CorruptionError):
        checkout(again, "m", tmp_path / "out")
    assert not (tmp_path / "out" / "weights.npz").exists()
