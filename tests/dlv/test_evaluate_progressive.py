"""Real networks, trained on digits: what is proved of them is what float64 evaluation gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from modelhub.progressive.propagate import evaluate
from modelhub.repository import Repository
from tests.dlv.digits import digits, trained

TRAIN, TEST = digits()
COUNT = 300


class Net(nn.Module):
    """A small CNN; with `end`, what comes behind its logits."""

    def __init__(self, end: nn.Module | None = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)
        self.bn = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8 * 36, 32)
        self.out = nn.Linear(32, 10)
        self.end = end or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.bn(self.conv(x))).flatten(1)
        return self.end(self.out(torch.relu(self.fc(hidden))))


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return trained(Net(nn.Softmax(1)), 40)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    with Repository.init(tmp_path / "r") as opened:
        yield opened


@pytest.fixture
def data(tmp_path: Path) -> Path:
    np.savez(tmp_path / "test.npz", x=TEST.floats[:COUNT], y=TEST.y[:COUNT])
    return tmp_path / "test.npz"


def _examples(count: int = 2) -> tuple[torch.Tensor]:
    return (torch.from_numpy(TRAIN.floats[:count]),)


def reference(repository: Repository, rev: str, x: np.ndarray) -> np.ndarray:
    """Return the values of float64 evaluation of the stored weights."""
    version = repository[rev]
    network = version.network()
    given = {next(iter(network.inputs)): torch.from_numpy(x)}
    return evaluate(network, version.weights(), given)[0].numpy()


@pytest.mark.parametrize("make", [lambda: Net(nn.LogSoftmax(1)), mlp], ids=["cnn", "mlp"])
def test_labels_are_those_of_float64(repository: Repository, data: Path, make: Any) -> None:
    model = trained(make(), 40)
    repository.commit("m", model, example_inputs=_examples())
    found = repository["m"].evaluate(data, mode="progressive", top=3)
    outputs = reference(repository, "m", TEST.floats[:COUNT])
    predictions = found.predictions
    assert np.array_equal(predictions.label, outputs.argmax(1))
    with torch.inference_mode():
        plain = model(torch.from_numpy(TEST.floats[:COUNT])).numpy().argmax(1)
    apart = predictions.status != "tie"
    assert np.array_equal(predictions.label[apart], plain[apart])
    # Margins are proved: what there is, is no less.
    two = np.sort(outputs, axis=1)[:, -2:]
    proved = predictions.status != "exact"
    assert proved.mean() > 0.9
    assert (predictions.margin[proved] <= (two[:, 1] - two[:, 0])[proved]).all()
    assert (predictions.margin[predictions.status == "certified"] > found.facts["guard"]).all()
    assert (predictions.nbytes[proved] < found.bytes_full).all()
    shares = found.certified + found.tie + found.exact + found.estimated
    assert shares == pytest.approx(1)
    assert found.scores.top1 == (predictions.label == TEST.y[:COUNT]).mean()
    assert found.scores.loss is None
