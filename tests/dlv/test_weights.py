"""What leading bytes tell of weights, on whole tensors and through deltas."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import modelhub
from modelhub.errors import BadInputError


@pytest.fixture
def tuned(tmp_path) -> modelhub.Version:
    draw = np.random.default_rng(0)
    first = {
        "a.weight": draw.standard_normal((40, 50)).astype(np.float32),
        "b[0].weight": draw.standard_normal(300).astype(ml_dtypes.bfloat16),
        "mask": np.array([0.0, -np.inf, 1.0], np.float32),
        "steps": np.arange(5),
    }
    noise = draw.standard_normal((40, 50)).astype(np.float32)
    second = first | {"a.weight": first["a.weight"] + np.float32(1e-4) * noise}
    with modelhub.Repository.init(tmp_path) as repository:
        repository.commit("m", first)
        yield repository.commit("m", second)


@pytest.mark.parametrize("planes", [1, 2, 3, 4, {"a.*": 2}, {"b[[]0].weight": 1, "*": 3}])
def test_weights_lie_in_their_intervals(tuned: modelhub.Version, planes) -> None:
    exact = tuned.weights()
    least, greatest = tuned.intervals(planes)
    assert set(least) == set(greatest) == set(exact)
    for name in ("a.weight", "b[0].weight", "mask"):
        values = exact[name].astype(np.float64)
        assert ((least[name] <= values) & (values <= greatest[name])).all()
    assert (least["steps"] == exact["steps"]).all()
    assert least["a.weight"].dtype == greatest["a.weight"].dtype == np.float64


def test_intervals_are_as_wide_as_the_bytes_that_are_missing(tuned: modelhub.Version) -> None:
    widths = []
    for planes in (1, 2, 3, 4):
        least, greatest = tuned.intervals(planes, "a.weight")
        assert list(least) == ["a.weight"]
        widths.append(float((greatest["a.weight"] - least["a.weight"]).max()))
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > widths[1] > widths[2] > widths[3] == 0.0


def test_a_count_that_is_none_is_refused(tuned: modelhub.Version) -> None:
    with pytest.raises(BadInputError, match="planes=0"):
        tuned.intervals(0)
    with pytest.raises(modelhub.NotFoundError):
        tuned.intervals(2, "nothing*")
