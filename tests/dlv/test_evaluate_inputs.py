"""Examples gone through again: the same ones, in full batches, from memory or from the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelhub.data import Preparation, Source, fit, open_data
from modelhub.dlv.evaluate_inputs import Inputs
from modelhub.errors import BadInputError
from modelhub.net import Network, Value

COUNT = 103


@pytest.fixture
def opened(tmp_path: Path) -> list[int]:
    x = np.arange(COUNT * 3, dtype=np.float32).reshape(COUNT, 3)
    np.savez(tmp_path / "d.npz", x=x, y=np.arange(COUNT) % 5)
    return []


def _inputs(tmp_path: Path, opened: list[int], size: int, most: int) -> Inputs:
    def again() -> Source:
        opened.append(1)
        return open_data(tmp_path / "d.npz")

    network = Network({"x": Value("float32", ("s0", 3))}, (), (), outputs=())
    found = fit(network, again(), Preparation())
    opened.clear()
    return Inputs(again, found, size, "d.npz", most)


@pytest.mark.parametrize("size", [1, 10, 64, 500])
@pytest.mark.parametrize(("most", "reads"), [(0, 3), (40 * 24, 2), (COUNT * 24, 1)])
def test_every_pass_yields_what_is_wanted(
    tmp_path: Path, opened: list[int], size: int, most: int, reads: int
) -> None:
    inputs = _inputs(tmp_path, opened, size, most)
    random = np.random.default_rng(0)
    wanted = np.ones(COUNT, bool)
    for kept in (COUNT, 40, 7):
        wanted[random.permutation(np.flatnonzero(wanted))[kept:]] = False
        batches = list(inputs.batches(wanted))
        rows = np.concatenate([batch.rows for batch in batches])
        assert np.array_equal(rows, np.flatnonzero(wanted))
        values = np.concatenate([batch.inputs["x"] for batch in batches])
        assert np.array_equal(values[:, 0], 3 * rows)
        assert [len(batch.rows) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    # What fits is held from then on; the rest of the data is not read for it again.
    assert len(opened) == reads
    assert np.array_equal(inputs.labels, np.arange(COUNT) % 5)


def test_labels_are_checked(tmp_path: Path, opened: list[int]) -> None:
    inputs = _inputs(tmp_path, opened, 10, 1 << 20)
    list(inputs.batches(np.ones(COUNT, bool)))
    inputs.check_labels(np.arange(COUNT), 5)
    with pytest.raises(BadInputError, match="example 9 has the label 4; expected 0 to 3"):
        inputs.check_labels(np.arange(5, COUNT), 4)


def test_nothing_wanted(tmp_path: Path, opened: list[int]) -> None:
    assert list(_inputs(tmp_path, opened, 10, 1 << 20).batches(np.zeros(COUNT, bool))) == []
