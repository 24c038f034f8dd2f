from __future__ import annotations

import numpy as np
import pytest

from modelhub.dlv.listing import forest, headline, listing
from modelhub.dlv.remove import remove
from modelhub.dlv.state import Repo

ONES = {"a.weight": np.ones((4, 3), np.float32), "a.bias": np.zeros(4, np.float32)}


def _revs(repo: Repo, pattern: str | None = None) -> list[str]:
    return [version.rev for version in listing(repo, pattern)]


def test_empty_repository(repo: Repo) -> None:
    assert listing(repo) == ()
    assert forest(repo).roots == ()


def test_facts(repo: Repo, commit_arrays) -> None:
    made = commit_arrays(
        "digits", ONES, {"notes.txt": "text"}, metadata={"accuracy": 0.5}, message="m", tag="best"
    )
    (version,) = listing(repo)
    assert version.id.hex() == made.id
    assert (version.rev, version.tensors, version.values, version.files) == ("digits@1", 2, 16, 1)
    assert (version.message, version.tags) == ("m", ("best",))
    assert version.metric == ("accuracy", 0.5)
    assert version.logical_bytes == made.logical_bytes
    assert version.parents == ()


def test_patterns(repo: Repo, commit_arrays) -> None:
    for name in ("digits", "digits", "digits-ft", "minilm"):
        commit_arrays(name, ONES)
    commit_arrays("digits", ONES, tag="prod")
    assert _revs(repo, "digits") == ["digits@1", "digits@2", "digits@3"]
    assert _revs(repo, "digits*") == ["digits@1", "digits@2", "digits@3", "digits-ft@1"]
    assert _revs(repo, "*@1") == ["digits@1", "digits-ft@1", "minilm@1"]
    assert _revs(repo, "digits@prod") == ["digits@3"]
    assert _revs(repo, "m[ia]nilm") == ["minilm@1"]
    assert _revs(repo, "none*") == []


def test_version_without_weights(repo: Repo, commit_arrays) -> None:
    commit_arrays("notes", None, {"notes.txt": "text"})
    (version,) = listing(repo)
    assert (version.snapshots, version.tensors, version.files) == ((), 0, 1)


def test_forest_has_one_parent_each(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", ONES)
    commit_arrays("b", ONES)
    commit_arrays("merged", ONES, bases=["a", "b"])
    commit_arrays("a", ONES)
    found = forest(repo)
    ids = {version.rev: version.id for version in found.versions.values()}
    assert found.roots == (ids["a@1"], ids["b@1"])
    assert found.children == {ids["a@1"]: (ids["merged@1"], ids["a@2"])}
    assert [parent.rev for parent in found.versions[ids["merged@1"]].parents] == ["a@1", "b@1"]


def test_forest_of_a_pattern_shows_relatives(repo: Repo, commit_arrays) -> None:
    commit_arrays("a", ONES)
    commit_arrays("b", ONES, bases=["a"])
    commit_arrays("c", ONES, bases=["b"])
    commit_arrays("other", ONES)
    found = forest(repo, "b")
    assert {version.rev for version in found.versions.values()} == {"a@1", "b@1", "c@1"}
    assert {found.versions[version].rev for version in found.matched} == {"b@1"}
    assert found.roots == tuple(v for v in found.versions if found.versions[v].rev == "a@1")


def test_removed_parent_is_named_by_its_id(repo: Repo, commit_arrays) -> None:
    first = commit_arrays("a", ONES)
    commit_arrays("b", ONES, bases=["a"])
    remove(repo, ["a"])
    (version,) = listing(repo)
    assert version.parents[0].rev == ""
    assert version.parents[0].text == f"{first.id[:12]} (removed)"
    assert forest(repo).roots == (version.id,)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, None),
        ({"lr": 0.1, "note": "accuracy"}, None),
        ({"loss": 0.2, "accuracy": 0.9}, ("accuracy", 0.9)),
        ({"train_loss": 0.1, "val_loss": 0.2}, ("val_loss", 0.2)),
        ({"accuracy": True}, None),
        ({"config.loss": 1}, None),
        ({"eval/f1": 1}, ("eval/f1", 1.0)),
        ({"loss": float("nan")}, None),
        ({"glossary": 3}, None),
    ],
)
def test_headline(metadata: dict[str, object], expected: object) -> None:
    assert headline(metadata) == expected
