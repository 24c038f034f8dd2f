"""Revisions: NAME[@VERSION][#SNAPSHOT] finds the version and snapshot meant, or says why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelhub.dlv.commit import CommitResult, commit
from modelhub.dlv.names import check_model_name, check_tag
from modelhub.dlv.resolve import format_rev, resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.tag import tag, untag
from modelhub.errors import BadInputError, ConflictError, NotFoundError, UsageError

CommitArrays = Callable[..., CommitResult]


def arrays(seed: int) -> dict[str, Any]:
    return {"w": np.random.default_rng(seed).standard_normal((4, 4))}


def test_newest_number_id_and_tag(repo: Repo, commit_arrays: CommitArrays) -> None:
    first = commit_arrays("m", arrays(1), tag="good")
    second = commit_arrays("m", arrays(2))
    assert resolve(repo, "m").version.sequence == 2
    assert resolve(repo, "m@1").version.id.hex() == first.id
    assert resolve(repo, f"m@{second.id[:8]}").version.sequence == 2
    assert resolve(repo, "m@good").version.sequence == 1
    assert format_rev(resolve(repo, "m@good").version) == "m@1"


@pytest.mark.parametrize("text", ["", "@1", "m@", "m#", "#x"])
def test_what_is_no_revision(repo: Repo, text: str) -> None:
    with pytest.raises(UsageError):
        resolve(repo, text)


@pytest.mark.parametrize("text", ["n", "m@9", "m@nothing", "m@00000000", "m#zzz", "m#9"])
def test_what_is_not_there(repo: Repo, commit_arrays: CommitArrays, text: str) -> None:
    commit_arrays("m", arrays(1))
    with pytest.raises(NotFoundError):
        resolve(repo, text)


def snapshot(path: Path, seed: int) -> Path:
    np.save(path, arrays(seed)["w"])
    return path


def test_snapshots_by_label_word_and_index(repo: Repo, tmp_path: Path) -> None:
    named = [(label, snapshot(tmp_path / f"{label}.npy", n)) for n, label in enumerate("ab1")]
    commit(repo, "m", snapshots=named)

    def label(text: str) -> str:
        found = resolve(repo, text).snapshot
        assert found is not None
        return found.label

    assert [label(f"m#{text}") for text in ("a", "last", "0", "1")] == ["a", "1", "a", "1"]
    assert label("m") == "1"
    with pytest.raises(NotFoundError):
        resolve(repo, "m#best")
    commit(repo, "m", snapshots=named, metadata={"best_snapshot": "b"})
    assert label("m") == label("m#best") == "b"
    commit(repo, "m", snapshots=[("best", named[0][1]), *named])
    assert label("m") == "best"


def test_tags_move_only_by_force_and_go(repo: Repo, commit_arrays: CommitArrays) -> None:
    commit_arrays("m", arrays(1))
    commit_arrays("m", arrays(2))
    tag(repo, "m@1", "prod")
    tag(repo, "m@1", "prod")
    with pytest.raises(ConflictError, match="m@1"):
        tag(repo, "m@2", "prod")
    tag(repo, "m@2", "prod", force=True)
    assert resolve(repo, "m@prod").version.sequence == 2
    untag(repo, "m", "prod")
    with pytest.raises(NotFoundError):
        resolve(repo, "m@prod")
    with pytest.raises(NotFoundError):
        untag(repo, "m", "prod")


@pytest.mark.parametrize("text", ["1", "1234567", "deadbeef", "0" * 64, "", "a@b", "a/b", " a"])
def test_tags_that_read_as_something_else(text: str) -> None:
    with pytest.raises(BadInputError) as caught:
        check_tag(text)
    assert caught.value.kind == "bad_name"


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "a\nb", "a@1", "a#b", "*", "-x", "x" * 201])
def test_model_names_that_are_refused(text: str) -> None:
    with pytest.raises(BadInputError) as caught:
        check_model_name(text)
    assert caught.value.kind == "bad_name"


@pytest.mark.parametrize("text", ["a", "été 2", "模型", "x" * 200, "12345678", "a.b-c_d+e"])
def test_model_names_that_are_taken(text: str) -> None:
    assert check_model_name(text) == text
