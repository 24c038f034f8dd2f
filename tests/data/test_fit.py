"""Columns go to inputs, and what does not fit is told with both shapes or dtypes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelhub.data import Fit, Preparation, fit, image_shape, open_data
from modelhub.errors import BadInputError, UsageError
from modelhub.net.graph import Network, Value

FLOATS = Value("float32", ("s0", 3))


def _network(**inputs: Value) -> Network:
    return Network(inputs, (), ())


def _fit(
    tmp_path: Path,
    network: Network,
    preparation: Preparation | None = None,
    **columns: np.ndarray,
) -> tuple[Fit, dict[str, np.ndarray]]:
    """Return the fit, and what the inputs get for all rows."""
    np.savez(tmp_path / "d.npz", **columns)
    source = open_data(tmp_path / "d.npz")
    found = fit(network, source, preparation or Preparation())
    return found, found.inputs(source, next(iter(source.rows(found.names, 1000))))


def test_x_goes_to_the_only_input(tmp_path: Path) -> None:
    x = np.ones((4, 3), np.float64)
    found, inputs = _fit(tmp_path, _network(image=FLOATS), x=x, y=np.arange(4))
    assert (found.count, found.batch) == (4, None)
    assert found.labels is not None
    assert inputs["image"].dtype == np.float32


def test_columns_go_by_name(tmp_path: Path) -> None:
    ids = Value("int64", ("s0", "s1"))
    network = _network(input_ids=ids, attention_mask=ids)
    a, b = np.ones((4, 3), np.int32), np.zeros((4, 3), bool)
    found, inputs = _fit(tmp_path, network, attention_mask=b, input_ids=a, label=np.arange(4))
    assert np.array_equal(inputs["input_ids"], a)
    assert inputs["attention_mask"].dtype == np.int64
    assert found.labels is not None
    with pytest.raises(BadInputError, match=r"none for the input attention_mask.*input_ids, att"):
        _fit(tmp_path, network, input_ids=a)
    # Both have the size s1, which must be one.
    with pytest.raises(BadInputError) as caught:
        _fit(tmp_path, network, input_ids=a, attention_mask=np.ones((4, 2), bool))
    assert caught.value.kind == "bad_shape"


@pytest.mark.parametrize("shape", [(4, 2), (4,), (4, 3, 1)])
def test_a_wrong_shape_is_told_with_both(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInputError) as caught:
        _fit(tmp_path, _network(x=FLOATS), x=np.ones(shape, np.float32))
    assert caught.value.kind == "bad_shape"
    assert str(shape) in str(caught.value)
    assert "(N, 3)" in str(caught.value)


@pytest.mark.parametrize(
    ("have", "want", "fits"),
    [
        ("float64", "float32", True),
        ("float16", "float64", True),
        ("uint8", "float32", False),
        ("bool", "float32", False),
        ("float32", "int64", False),
        ("uint8", "int64", True),
        ("bool", "int64", True),
        ("int64", "bool", True),
        ("complex64", "float32", False),
    ],
)
def test_dtypes_that_are_cast(tmp_path: Path, have: str, want: str, fits: bool) -> None:
    network = _network(x=Value(want, ("s0", 3)))
    x = np.ones((4, 3), have)
    if fits:
        assert np.array_equal(_fit(tmp_path, network, x=x)[1]["x"], x)
        return
    with pytest.raises(BadInputError) as caught:
        _fit(tmp_path, network, x=x)
    assert caught.value.kind == "bad_dtype"
    assert have in str(caught.value)
    assert want in str(caught.value)
    assert ("--divide-by" in str(caught.value)) == (want == "float32" and have != "complex64")


def test_whole_numbers_become_floats_on_request(tmp_path: Path) -> None:
    x = np.arange(12, dtype=np.uint8).reshape(4, 3)
    preparation = Preparation(255, mean=(0.5, 0, 0.25), std=(2,))
    found = _fit(tmp_path, _network(x=FLOATS), preparation, x=x)[1]["x"]
    wanted = (x / 255 - np.array([0.5, 0, 0.25])) / 2
    assert np.allclose(found, wanted, atol=1e-7)
    # What are floats already is not divided.
    own = _fit(tmp_path, _network(x=FLOATS), Preparation(255), x=x.astype(np.float32))[1]["x"]
    assert np.array_equal(own, x)
    with pytest.raises(BadInputError, match=r"2 means.*3 channels"):
        _fit(tmp_path, _network(x=FLOATS), Preparation(255, mean=(1, 2)), x=x)


def test_whole_numbers_out_of_range(tmp_path: Path) -> None:
    network = _network(x=Value("uint8", ("s0", 3)))
    with pytest.raises(BadInputError, match="from 300 to 300; expected 0 to 255"):
        _fit(tmp_path, network, x=np.full((4, 3), 300))


def test_bad_labels_and_lengths(tmp_path: Path) -> None:
    x, network = np.ones((4, 3), np.float32), _network(x=FLOATS)
    with pytest.raises(BadInputError, match="y is float64"):
        _fit(tmp_path, network, x=x, y=np.ones(4))
    with pytest.raises(BadInputError, match=r"y is int64 of shape \(4, 1\)"):
        _fit(tmp_path, network, x=x, y=np.ones((4, 1), np.int64))
    with pytest.raises(BadInputError, match="x has 4, y has 3"):
        _fit(tmp_path, network, x=x, y=np.arange(3))
    with pytest.raises(BadInputError, match="no examples"):
        _fit(tmp_path, network, x=x[:0])
    with pytest.raises(BadInputError, match="columns z; none for the input x"):
        _fit(tmp_path, network, z=x)


def test_a_fixed_batch_size_is_found(tmp_path: Path) -> None:
    x = np.ones((4, 3), np.float32)
    assert _fit(tmp_path, _network(x=Value("float32", (2, 3))), x=x)[0].batch == 2


def test_the_shape_of_images() -> None:
    fixed = _network(x=Value("float32", ("s0", 3, 8, 6)))
    free = _network(x=Value("float32", ("s0", 3, "s1", "s2")))
    assert image_shape(fixed) == (3, 8, 6)
    assert image_shape(free) is None
    assert image_shape(free, (4, 5)) == (3, 4, 5)
    assert image_shape(_network(x=FLOATS)) is None
    with pytest.raises(UsageError, match="8x6"):
        image_shape(fixed, (4, 5))
