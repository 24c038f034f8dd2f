from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from modelhub.dlv import compare
from modelhub.dlv.compare import Change, Meter


def _change(left: np.ndarray, right: np.ndarray) -> Change:
    meter = Meter()
    meter.add(left, right)
    return meter.change()


def test_plain_numbers() -> None:
    found = _change(np.array([3.0, 4.0, 0.0]), np.array([3.0, 4.0, 5.0]))
    assert (found.values, found.changed) == (3, 1)
    assert found.max_abs == 5.0
    assert found.relative_l2 == 1.0
    assert found.cosine == pytest.approx(25 / (5 * math.sqrt(50)))
    assert found.share == pytest.approx(1 / 3)


def test_nan_and_infinity_are_counted_not_propagated() -> None:
    left = np.array([np.nan, np.inf, 1.0, np.nan, 2.0], np.float32)
    right = np.array([np.nan, 1.0, np.inf, 5.0, 4.0], np.float32)
    found = _change(left, right)
    assert found.changed == 4
    assert (found.nonfinite_left, found.nonfinite_right) == (3, 2)
    assert found.max_abs == 2.0
    assert found.relative_l2 == 1.0


def test_nan_payloads_count_as_changed_bits() -> None:
    left = np.array([0x7FC00000, 0x7FC00001], np.uint32).view(np.float32)
    right = np.array([0x7FC00000, 0x7FA00001], np.uint32).view(np.float32)
    found = _change(left, right)
    assert found.changed == 1
    assert found.max_abs is None
    assert found.relative_l2 is None
    assert found.cosine is None


def test_signed_zeros_differ_by_nothing() -> None:
    found = _change(np.array([0.0]), np.array([-0.0]))
    assert (found.changed, found.max_abs, found.relative_l2) == (1, 0, 0.0)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_large_integers_are_exact(dtype: type) -> None:
    info = np.iinfo(dtype)
    found = _change(np.array([info.min, 5], dtype), np.array([info.max, 6], dtype))
    assert found.max_abs == int(info.max) - int(info.min)
    found = _change(np.array([2**62], dtype), np.array([2**62 + 1], dtype))
    assert (found.changed, found.max_abs) == (1, 1)


def test_small_integers_and_bool() -> None:
    assert _change(np.array([-128], np.int8), np.array([127], np.int8)).max_abs == 255
    found = _change(np.array([True, False]), np.array([True, True]))
    assert (found.changed, found.max_abs) == (1, 1)


def test_complex() -> None:
    found = _change(np.array([3 + 4j], np.complex64), np.array([0 + 0j], np.complex64))
    assert found.max_abs == 5.0
    assert found.relative_l2 == 1.0
    found = _change(np.array([1 + 1j, 2], np.complex128), np.array([1 + 1j, 2], np.complex128))
    assert (found.changed, found.cosine) == (0, 1.0)


@pytest.mark.parametrize(
    "dtype", [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, np.float16]
)
def test_short_floats(dtype: type) -> None:
    left = np.array([1.0, 2.0, -4.0]).astype(dtype)
    right = np.array([1.0, 4.0, -4.0]).astype(dtype)
    found = _change(left, right)
    assert (found.changed, found.max_abs) == (1, 2.0)


def test_different_dtypes_compare_values() -> None:
    left = np.array([1.0, 0.1, np.nan], np.float32)
    found = _change(left, left.astype(ml_dtypes.bfloat16))
    assert found.changed == 1
    assert found.max_abs == pytest.approx(abs(0.1 - 0.10009765625), rel=1e-3)


def test_zero_on_a_side() -> None:
    zero, one = np.zeros(3), np.ones(3)
    assert _change(zero, one).relative_l2 == math.inf
    assert _change(zero, one).cosine == 0.0
    assert _change(one, zero).relative_l2 == 1.0
    assert _change(zero, zero).cosine == 1.0


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e170, 1e307])
def test_extreme_values_neither_overflow_nor_vanish(scale: float) -> None:
    left = np.array([3.0, 4.0]) * scale
    found = _change(left, np.array([3.0, -4.0]) * scale)
    assert found.relative_l2 == pytest.approx(8 / 5)
    assert found.cosine == pytest.approx((9 - 16) / 25)
    assert found.max_abs == pytest.approx(8 * scale)


def test_difference_beyond_float64_is_infinite() -> None:
    found = _change(np.array([1.7e308]), np.array([-1.7e308]))
    assert found.max_abs == math.inf
    assert found.cosine == -1.0
    assert found.relative_l2 == pytest.approx(2.0)


@pytest.mark.parametrize("shape", [(0,), (), (1,), (0, 5)])
def test_odd_shapes(shape: tuple[int, ...]) -> None:
    found = _change(np.zeros(shape), np.ones(shape))
    assert found.values == math.prod(shape)
    assert found.changed == found.values


def test_blocks_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    left = rng.normal(size=(100, 37))
    right = left + (rng.random(left.shape) < 0.1) * 0.01
    whole = _change(left, right)
    monkeypatch.setattr(compare, "BLOCK_VALUES", 64)
    parts = Meter()
    for row in range(100):
        other = Meter()
        other.add(left[row], right[row])
        parts.merge(other)
    found = parts.change()
    assert (found.values, found.changed, found.max_abs) == (
        whole.values,
        whole.changed,
        whole.max_abs,
    )
    assert found.relative_l2 == pytest.approx(whole.relative_l2)
    assert found.cosine == pytest.approx(whole.cosine)


def test_bytewise_counts_only() -> None:
    meter = Meter(bytewise=True)
    meter.add(np.array([1, 2], np.uint8), np.array([1, 3], np.uint8))
    found = meter.change()
    assert (found.values, found.changed, found.max_abs, found.cosine) == (2, 1, None, None)


@given(
    hnp.arrays(np.float64, 8, elements=st.floats(width=64)),
    hnp.arrays(np.float64, 8, elements=st.floats(width=64)),
)
def test_any_floats_give_sound_results(left: np.ndarray, right: np.ndarray) -> None:
    found = _change(left, right)
    assert 0 <= found.changed <= 8
    for value in (found.max_abs, found.relative_l2):
        assert value is None or value >= 0
    assert found.cosine is None or -1 <= found.cosine <= 1
