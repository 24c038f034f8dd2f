"""The stage: what is added, what has changed since, and what may not be added."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelhub.dlv import stage
from modelhub.dlv.commit import commit
from modelhub.dlv.state import Repo
from modelhub.dlv.status import status
from modelhub.errors import BadInputError, ConflictError, NotFoundError, UsageError


def weights(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, w=np.random.default_rng(seed).standard_normal(100))
    return path


def test_a_file_that_changed_is_not_committed(repo: Repo, tmp_path: Path) -> None:
    path = weights(tmp_path / "a.npz")
    stage.add(repo, [path])
    assert [state for _, state in status(repo).staged] == ["ok"]
    path.write_bytes(b"not what it was")
    assert [state for _, state in status(repo).staged] == ["changed"]
    with pytest.raises(ConflictError) as caught:
        commit(repo, "m")
    assert caught.value.kind == "changed_since_add"
    path.unlink()
    assert [state for _, state in status(repo).staged] == ["missing"]
    with pytest.raises(ConflictError, match="gone"):
        commit(repo, "m")
    stage.unstage(repo, ["a.npz"])
    assert status(repo).staged == ()


def test_two_files_of_one_name_clash(repo: Repo, tmp_path: Path) -> None:
    stage.add(repo, [weights(tmp_path / "x" / "w.npz")])
    with pytest.raises(ConflictError, match="two files"):
        stage.add(repo, [weights(tmp_path / "y" / "w.npz")])


def test_nothing_staged_is_a_usage_error(repo: Repo) -> None:
    with pytest.raises(UsageError, match="nothing to commit"):
        commit(repo, "m")


def test_damaged_weights_are_refused_unless_kept_as_a_file(repo: Repo, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(BadInputError):
        stage.add(repo, [path])
    stage.add(repo, [path], as_file=True)
    commit(repo, "m")
    with repo.catalog.read() as txn:
        version = txn.latest("m")
        assert version is not None
        assert [file.path for file in version.files] == ["w.safetensors"]
        assert version.snapshots == ()


def test_what_does_not_exist_is_not_found(repo: Repo, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        stage.add(repo, [tmp_path / "nothing.pt"])


def test_names_that_stand_in_two_files_get_the_files_path(repo: Repo, tmp_path: Path) -> None:
    stage.add(repo, [weights(tmp_path / "a.npz"), weights(tmp_path / "b.npz", 1)])
    commit(repo, "m")
    with repo.catalog.read() as txn:
        version = txn.latest("m")
        assert version is not None
        names = [row.name for row in txn.tensors(version.snapshots[0].tree)]
    assert names == ["a.npz:w", "b.npz:w"]
