"""Real networks, trained on digits: what is proved of them is what float64 evaluation gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from modelhub.dlv import evaluate_inputs
from modelhub.dlv.evaluate import write_predictions
from modelhub.dlv.evaluate_options import STATUSES, Evaluation
from modelhub.dlv.ladders import LADDER
from modelhub.errors import BadInputError, NotFoundError, UsageError
from modelhub.repository import Repository
from tests.dlv.digits import digits, trained
from tests.dlv.small_nets import Cnn, Recurrent, examples, mlp, reference

TRAIN, TEST = digits()
COUNT = 300
X, Y = TEST.floats[:COUNT], TEST.y[:COUNT]


@pytest.fixture(scope="module")
def models() -> dict[str, nn.Module]:
    return {
        "cnn": trained(Cnn(nn.LogSoftmax(1)), 40),
        "mlp": trained(mlp(), 40),
        "lstm": trained(Recurrent(), 30),
    }


@pytest.fixture(scope="module")
def repository(
    tmp_path_factory: pytest.TempPathFactory, models: dict[str, nn.Module]
) -> Iterator[Repository]:
    with Repository.init(tmp_path_factory.mktemp("r")) as opened:
        for name, model in models.items():
            opened.commit(name, model, example_inputs=examples(TRAIN.floats))
        yield opened


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Repository]:
    with Repository.init(tmp_path / "r") as opened:
        yield opened


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("d") / "test.npz"
    np.savez(path, x=X, y=Y)
    return path


def _saved(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def _progressive(repository: Repository, rev: str, data: Path, **options: object) -> Evaluation:
    return repository[rev].evaluate(data, mode="progressive", **options)


def _check(found: Evaluation, outputs: np.ndarray) -> np.ndarray:
    """Check all that is promised of each answer, and return which were proved."""
    made = found.predictions
    assert made.status is not None
    assert made.nbytes is not None
    assert np.array_equal(made.label, outputs.argmax(1))
    ordered = np.sort(outputs, axis=1)
    proved = np.isin(made.status, ["certified", "tie"])
    # What is proved is no more than what there is.
    assert (made.margin[proved] <= (ordered[:, -1] - ordered[:, -2])[proved]).all()
    guard = found.facts["guard"]
    assert (made.margin[made.status == "certified"] > guard).all()
    assert ((made.margin > 0) & (made.margin <= guard))[made.status == "tie"].all()
    assert (made.nbytes[proved] < found.bytes_full).all()
    assert (made.nbytes <= found.bytes_read).all()
    shares = {word: float((made.status == word).mean()) for word in STATUSES}
    told = {word: getattr(found, word) for word in STATUSES}
    assert told == shares
    assert sum(shares.values()) == pytest.approx(1)
    return proved


@pytest.mark.parametrize("layout", ["ordinary", "progressive"])
@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_proofs_hold(
    repository: Repository, models: dict[str, nn.Module], data: Path, name: str, layout: str
) -> None:
    repository.store_as(layout, name)
    found = _progressive(repository, name, data)
    proved = _check(found, reference(repository, name, X))
    assert proved.mean() > 0.9
    with torch.inference_mode():
        plain = models[name](torch.from_numpy(X)).numpy().argmax(1)
    apart = found.predictions.status == "certified"
    assert np.array_equal(found.predictions.label[apart], plain[apart])
    assert np.median(found.predictions.nbytes) < 0.6 * found.bytes_full
    # Scores are those of float64, and what is not known is not told.
    scores = found.scores
    assert scores.top1 == (plain == Y).mean()
    assert scores.loss is None
    assert [row.answers for row in scores.classes] == np.bincount(plain, minlength=10).tolist()
    assert sum(map(sum, scores.confusion)) == COUNT
    assert found.mode == "progressive"


def test_what_is_undecided_is_evaluated_exactly(
    empty: Repository, models: dict[str, nn.Module], data: Path
) -> None:
    """Between classes of equal weights nothing can be proved; the first of them is the answer."""
    weights = {name: value.numpy().copy() for name, value in models["mlp"].state_dict().items()}
    for name in ("5.weight", "5.bias"):
        weights[name][4] = weights[name][7]
    network = empty.commit("m", models["mlp"], example_inputs=examples(TRAIN.floats)).network()
    empty.commit("twins", weights, network=network)
    found = _progressive(empty, "twins", data, top=3)
    outputs = reference(empty, "twins", X)
    _check(found, outputs)
    exact = found.predictions.status == "exact"
    assert np.array_equal(exact, np.isin(outputs.argmax(1), [4, 7]))
    assert (found.predictions.label[exact] == 4).all()
    assert (found.predictions.margin[exact] == 0).all()
    assert 0 < exact.sum() < COUNT
    assert found.bytes_read == found.bytes_full
    assert (found.predictions.nbytes[exact] == found.bytes_full).all()


def test_sets_are_proved(repository: Repository, data: Path) -> None:
    found = _progressive(repository, "mlp", data, top=3, certify="set")
    outputs = reference(repository, "mlp", X)
    _check(found, outputs)
    sets = found.predictions.more["topk"]
    assert np.array_equal(np.sort(sets), np.sort(np.argsort(-outputs, axis=1)[:, :3]))
    assert found.scores.topk == (sets == Y[:, None]).any(1).mean()
    assert found.facts["certified_topk"] == found.certified > 0.5
    by_label = _progressive(repository, "mlp", data, top=3)
    assert np.median(by_label.predictions.nbytes) < np.median(found.predictions.nbytes)
    # Sets that came along are told, and where the label's place is not known, top-k is not.
    assert 0 < by_label.facts["certified_topk"] < 1
    assert (by_label.scores.topk is None) == (by_label.facts["topk_unknown"] > 0)


@pytest.mark.parametrize("k", [10, 25])
def test_a_set_of_all_classes(repository: Repository, data: Path, k: int) -> None:
    found = _progressive(repository, "mlp", data, top=k, certify="set")
    assert (found.scores.k, found.scores.topk) == (10, 1.0)
    assert found.facts["certified_topk"] == found.certified > 0.9


def test_a_guard_makes_ties(repository: Repository, data: Path) -> None:
    assert _progressive(repository, "mlp", data).facts["guard"] == 1e-4
    found = _progressive(repository, "mlp", data, guard=2.0)
    proved = _check(found, reference(repository, "mlp", X))
    assert found.tie > 0.3
    assert found.certified > 0.1
    assert proved.mean() > 0.9
    none = _progressive(repository, "mlp", data, guard=0.0)
    assert none.tie == 0


def test_ops_without_bounds_go_exact(repository: Repository, data: Path) -> None:
    found = _progressive(repository, "lstm", data)
    outputs = reference(repository, "lstm", X)
    _check(found, outputs)
    assert found.exact == 1
    assert found.facts["no_bounds"]["node"] == "rows"
    assert "lstm" in found.facts["no_bounds"]["op"]
    assert any("'rows', aten.lstm" in note for note in found.notes)
    # All outputs are known, and so is the loss.
    loss = nn.functional.cross_entropy(torch.from_numpy(outputs), torch.from_numpy(Y))
    assert found.scores.loss == pytest.approx(loss.item())
    assert found.scores.topk is not None


def test_inputs_that_are_no_numbers(repository: Repository, tmp_path: Path) -> None:
    x = X[:60].copy()
    x[7, 0, 3, 3] = np.nan
    x[9] = np.inf
    found = _progressive(repository, "cnn", _saved(tmp_path / "d.npz", x=x, y=Y[:60]))
    made = found.predictions
    assert made.status[[7, 9]].tolist() == ["exact", "exact"]
    assert made.label[7] == -1
    assert found.scores.not_numbers == (made.label == -1).sum() >= 1
    fine = np.setdiff1d(np.arange(60), [7, 9])
    outputs = reference(repository, "cnn", x[fine])
    assert np.array_equal(made.label[fine], outputs.argmax(1))
    assert (made.status[fine] != "exact").mean() > 0.9


class Squashed(nn.Module):
    """Its values are within -1 and 1 whatever comes in, but for what is no number."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.first, self.out = nn.Linear(64, 8), nn.Linear(8, 10)
        with torch.no_grad():
            self.first.weight[0, 0] = weight
            self.out.bias[3] = 100.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.tanh(self.first(x.flatten(1))))


@pytest.mark.parametrize("weight", [np.nan, np.inf, 3e38])
def test_weights_that_are_no_numbers_prove_nothing(
    empty: Repository, data: Path, weight: float
) -> None:
    torch.manual_seed(0)
    empty.commit("m", Squashed(weight).eval(), example_inputs=examples(TRAIN.floats))
    found = _progressive(empty, "m", data)
    outputs = reference(empty, "m", X)
    bad = np.isnan(outputs).any(1)
    assert bad.all() == (not np.isfinite(weight))
    assert np.array_equal(found.predictions.label, np.where(bad, -1, outputs.argmax(1)))
    if not np.isfinite(weight):
        assert found.exact == 1
        assert any("first.weight may hold" in note for note in found.notes)


def test_what_cannot_run_is_told(empty: Repository, data: Path, tmp_path: Path) -> None:
    empty.commit("weights", {"w": np.ones(3, np.float32)})
    with pytest.raises(BadInputError, match="weights alone"):
        _progressive(empty, "weights", data)
    (tmp_path / "notes.txt").write_text("no weights")
    empty.commit("files", files=[tmp_path / "notes.txt"])
    with pytest.raises(NotFoundError, match="no weights"):
        _progressive(empty, "files", data)


def test_data_that_does_not_fit(repository: Repository, tmp_path: Path) -> None:
    none = _saved(tmp_path / "none.npz", x=X[:0], y=Y[:0])
    with pytest.raises(BadInputError, match="no examples"):
        _progressive(repository, "mlp", none)
    beyond = _saved(tmp_path / "beyond.npz", x=X[:5], y=np.array([0, 1, 2, 10, 3]))
    with pytest.raises(BadInputError, match="example 3 has the label 10; expected 0 to 9"):
        _progressive(repository, "mlp", beyond)
    wide = _saved(tmp_path / "wide.npz", x=X[:5, :, :4])
    with pytest.raises(BadInputError) as caught:
        _progressive(repository, "mlp", wide)
    assert caught.value.kind == "bad_shape"


@pytest.mark.parametrize(
    "options",
    [
        {"guard": -1.0, "mode": "progressive"},
        {"guard": float("nan"), "mode": "progressive"},
        {"certify": "all", "mode": "progressive"},
        {"mode": "quick"},
        {"guard": 1.0},
        {"certify": "set", "mode": "estimate"},
        {"always": True},
        {"audit": 5, "mode": "progressive"},
        {"audit": -1, "mode": "estimate"},
        {"seed": -1, "mode": "estimate"},
    ],
    ids=str,
)
def test_options_that_make_no_sense(
    repository: Repository, data: Path, options: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        repository["mlp"].evaluate(data, **options)


def test_without_labels(repository: Repository, tmp_path: Path) -> None:
    found = _progressive(repository, "mlp", _saved(tmp_path / "x.npz", x=X[:50]))
    assert (found.scores.top1, found.scores.topk, found.scores.loss) == (None, None, None)
    assert np.array_equal(found.predictions.label, reference(repository, "mlp", X[:50]).argmax(1))


@pytest.mark.parametrize("batch_size", [7, 64, 1000])
def test_data_is_streamed(
    repository: Repository, data: Path, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit in memory is read again for each rung, with the same result."""
    held = _progressive(repository, "cnn", data, keep=False)
    monkeypatch.setattr(evaluate_inputs, "HELD_BYTES_MAX", 10 * X[0].nbytes)
    found = _progressive(repository, "cnn", data, batch_size=batch_size, keep=False)
    for one in (found, held):
        _check(one, reference(repository, "cnn", X))
    assert np.array_equal(found.predictions.status, held.predictions.status)
    assert found.scores == held.scores


def test_a_network_of_a_fixed_batch(
    empty: Repository, models: dict[str, nn.Module], data: Path
) -> None:
    empty.commit("m", models["mlp"], example_inputs=examples(TRAIN.floats, 64), dynamic={})
    found = _progressive(empty, "m", data)
    outputs = np.concatenate(
        [reference(empty, "m", np.resize(X[i : i + 64], (64, 1, 8, 8))) for i in range(0, 300, 64)]
    )[:COUNT]
    assert _check(found, outputs).mean() > 0.9


def test_outputs_by_name(empty: Repository, tmp_path: Path) -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.out = nn.Linear(64, 64), nn.Linear(64, 10)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            hidden = torch.relu(self.hidden(x.flatten(1)))
            return {"hidden": hidden, "logits": self.out(hidden)}

    torch.manual_seed(0)
    model = Named().eval()
    empty.commit("m", model, example_inputs=examples(TRAIN.floats))
    found = _progressive(empty, "m", _saved(tmp_path / "x.npz", x=X))
    with torch.inference_mode():
        plain = model(torch.from_numpy(X))["logits"].numpy()
    sure = found.predictions.status == "certified"
    assert sure.mean() > 0.5
    assert np.array_equal(found.predictions.label[sure], plain.argmax(1)[sure])


def test_it_is_calibrated_once(
    empty: Repository, models: dict[str, nn.Module], data: Path, tmp_path: Path
) -> None:
    empty.commit("m", models["mlp"], example_inputs=examples(TRAIN.floats))
    few = _saved(tmp_path / "few.npz", x=X[:8])
    assert _progressive(empty, "m", few).facts["ladder"] == "default"
    assert not _calibrations(empty)
    # Nothing is kept where nothing is to be.
    assert _progressive(empty, "m", data, keep=False).facts["ladder"] == "calibration"
    assert not _calibrations(empty)
    first = _progressive(empty, "m", data)
    assert first.facts["calibrated"]["bytes_read"] == first.bytes_full
    assert _calibrations(empty) == 1
    again = _progressive(empty, "m", few)
    assert (again.facts["ladder"], again.facts["calibrated"]) == ("calibration", None)
    assert again.facts["rungs"][0]["nbytes"] == first.facts["rungs"][0]["nbytes"]
    # Stored in another layout, it is another ladder.
    empty.store_as("progressive", "m")
    assert _progressive(empty, "m", few).facts["ladder"] == "default"
    assert _progressive(empty, "m", data).facts["calibrated"] is not None
    assert _calibrations(empty) == 2


def _calibrations(repository: Repository) -> int:
    return sum(note.key == LADDER for note in repository["m"].annotations)


def test_results_are_kept(repository: Repository, data: Path) -> None:
    found = _progressive(repository, "cnn", data, guard=0.5)
    kept = repository["cnn"].evaluations[-1]
    assert (kept.mode, kept.loss, kept.top1) == ("progressive", None, found.scores.top1)
    assert kept.reading["certified"] == found.certified
    assert kept.reading["bytes_full"] == found.bytes_full
    assert kept.settings["guard"] == 0.5
    found_by = repository.query('select m where m.metrics["eval.top1"] > 0.5')
    assert "cnn" in [version.name for version in found_by]


def test_predictions_in_a_file(repository: Repository, data: Path, tmp_path: Path) -> None:
    found = _progressive(repository, "mlp", data, top=3)
    write_predictions(tmp_path / "p.npz", found)
    with np.load(tmp_path / "p.npz") as read:
        assert {"label", "status", "margin", "bytes"} < set(read)
        assert set(read["status"]) <= set(STATUSES)
        assert np.array_equal(read["bytes"], found.predictions.nbytes)
        assert read["topk"].shape == (COUNT, 3)


def test_versions_side_by_side(repository: Repository, data: Path) -> None:
    found = repository.evaluate("cnn", "mlp", "lstm", data=data, mode="progressive")
    assert [one.rev.partition("@")[0] for one in found] == ["cnn", "mlp", "lstm"]
    assert [one.exact == 1 for one in found] == [False, False, True]


class _Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.out = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.embedding(x).mean(1))


def test_inputs_that_torch_refuses_and_outputs_that_are_no_classes_are_told(
    empty: Repository, tmp_path: Path
) -> None:
    tokens = np.arange(14).reshape(2, 7)
    empty.commit("tokens", _Tokens(), example_inputs=(torch.from_numpy(tokens),))
    with pytest.raises(BadInputError, match="does not run on"):
        _progressive(empty, "tokens", _saved(tmp_path / "ids.npz", x=tokens + 50))
    empty.commit("one", nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), example_inputs=examples(X))
    with pytest.raises(BadInputError, match=r"gives float64 \(10, 1\) for 10 examples"):
        _progressive(empty, "one", _saved(tmp_path / "ten.npz", x=X[:10]))


def test_a_reading_of_all_weights_is_not_said_to_be_slower_than_itself(
    empty: Repository, tmp_path: Path
) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    for parameter in net.parameters():
        nn.init.zeros_(parameter)
    empty.commit("zeros", net, example_inputs=examples(X))
    found = _progressive(empty, "zeros", _saved(tmp_path / "all.npz", x=X))
    assert not found.facts["rungs"]
    assert found.exact == 1.0
    assert found.notes == ("the calibration found no prefix that decides an input",)
