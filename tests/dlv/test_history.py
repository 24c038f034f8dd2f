from __future__ import annotations

import numpy as np
import pytest

from modelhub.dlv.history import history
from modelhub.dlv.remove import remove
from modelhub.dlv.state import Repo
from modelhub.errors import NotFoundError

ONES = {"w": np.ones(3, np.float32)}


def _revs(repo: Repo, rev: str, limit: int | None = None) -> list[str]:
    return [version.rev for version in history(repo, rev, limit).entries]


def test_newest_first_over_all_parents(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", ONES)
    commit_arrays("b", ONES)
    commit_arrays("a", ONES)
    commit_arrays("m", ONES, bases=["a@2", "b"])
    commit_arrays("unrelated", ONES)
    assert _revs(repo, "m") == ["m@1", "a@2", "b@1", "a@1"]
    assert _revs(repo, "a@1") == ["a@1"]


def test_diamond_is_shown_once(repo: Repo, commit_arrays) -> None:
    commit_arrays("root", ONES)
    commit_arrays("left", ONES, bases=["root"])
    commit_arrays("right", ONES, bases=["root"])
    commit_arrays("m", ONES, bases=["left", "right"])
    assert _revs(repo, "m") == ["m@1", "right@1", "left@1", "root@1"]


def test_limit(repo: Repo, commit_arrays) -> None:
    for _ in range(3):
        commit_arrays("a", ONES)
    assert _revs(repo, "a", 2) == ["a@3", "a@2"]
    assert history(repo, "a", 2).more
    assert not history(repo, "a", 3).more


def test_removed_ancestor(repo: Repo, commit_arrays) -> None:
    first = commit_arrays("a", ONES)
    commit_arrays("a", ONES)
    remove(repo, ["a@1"])
    found = history(repo, "a")
    assert [version.rev for version in found.entries] == ["a@2"]
    assert [version_id.hex() for version_id in found.removed] == [first.id]


def test_missing(repo: Repo) -> None:
    with pytest.raises(NotFoundError):
        history(repo, "none")
