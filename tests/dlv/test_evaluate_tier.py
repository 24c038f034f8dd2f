"""Progressive evaluation where low-order bytes lie behind a link: climb it, or read all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from modelhub.dlv.evaluate_options import Evaluation
from modelhub.dlv.prefixes import Prefixes
from modelhub.repository import Repository
from tests.dlv.digits import digits, trained
from tests.dlv.small_nets import examples, mlp, reference
from tests.pas.web import Served, serve

TRAIN, TEST = digits()
X, Y = TEST.floats[:200], TEST.y[:200]


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return trained(mlp(), 40)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    np.savez(tmp_path / "test.npz", x=X, y=Y)
    return tmp_path / "test.npz"


@pytest.fixture
def repository(tmp_path: Path, model: torch.nn.Module, data: Path) -> Iterator[Repository]:
    """A version whose low-order bits are in a tier; calibrated before they were."""
    with Repository.init(tmp_path / "r") as opened:
        opened.commit("m", model, example_inputs=examples(TRAIN.floats))
        opened.store_as("progressive", "m")
        opened["m"].evaluate(data, mode="progressive")
        opened.commit("other", trained(mlp(), 30), example_inputs=examples(TRAIN.floats))
        opened.set_tier(tmp_path / "cold", planes=1)
        opened.push_tier()
        yield opened


@pytest.fixture
def served(repository: Repository, tmp_path: Path) -> Iterator[Served]:
    pytest.importorskip("aiohttp", reason="fsspec reads http with aiohttp")
    with serve(tmp_path / "cold") as made:
        repo = repository["m"].repo
        repo.configure(replace(repo.config, tier=made.url))
        yield made


def _run(repository: Repository, data: Path, **options: object) -> Evaluation:
    found = repository["m"].evaluate(data, mode="progressive", keep=False, **options)
    assert np.array_equal(found.predictions.label, reference(repository, "m", X).argmax(1))
    return found


def _linked(monkeypatch: pytest.MonkeyPatch, rate: float) -> None:
    """Pretend that the link is so fast, in bytes a second."""
    monkeypatch.setattr(Prefixes, "far_rate", property(lambda _: rate))


def test_a_slow_link_is_climbed(
    repository: Repository, served: Served, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _linked(monkeypatch, 10.0)
    np.savez(data, x=X[:1], y=Y[:1])
    before = served.bytes
    found = repository["m"].evaluate(data, mode="progressive", keep=False)
    assert (found.certified, found.facts["ladder"]) == (1, "calibration")
    assert found.bytes_read < 0.7 * found.bytes_full
    assert served.bytes - before < found.bytes_read
    assert not any("faster" in note for note in found.notes)


def test_over_a_fast_link_all_is_read(
    repository: Repository, served: Served, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _linked(monkeypatch, 1e15)
    found = _run(repository, data)
    assert found.exact == 1
    assert found.bytes_read == found.bytes_full
    assert served.sent
    assert any("faster over this link" in note for note in found.notes)
    always = _run(repository, data, always=True)
    assert always.certified > 0.9
    assert not any("faster over this link" in note for note in always.notes)


def test_nothing_is_calibrated_over_a_link(
    repository: Repository, served: Served, data: Path
) -> None:
    found = repository["other"].evaluate(data, mode="progressive")
    assert not served.sent_twice()
    assert (found.facts["ladder"], found.facts["calibrated"]) == ("default", None)
    assert np.array_equal(found.predictions.label, reference(repository, "other", X).argmax(1))
    assert found.certified > 0.5
    assert any("archive --calibrate" in note for note in found.notes)
    # Asked for, it is.
    (one,) = repository.calibrate("other", data=data)
    assert one.measured is not None
    assert repository["other"].evaluate(data, mode="progressive").facts["ladder"] == "calibration"
