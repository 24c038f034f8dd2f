"""Calibrations: what they find, where they are kept, and what they are not taken for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from modelhub.catalog.records import AnnotationRecord
from modelhub.dlv import calibrate_ladder
from modelhub.dlv.annotate import annotate
from modelhub.dlv.ladders import LADDER, Calibration, calibration_in, calibration_of
from modelhub.dlv.prefixes import Prefixes
from modelhub.errors import BadInputError, NotFoundError, PermissionDeniedError
from modelhub.net.module import build
from modelhub.repository import Repository
from tests.dlv.digits import digits, trained
from tests.dlv.small_nets import Cnn, Recurrent, examples, mlp, reference

TRAIN, TEST = digits()


@pytest.fixture(scope="module")
def models() -> dict[str, nn.Module]:
    return {"mlp": trained(mlp(), 40), "cnn": trained(Cnn(nn.Softmax(1)), 40)}


@pytest.fixture
def repository(tmp_path: Path, models: dict[str, nn.Module]) -> Iterator[Repository]:
    with Repository.init(tmp_path / "r") as opened:
        for name, model in models.items():
            opened.commit(name, model, example_inputs=examples(TRAIN.floats))
        opened.store_as("progressive")
        yield opened


@pytest.fixture
def data(tmp_path: Path) -> Path:
    # In the order of the classes, as folders of images are.
    order = np.argsort(TRAIN.y, kind="stable")
    np.savez(tmp_path / "train.npz", x=TRAIN.floats[order], y=TRAIN.y[order])
    return tmp_path / "train.npz"


def _kept(repository: Repository, rev: str) -> list[AnnotationRecord]:
    return [note for note in repository[rev].annotations if note.key == LADDER]


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_a_ladder_that_climbs(repository: Repository, data: Path, name: str) -> None:
    (one,) = repository.calibrate(name, data=data)
    assert (one.why, one.rev.partition("@")[0]) == ("", name)
    assert one.measured is not None
    found = one.measured.calibration
    assert (found.n, found.data) == (256, "train.npz")
    assert len(found.rungs) == len(found.agreements) >= 2
    shares = [rung.share for rung in found.rungs]
    sizes = [rung.nbytes for rung in found.rungs]
    assert shares == sorted(shares)
    assert shares[0] >= 0.5
    assert shares[-1] >= 0.985
    assert sizes == sorted(set(sizes))
    assert sizes[-1] < one.measured.bytes_full == one.measured.bytes_read
    assert found.forward_seconds > 0
    assert found.bound_seconds > 0
    prefixes = Prefixes(repository[name].repo, repository[name].snapshot.tree)
    for rung in found.rungs:
        assert prefixes.nbytes(rung.schedule) == rung.nbytes
    # Examples are taken evenly: of all classes, though these stand in their order.
    assert all(n == 256 for n, _ in found.agreements)


def test_what_it_says_of_estimates_is_so(repository: Repository, data: Path) -> None:
    (one,) = repository.calibrate("mlp", data=data)
    assert one.measured is not None
    found = one.measured.calibration
    version = repository["mlp"]
    with np.load(data) as read:
        x = read["x"][np.linspace(0, 999, 256).astype(int)]
    truth = reference(repository, "mlp", x).argmax(1)
    prefixes = Prefixes(version.repo, version.snapshot.tree)
    prefixes.read(found.estimate.schedule)
    module = build(version.network(), {name: prefixes.values(name) for name in prefixes.names})
    with torch.inference_mode():
        labels = module(torch.from_numpy(x)).numpy().argmax(1)
    missed = labels != truth
    assert (found.estimate.n, found.estimate.misses) == (128, missed[1::2].sum())
    assert missed[::2].mean() <= 0.005
    assert found.estimate.nbytes == prefixes.bytes_read


def test_it_is_kept_and_read_again(repository: Repository, data: Path) -> None:
    (one,) = repository.calibrate("mlp", data=data)
    assert one.measured is not None
    (note,) = _kept(repository, "mlp")
    found = calibration_in(note.value)
    assert found is not None
    made = asdict(one.measured.calibration)
    assert {**asdict(found), "created_ns": 0} == made
    # Packs hold it like any annotation.
    assert repository.fsck().ok


@pytest.mark.parametrize(
    "change",
    [
        {"estimate": {"schedule": None, "nbytes": 1, "n": 1, "misses": 0}},
        {"estimate": {"schedule": {"a": 0}, "nbytes": 1, "n": 1, "misses": 0}},
        {"estimate": {"schedule": {"a": "much"}, "nbytes": 1, "n": 1, "misses": 0}},
        {"estimate": {"schedule": {}, "nbytes": 1, "n": 1, "misses": 2}},
        {"rungs": [{"schedule": {"a": 1}, "nbytes": 1, "share": "most"}]},
        {"forward_seconds": "few"},
    ],
)
def test_what_makes_no_sense_is_none(
    repository: Repository, data: Path, change: dict[str, object]
) -> None:
    (one,) = repository.calibrate("mlp", data=data)
    assert one.measured is not None
    value = one.measured.calibration.to_json()
    assert calibration_in(value) is not None
    assert calibration_in({**value, **change}) is None


def test_a_ladder_of_other_tensors_is_not_climbed(repository: Repository, data: Path) -> None:
    (one,) = repository.calibrate("mlp", data=data)
    assert one.measured is not None
    value = one.measured.calibration.to_json()
    value["rungs"] = [{"schedule": {"other": 1}, "nbytes": 1, "share": 1.0}]
    with repository._repo.writer_lock():
        annotate(repository._repo, [(repository["mlp"].record.id, LADDER, value)])
    found = repository["mlp"].evaluate(data, mode="progressive", keep=False)
    assert found.certified > 0.9
    # It is made anew, and not kept.
    assert found.facts["calibrated"] is not None


def test_all_that_the_data_fits(repository: Repository, data: Path, tmp_path: Path) -> None:
    repository.commit("lstm", trained(Recurrent(), 3), example_inputs=examples(TRAIN.floats))
    repository.commit("weights", {"w": np.ones(3, np.float32)})
    wide = nn.Sequential(nn.Linear(7, 3)).eval()
    repository.commit("wide", wide, example_inputs=(torch.rand(2, 7),))
    (tmp_path / "notes.txt").write_text("no weights")
    repository.commit("files", files=[tmp_path / "notes.txt"])
    found = {one.rev.partition("@")[0]: one for one in repository.calibrate(data=data)}
    assert set(found) == {"mlp", "cnn", "lstm", "weights", "wide"}
    done = {name for name, one in found.items() if one.measured is not None}
    assert done == {"mlp", "cnn"}
    assert "aten.lstm" in found["lstm"].why
    assert "weights alone" in found["weights"].why
    assert "(1000, 1, 8, 8)" in found["wide"].why
    assert not _kept(repository, "lstm")
    # What is named must do.
    for name, error in (("weights", BadInputError), ("wide", BadInputError)):
        with pytest.raises(error):
            repository.calibrate(name, data=data)
    for name in ("files", "nothing"):
        with pytest.raises(NotFoundError):
            repository.calibrate(name, data=data)


def test_what_cannot_be_kept_is_used(
    repository: Repository, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*words: object) -> None:
        raise PermissionDeniedError("read-only file system", where="a pack")

    monkeypatch.setattr(calibrate_ladder, "annotate", refuse)
    found = repository["mlp"].evaluate(data, mode="progressive")
    assert found.facts["ladder"] == "calibration"
    assert any("not kept: a pack: read-only file system" in note for note in found.notes)
    assert not _kept(repository, "mlp")
    (one,) = repository.calibrate("mlp", data=data)
    assert one.why == "a pack: read-only file system"


def test_the_newest_of_the_same_snapshot_and_layout(repository: Repository, data: Path) -> None:
    (one,) = repository.calibrate("mlp", data=data)
    assert one.measured is not None
    made = one.measured.calibration
    value = made.to_json()
    newer = {**value, "n": 7}
    others = [{**value, "snapshot": "early"}, {**value, "storage": "00"}, {**value, "format": 2}]
    damaged = [{**value, "rungs": [{"share": 1}]}, {"format": 1}, "text", None, {**value, "x": 1}]
    notes = [
        AnnotationRecord(bytes(32), bytes(32), LADDER, each, place)
        for place, each in enumerate([value, newer, *others, *damaged])
    ]
    found = calibration_of(notes, made.snapshot, made.storage)
    assert isinstance(found, Calibration)
    assert (found.n, found.created_ns) == (7, 1)
    assert calibration_of(notes[2:], made.snapshot, made.storage) is None
