from __future__ import annotations

from itertools import pairwise

import ml_dtypes
import numpy as np
import pytest

from modelhub.errors import BadInputError
from modelhub.progressive.boxes import cut_box, weights_box


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_all_completions_of_every_leading_byte_are_inside_and_the_ends_are_reached(
    dtype: type,
) -> None:
    every = np.arange(1 << 16, dtype=np.uint16)
    with np.errstate(invalid="ignore"):
        values = every.view(dtype).astype(np.float64).reshape(256, 256)
    for row in values:
        finite = row[np.isfinite(row)]
        stored = row.astype(dtype)
        # Only the leading byte counts: the array is given with other trailing bytes.
        given = (stored.view(np.uint16) & 0xFF00 | 0x5A).view(dtype)
        if not np.isfinite(row[0]):
            with pytest.raises(BadInputError, match="infinite"):
                weights_box(given, 1)
            continue
        lo, hi = weights_box(given, 1)
        assert (lo[:, None] <= finite).all()
        assert (finite <= hi[:, None]).all()
        if len(finite) == len(row):
            assert lo[0] == row.min()
            assert hi[0] == row.max()
        else:
            # The exponent may go on to infinity.
            assert np.isinf(lo[0]) or np.isinf(hi[0])


@pytest.mark.parametrize("planes", [1, 2, 3])
@pytest.mark.parametrize(("dtype", "word"), [(np.float32, np.uint32), (np.float64, np.uint64)])
def test_completions_of_wider_floats_are_inside(planes: int, dtype: type, word: type) -> None:
    draw = np.random.default_rng(planes)
    exponents = draw.integers(-30, 30, 4000).astype(np.float64)
    values = (draw.standard_normal(4000) * 2.0**exponents).astype(dtype).reshape(40, 100)
    values[0, :4] = 0.0, -0.0, np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    unread = word((1 << 8 * (np.dtype(dtype).itemsize - planes)) - 1)
    lo, hi = weights_box((values.view(word) & ~unread).view(dtype), planes)
    assert lo.shape == hi.shape == values.shape
    assert ((lo <= values) & (values <= hi)).all()
    for _ in range(20):
        low_bits = draw.integers(0, int(unread), values.shape, dtype=word, endpoint=True)
        other = ((values.view(word) & ~unread) | low_bits).view(dtype)
        finite = np.isfinite(other)
        assert ((lo <= other) & (other <= hi))[finite].all()


def test_more_planes_never_widen_and_all_planes_are_the_value() -> None:
    values = np.random.default_rng(0).standard_normal((30, 30)).astype(np.float32)
    boxes = [weights_box(values, planes) for planes in (1, 2, 3, 4, 5)]
    for (lo, hi), (inner_lo, inner_hi) in pairwise(boxes):
        assert (lo <= inner_lo).all()
        assert (inner_hi <= hi).all()
    assert boxes[3][0] is boxes[3][1]
    assert (boxes[3][0] == values).all()
    # Sign and 15 further bits: the box is at most 2^-7 of the value wide.
    assert (boxes[1][1] - boxes[1][0] <= np.abs(values) * 2.0**-7).all()


def test_a_leading_byte_of_the_largest_exponents_has_no_end() -> None:
    lo, hi = weights_box(np.array([2.0**127, -(2.0**127)], np.float32), 1)
    assert lo[0] == 2.0**127 / 2**0
    assert hi[0] == np.inf
    assert lo[1] == -np.inf
    assert hi[1] == -(2.0**127)


def test_scalars_and_strided_arrays_keep_their_shape() -> None:
    one = np.array(1.5, np.float32)
    for lo, hi in (weights_box(one, 2), cut_box(one, np.array([127], np.uint8), 64, 4)):
        assert isinstance(lo, np.ndarray)
        assert isinstance(hi, np.ndarray)
        assert lo.shape == hi.shape == ()
        assert lo <= 1.5 <= hi
    turned = np.arange(1, 7, dtype=np.float32).reshape(2, 3).T
    lo, hi = weights_box(turned, 2)
    assert ((lo <= turned) & (turned <= hi)).all()


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_values_that_are_surely_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(BadInputError, match="infinite or not a number"):
        weights_box(np.array([1.0, bad], np.float32), 2)


def test_other_dtypes_and_no_planes_are_refused() -> None:
    with pytest.raises(BadInputError, match="int32"):
        weights_box(np.zeros(3, np.int32), 1)
    with pytest.raises(BadInputError, match="planes=0"):
        weights_box(np.zeros(3, np.float32), 0)


def test_cut_boxes_are_as_the_bits_say() -> None:
    # The worked example of csrc/mh/codec/fixed/spec.md: bits 0 1100000, 1 0011010, 0 0000000.
    exact = np.array([1.5, -0.40625, 0, 2.0**-20], ml_dtypes.bfloat16)
    exponents = np.array([127], np.uint8)
    cut = np.array([1.5, -0.25, 0, 0], ml_dtypes.bfloat16)
    lo, hi = cut_box(cut, exponents, 64, 4)
    assert lo.tolist() == [1.5, -0.5, 0, 0]
    assert hi.tolist() == [1.75, -0.25, 0.25, 0.25]
    finer = np.array([1.5, -0.40625, -0.0, 0], ml_dtypes.bfloat16)
    lo, hi = cut_box(finer, exponents, 64, 8)
    step = 2.0**-6
    assert lo.tolist() == [1.5, -0.40625 - step, -step, 0]
    assert hi.tolist() == [1.5 + step, -0.40625, 0, step]
    assert ((lo <= exact) & (exact <= hi)).all()


def test_groups_have_their_own_steps() -> None:
    cut = np.zeros((3, 4), np.float16)
    lo, hi = cut_box(cut, np.array([15, 20, 12], np.uint8), 5, 3)
    # Position 1 of a group of exponent 15 is worth 1, two bits of magnitude are known.
    assert hi.reshape(-1).tolist() == [0.5] * 5 + [16.0] * 5 + [0.0625] * 2
    assert not lo.any()
    assert lo.shape == hi.shape == (3, 4)
    lo, hi = cut_box(cut, np.array([15], np.uint8), 1 << 62, 3)
    assert (hi == 0.5).all()
