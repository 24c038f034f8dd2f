"""Estimates of real networks: called so, audited, and counted in bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from modelhub.dlv.evaluate import write_predictions
from modelhub.dlv.evaluate_options import Evaluation
from modelhub.errors import BadInputError
from modelhub.progressive.audit import upper_bound
from modelhub.repository import Repository
from tests.dlv.digits import digits, trained
from tests.dlv.small_nets import Cnn, Recurrent, examples, mlp, reference

TRAIN, TEST = digits()
COUNT = 300
X, Y = TEST.floats[:COUNT], TEST.y[:COUNT]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    with Repository.init(tmp_path_factory.mktemp("r")) as opened:
        for name, model in (
            ("cnn", trained(Cnn(nn.Softmax(1)), 40)),
            ("mlp", trained(mlp(), 40)),
            ("lstm", trained(Recurrent(), 30)),
        ):
            opened.commit(name, model, example_inputs=examples(TRAIN.floats))
        yield opened


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("d") / "test.npz"
    np.savez(path, x=X, y=Y)
    return path


def _estimate(repository: Repository, rev: str, data: Path, **options: object) -> Evaluation:
    return repository[rev].evaluate(data, mode="estimate", **options)


@pytest.mark.parametrize("layout", ["ordinary", "progressive"])
@pytest.mark.parametrize("name", ["cnn", "mlp", "lstm"])
def test_leading_bytes_give_nearly_all_labels(
    repository: Repository, data: Path, name: str, layout: str
) -> None:
    repository.store_as(layout, name)
    found = _estimate(repository, name, data)
    made = found.predictions
    truth = reference(repository, name, X)
    assert (made.label == truth.argmax(1)).mean() >= 0.97
    assert (made.status == "estimated").all()
    assert (found.estimated, found.exact, found.certified, found.tie) == (1, 0, 0, 0)
    assert found.bytes_read == found.facts["estimate_bytes"] < 0.6 * found.bytes_full
    assert (made.nbytes == found.bytes_read).all()
    assert found.scores.top1 == (made.label == Y).mean()
    assert found.scores.loss is not None
    # Nobody audited it, and it says so.
    assert found.facts["audit"]["source"] is None
    assert any("not audited" in note for note in found.notes)


def test_scores_tell_the_doubtful_from_the_sure(repository: Repository, data: Path) -> None:
    repository.store_as("ordinary", "mlp", "cnn")
    for name in ("mlp", "cnn"):
        found = _estimate(repository, name, data)
        score = found.predictions.more["score"]
        outputs = reference(repository, name, X)
        wrong = found.predictions.label != outputs.argmax(1)
        assert (score >= 0).all()
        assert np.isfinite(score).all()
        assert (score[wrong] < 3).all()
        assert (score > 3).mean() > 0.8
        assert found.facts["score_least"] == score.min()
        assert found.facts["scores_below_3"] == (score < 3).sum()


def test_an_audit_costs_all_bytes_and_bounds_the_misses(repository: Repository, data: Path) -> None:
    repository.store_as("progressive", "mlp")
    found = _estimate(repository, "mlp", data, audit=100, seed=3)
    made, audit = found.predictions, found.facts["audit"]
    exact = made.status == "exact"
    assert exact.sum() == audit["n"] == 100
    assert found.bytes_read == found.bytes_full
    assert (made.nbytes[exact] == found.bytes_full).all()
    assert (made.nbytes[~exact] == found.facts["estimate_bytes"]).all()
    outputs = reference(repository, "mlp", X)
    assert np.array_equal(made.label[exact], outputs.argmax(1)[exact])
    two = np.sort(outputs, axis=1)[:, -2:]
    assert np.allclose(made.margin[exact], (two[:, 1] - two[:, 0])[exact])
    plain = _estimate(repository, "mlp", data).predictions
    assert audit["misses"] == (plain.label != made.label).sum()
    assert audit["upper_bound"] == upper_bound(audit["misses"], 100)
    assert audit["source"] == "here"
    assert found.exact == pytest.approx(1 / 3)
    # The same seed draws the same examples, another one others.
    again = _estimate(repository, "mlp", data, audit=100, seed=3).predictions
    other = _estimate(repository, "mlp", data, audit=100, seed=4).predictions
    assert np.array_equal(again.status, made.status)
    assert not np.array_equal(other.status, made.status)


def test_an_audit_of_all_is_exact(repository: Repository, data: Path) -> None:
    found = _estimate(repository, "cnn", data, audit=10_000)
    assert (found.exact, found.estimated) == (1, 0)
    assert np.array_equal(found.predictions.label, reference(repository, "cnn", X).argmax(1))


def test_coarse_prefixes_miss_and_the_audit_counts(repository: Repository, data: Path) -> None:
    """A network that leading bits do not suffice for: margins of the size of what is open."""
    torch.manual_seed(0)
    model = mlp().eval()
    with torch.no_grad():
        model[5].weight.copy_(model[5].weight[:1] + 1e-4 * model[5].weight)
        model[5].bias.zero_()
    repository.commit("close", model, example_inputs=examples(TRAIN.floats))
    found = _estimate(repository, "close", data, audit=200)
    audit = found.facts["audit"]
    assert 0 < audit["misses"] < 200
    assert audit["misses"] / 200 < audit["upper_bound"] < 1
    plain = _estimate(repository, "close", data)
    truth = reference(repository, "close", X).argmax(1)
    assert (plain.predictions.label != truth).mean() <= audit["upper_bound"]


def test_a_calibration_is_the_audit(repository: Repository, data: Path) -> None:
    repository.commit("twice", trained(mlp(), 40), example_inputs=examples(TRAIN.floats))
    repository["twice"].evaluate(data, mode="progressive")
    found = _estimate(repository, "twice", data)
    audit = found.facts["audit"]
    assert (audit["source"], audit["data"], audit["n"]) == ("calibration", "test.npz", 128)
    assert audit["upper_bound"] == upper_bound(audit["misses"], 128)
    assert found.bytes_read < found.bytes_full
    assert "audited answers of test.npz" in found.notes[0]
    assert "estimate" in found.notes[0]


def test_kept_as_an_estimate(repository: Repository, data: Path) -> None:
    found = _estimate(repository, "lstm", data)
    kept = repository["lstm"].evaluations[-1]
    assert (kept.mode, kept.top1) == ("estimate", found.scores.top1)
    assert kept.reading["estimated"] == 1
    # Queries do not take an estimate for the accuracy.
    by_metric = 'select m where m.metrics["eval.{}top1"] > 0 and m.name = "lstm"'
    assert not repository.query(by_metric.format(""))
    assert len(repository.query(by_metric.format("estimate."))) == 1


def test_a_tensor_that_is_read_whole_is_exact(repository: Repository, data: Path) -> None:
    """Of 16-bit floats two bytes are all."""
    half = trained(mlp(), 40).half().eval()
    x = torch.from_numpy(TRAIN.floats[:2]).half()
    repository.commit("half", half, example_inputs=(x,))
    found = _estimate(repository, "half", data)
    assert found.exact == 1
    assert found.bytes_read == found.bytes_full
    assert "all weights were read" in found.notes[0]


def test_inputs_that_are_no_numbers(repository: Repository, tmp_path: Path) -> None:
    x = X[:20].copy()
    x[3] = np.nan
    np.savez(tmp_path / "d.npz", x=x, y=Y[:20])
    found = _estimate(repository, "mlp", tmp_path / "d.npz", audit=20)
    assert found.predictions.label[3] == -1
    assert found.scores.not_numbers == 1
    assert found.facts["audit"]["misses"] == 0


def test_without_labels_and_with_wrong_ones(repository: Repository, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=X[:20])
    found = _estimate(repository, "cnn", tmp_path / "x.npz")
    assert (found.scores.top1, found.scores.loss) == (None, None)
    np.savez(tmp_path / "y.npz", x=X[:20], y=np.full(20, 11))
    with pytest.raises(BadInputError, match="example 0 has the label 11"):
        _estimate(repository, "cnn", tmp_path / "y.npz")


def test_predictions_in_a_file(repository: Repository, data: Path, tmp_path: Path) -> None:
    found = _estimate(repository, "mlp", data, audit=10)
    write_predictions(tmp_path / "p.npz", found)
    with np.load(tmp_path / "p.npz") as read:
        assert set(read) == {"label", "status", "margin", "bytes", "score"}
        assert (read["status"] == "exact").sum() == 10


def test_margins_of_audited_and_of_other_answers_are_of_outputs(
    repository: Repository, data: Path
) -> None:
    found = _estimate(repository, "cnn", data, audit=20)
    # It ends in a softmax: no probability is more than 1 above another.
    assert (found.predictions.status == "exact").sum() == 20
    assert found.predictions.margin.max() <= 1.0
