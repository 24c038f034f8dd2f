from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelhub.dlv.describe import describe
from modelhub.dlv.state import Repo
from modelhub.errors import NotFoundError

ARRAYS = {
    "layer.0.weight": np.ones((4, 3), np.float32),
    "layer.1.weight": np.zeros((4, 3), np.float32),
    "steps": np.array(7, np.int64),
}


def test_facts(repo: Repo, commit_arrays, tmp_path: Path) -> None:
    log = tmp_path / "train.csv"
    log.write_text("step,loss\n1,0.5\n2,nan\n")
    first = commit_arrays(
        "digits", ARRAYS, {"notes.txt": "text"}, metadata={"lr": 0.1}, log=log, tag="t"
    )
    commit_arrays("child", ARRAYS, bases=["digits"])
    found = describe(repo, "digits")
    assert found.version.id.hex() == first.id
    assert found.version.tags == ("t",)
    assert found.children == ("child@1",)
    assert found.snapshot == found.snapshots[0].label
    assert [(d.dtype, d.tensors, d.values, d.nbytes) for d in found.dtypes] == [
        ("float32", 2, 24, 96),
        ("int64", 1, 1, 8),
    ]
    assert [line.name for line in found.network] == ["steps", "layer", "0..1", "weight"]
    assert found.metadata["lr"] == 0.1
    assert found.series["loss"][0] == (1.0, 0.5)
    assert np.isnan(found.series["loss"][1][1])
    assert {(file.path, file.associated) for file in found.files} == {
        ("weights.npz", False),
        ("notes.txt", True),
        ("train.csv", True),
    }
    assert found.held_bytes > 0
    assert found.tied == ()


def test_equal_snapshots_are_told(repo: Repo, commit_arrays, tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    np.savez(path, w=np.ones(3, np.float32))
    commit_arrays("a", snapshots=[("one", path), ("two", path)])
    found = describe(repo, "a#one")
    assert [(s.label, s.same_as, s.chosen) for s in found.snapshots] == [
        ("one", "", True),
        ("two", "one", False),
    ]


def test_version_without_weights(repo: Repo, commit_arrays) -> None:
    commit_arrays("notes", None, {"notes.txt": "text"})
    found = describe(repo, "notes")
    assert (found.snapshot, found.network, found.dtypes) == ("", (), ())
    assert [file.path for file in found.files] == ["notes.txt"]


def test_missing(repo: Repo) -> None:
    with pytest.raises(NotFoundError):
        describe(repo, "none")
