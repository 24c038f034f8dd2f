"""Estimates against what the encoder makes: within 10 % on pairs like fine-tunes."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from modelhub import _core
from modelhub.codec.presets import base_as
from modelhub.errors import BadInputError
from modelhub.pas.estimate import Estimate, estimate
from modelhub.tensors.arrays import TensorSpec, spec_of, to_bytes
from modelhub.tensors.dtypes import by_name

ERROR_MAX = 0.10
# Below this share of the raw bytes nobody minds how near a guess is.
SMALL = 0.01


def true_size(own: np.ndarray, base: np.ndarray | None) -> Estimate:
    """Encode as a pack would."""
    spec = spec_of(own)
    row = by_name(spec.dtype)
    blob = _core.encode_blob(
        row.code,
        row.width,
        row.kind,
        spec.shape,
        to_bytes(own),
        base=None if base is None else to_bytes(base),
        base_as=None if base is None else base_as(spec_of(base), spec),
    )
    info = _core.blob_info(np.frombuffer(blob, np.uint8))
    header_bytes = 16
    return Estimate(len(blob) - header_bytes, info["segment_bytes"], info["is_delta"])


def guess(own: np.ndarray, base: np.ndarray | None) -> Estimate:
    if base is None:
        return estimate(to_bytes(own), spec_of(own), None, None)
    return estimate(to_bytes(own), spec_of(own), to_bytes(base), spec_of(base))


def error(own: np.ndarray, base: np.ndarray | None) -> float:
    true, found = true_size(own, base), guess(own, base)
    assert found.is_delta == true.is_delta
    return abs(found.stored_bytes - true.stored_bytes) / max(true.stored_bytes, SMALL * own.nbytes)


@pytest.fixture
def weights() -> np.ndarray:
    # 1 million values: larger than what is coded whole.
    return np.random.default_rng(1).normal(0, 0.05, (2000, 600)).astype(np.float32)


def tuned(weights: np.ndarray, step: float, rows: float = 1.0) -> np.ndarray:
    """Move the values of some rows a little."""
    random = np.random.default_rng(2)
    change = random.normal(0, step, weights.shape).astype(np.float32)
    change[random.random(weights.shape[0]) >= rows] = 0
    return weights + change


@pytest.mark.parametrize("step", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("rows", [1.0, 0.3, 0.1])
def test_fine_tuned_pairs(weights: np.ndarray, step: float, rows: float) -> None:
    own = tuned(weights, step, rows)
    assert error(own, weights) < ERROR_MAX


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16, np.float16, np.float64, np.int8])
def test_alone(weights: np.ndarray, dtype: Any) -> None:
    own = (weights * 100).astype(dtype)
    assert error(own, None) < ERROR_MAX


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
def test_twins_of_another_precision(weights: np.ndarray, dtype: Any) -> None:
    twin = weights.astype(dtype)
    assert error(twin, weights) < ERROR_MAX
    assert error(weights, twin) < ERROR_MAX


def test_rows_added(weights: np.ndarray) -> None:
    grown = np.concatenate([tuned(weights, 1e-4), weights[:50] * 3])
    assert error(grown, weights) < ERROR_MAX


def test_a_small_tensor_is_not_estimated_but_coded(weights: np.ndarray) -> None:
    own, base = tuned(weights[:50], 1e-4), weights[:50]
    assert guess(own, base) == true_size(own, base)
    assert guess(own, None) == true_size(own, None)


def test_unrelated_values_are_no_base(weights: np.ndarray) -> None:
    other = np.random.default_rng(3).normal(0, 0.05, weights.shape).astype(np.float32)
    found = guess(other, weights)
    assert not found.is_delta
    assert found == guess(other, None)


def test_segments_say_what_the_leading_half_takes(weights: np.ndarray) -> None:
    own = tuned(weights, 1e-4)
    true, found = true_size(own, weights), guess(own, weights)
    high = sum(found.segment_bytes[:2])
    assert high == pytest.approx(sum(true.segment_bytes[:2]), rel=ERROR_MAX)
    assert 0 < high < sum(found.segment_bytes)


def test_an_empty_tensor() -> None:
    empty = np.empty((0, 4), np.float32)
    found = guess(empty, None)
    assert (found.segment_bytes, found.is_delta) == ((0, 0, 0, 0), False)
    assert found == true_size(empty, None)


def test_repeats_are_seen() -> None:
    own = np.tile(np.random.default_rng(4).normal(0, 1, 5000).astype(np.float32), 400)
    assert error(own, None) < ERROR_MAX


def test_a_base_of_another_kind_is_refused() -> None:
    own = np.zeros(8, np.float32)
    with pytest.raises(BadInputError, match="float64"):
        estimate(to_bytes(own), spec_of(own), np.zeros(64, np.uint8), TensorSpec("float64", (8,)))
    with pytest.raises(BadInputError, match="without its dtype"):
        estimate(to_bytes(own), spec_of(own), to_bytes(own), None)
    with pytest.raises(BadInputError):
        estimate(to_bytes(own), spec_of(own), to_bytes(own)[:16], spec_of(own))
    with pytest.raises(BadInputError, match="16 bytes"):
        estimate(to_bytes(own)[:16], spec_of(own), None, None)
    with pytest.raises(BadInputError, match="16 bytes"):
        estimate(to_bytes(own), spec_of(own), to_bytes(own)[:16], TensorSpec("float32", (4, 2)))
