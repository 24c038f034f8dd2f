from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from bench import progressive_nets  # noqa: E402
from bench.progressive_climb import boxes_of, climb, float64_values, uniform  # noqa: E402
from bench.progressive_train import train  # noqa: E402
from modelhub.progressive.intervals import Interval  # noqa: E402
from modelhub.repository import Repository  # noqa: E402


def test_prefixes_of_the_same_bytes_of_every_tensor(tmp_path: Path) -> None:
    module = train("mlp8", 0, 5)
    images = progressive_nets.split("digits").test[0][:40]
    with Repository.init(tmp_path) as repo:
        version = repo.commit("mlp8", module, example_inputs=(torch.from_numpy(images[:2]),))
        network, prefixes = version.network(), version.prefixes()
        values = float64_values(network, dict(version.weights()), images)
        with torch.no_grad():
            expected = module.double()(torch.from_numpy(images).double()).numpy()
        np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)
        exact = values.argmax(1)
        rungs = uniform(network, prefixes)
        assert [rung["1.weight"] for rung in rungs] == [1, 2, 3]
        assert {rung["1.bias"] for rung in rungs} == {4}
        found = climb(network, prefixes, rungs, images, exact)
        read, proved, agreed = zip(*found.curve, strict=True)
        assert list(read) == sorted(set(read))
        assert read[-1] < found.full == prefixes.bytes_full
        # One byte leaves each weight within a factor of 4, which proves nothing of 8 layers.
        assert proved[0] == 0.0
        assert proved[-1] > 0.2
        assert agreed[-1] == 1.0
        there = found.label >= 0
        assert (found.label == exact)[there].all()
        assert (found.margin > 0).tolist() == there.tolist()
        assert set(found.nbytes.tolist()) <= {*read, found.full}
        boxes = boxes_of(prefixes)
        assert all(isinstance(box, Interval) for box in boxes.values())
        assert [name for name in sorted(boxes) if not boxes[name].is_point] == sorted(
            name for name in boxes if name.endswith("weight")
        )
        unproved = climb(network, version.prefixes(), rungs, images, exact, prove=False)
        assert [step[2] for step in unproved.curve] == list(agreed)
        assert (unproved.label < 0).all()
