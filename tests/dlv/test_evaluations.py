"""Results stay with the version: outside its id, seen by desc, list and queries, and rebuilt."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from modelhub.catalog.records import AnnotationRecord
from modelhub.dlv import evaluate as evaluating
from modelhub.dlv.evaluations import Evaluated, evaluations_of, series_of
from modelhub.dlv.fsck import fsck
from modelhub.dlv.listing import listing
from modelhub.errors import PermissionDeniedError
from modelhub.fs import files
from modelhub.repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """A version `m`, which answers 0 or 1 by the larger of two inputs."""
    net = nn.Linear(2, 2)
    with torch.no_grad():
        net.weight.copy_(torch.eye(2))
        net.bias.zero_()
    with Repository.init(tmp_path / "r") as opened:
        opened.commit("m", net, example_inputs=(torch.ones(2, 2),))
        yield opened


def _data(tmp_path: Path, right: int, name: str = "d.npz") -> Path:
    """Write ten examples, of which so many have the label that `m` answers."""
    x = np.tile(np.array([[0.0, 1.0]], np.float32), (10, 1))
    np.savez(tmp_path / name, x=x, y=(np.arange(10) < right).astype(np.int64))
    return tmp_path / name


def test_a_result_is_kept_outside_the_id(repository: Repository, tmp_path: Path) -> None:
    before = repository["m"].id
    found = repository["m"].evaluate(_data(tmp_path, 7))
    assert (found.kept, found.why_not, found.scores.top1) == (True, "", 0.7)
    assert repository["m"].id == before
    (kept,) = repository["m"].evaluations
    assert (kept.top1, kept.n, kept.classes, kept.k, kept.mode) == (0.7, 10, 2, 2, "exact")
    assert (kept.data, kept.sha256) == ("d.npz", found.data.sha256)
    assert (kept.device, kept.torch) == (found.device, torch.__version__)
    assert kept.settings == {"batch_size": 128, "outputs": "logits"}
    assert kept.created_ns > 0


def test_the_same_again_is_not_kept_twice(repository: Repository, tmp_path: Path) -> None:
    data = _data(tmp_path, 7)
    for options in ({}, {}, {"batch_size": 3}, {"batch_size": 3}, {}):
        assert repository["m"].evaluate(data, **options).kept
    assert [one.settings["batch_size"] for one in repository["m"].evaluations] == [128, 3, 128]


def test_nothing_is_kept_unless_wanted(repository: Repository, tmp_path: Path) -> None:
    found = repository["m"].evaluate(_data(tmp_path, 7), keep=False)
    assert (found.kept, found.why_not) == (False, "")
    assert repository["m"].evaluations == ()


def test_queries_and_lists_see_results(repository: Repository, tmp_path: Path) -> None:
    def found(condition: str) -> list[str]:
        return [one.rev for one in repository.query(f"select m where {condition}")]

    assert found('m.metrics["eval.top1"] > 0') == []
    repository["m"].evaluate(_data(tmp_path, 9))
    assert listing(repository["m"].repo)[0].metric == ("eval.top1", 0.9)
    repository["m"].evaluate(_data(tmp_path, 7))
    assert listing(repository["m"].repo)[0].metric == ("eval.top1", 0.7)
    for condition in (" = 0.7", ".last < 0.8", ".best >= 0.9", ".first = 0.9"):
        assert found(f'm.metrics["eval.top1"]{condition}') == ["m@1"]
    assert found('m.metrics["eval.top1"] > 0.8') == []
    assert found('m.metrics["eval.loss"].best < 1') == ["m@1"]


def test_metadata_comes_first_in_a_list(repository: Repository, tmp_path: Path) -> None:
    repository.commit("m", repository["m"].weights(), metadata={"accuracy": 0.5})
    repository["m"].evaluate(_data(tmp_path, 9))
    assert listing(repository["m"].repo)[1].metric == ("accuracy", 0.5)


def test_a_lossy_copy_shows_what_was_measured_of_it(repository: Repository, tmp_path: Path) -> None:
    repository.commit("m", repository["m"].weights(), metadata={"accuracy": 0.5})
    repository.copy("m", "small", scheme="bf16")
    assert listing(repository["m"].repo, "small")[0].metric is None
    repository["small"].evaluate(_data(tmp_path, 9))
    assert listing(repository["m"].repo, "small")[0].metric == ("eval.top1", 0.9)


def test_results_come_back_from_packs(repository: Repository, tmp_path: Path) -> None:
    for right in (9, 7):
        repository["m"].evaluate(_data(tmp_path, right))
    kept = repository["m"].evaluations
    repository.close()
    for path in (repository.root / ".modelhub" / "catalog").iterdir():
        path.unlink()
    assert fsck(repository.root, repair=True).ok
    with Repository.open(repository.root) as again:
        assert again["m"].evaluations == kept
        rows = again.query('select m where m.metrics["eval.top1"].best >= 0.9')
        assert [one.rev for one in rows] == ["m@1"]


def test_a_removed_version_leaves_no_results(repository: Repository, tmp_path: Path) -> None:
    repository.commit("other", {"w": np.ones(3, np.float32)})
    repository["m"].evaluate(_data(tmp_path, 9))
    repository.remove("m@1")
    assert repository.query('select m where m.metrics["eval.top1"] > 0') == []
    assert repository.fsck().ok


def test_a_version_removed_meanwhile(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, load = _data(tmp_path, 9), evaluating.load

    def load_and_remove(*words: object) -> object:
        loaded = load(*words)
        repository.remove("m@1")
        return loaded

    monkeypatch.setattr(evaluating, "load", load_and_remove)
    found = repository["m"].evaluate(data)
    assert (found.scores.top1, found.kept) == (0.9, False)
    assert "removed meanwhile" in found.why_not
    assert repository.fsck().ok


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_repository(repository: Repository, tmp_path: Path) -> None:
    data = _data(tmp_path, 9)
    repository.close()
    root = repository.root
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        with Repository.open(root) as again:
            found = again["m"].evaluate(data)
    finally:
        for folder in folders:
            folder.chmod(0o700)
    assert (found.scores.top1, found.kept) == (0.9, False)
    assert found.why_not


def test_what_cannot_be_written_is_not_kept(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*words: object) -> None:
        raise PermissionDeniedError("read-only file system", where="a pack")

    data = _data(tmp_path, 9)
    monkeypatch.setattr(evaluating, "annotate", refuse)
    found = repository["m"].evaluate(data)
    assert (found.scores.top1, found.kept) == (0.9, False)
    assert found.why_not == "a pack: read-only file system"


def test_formats_to_come_are_passed_over() -> None:
    now = Evaluated(
        "s", "d", "00", 1, 10, 2, 0.5, 2, 1.0, 0.7, 0, "exact", "cpu", "2", 1.0, {}
    )  # fmt: skip
    values = [now.to_json(), {"format": 2}, {"format": 1, "n": 3}, "text"]
    notes = [AnnotationRecord(bytes(32), bytes(32), "eval", value, 5) for value in values]
    (found,) = evaluations_of(notes)
    assert (found.top1, found.created_ns) == (0.5, 5)
    assert series_of(notes) == {
        "eval.top1": [(0.0, 0.5)],
        "eval.top2": [(0.0, 1.0)],
        "eval.loss": [(0.0, 0.7)],
    }


def test_data_is_only_read(repository: Repository, tmp_path: Path) -> None:
    data = _data(tmp_path, 9)
    before = files.file_stat(data).st_mtime_ns, files.read_bytes(data)
    data.chmod(0o400)
    repository["m"].evaluate(data)
    assert (files.file_stat(data).st_mtime_ns, files.read_bytes(data)) == before
