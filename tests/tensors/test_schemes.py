"""Schemes: each keeps its bound, dtype and shape, and says the same twice."""

from __future__ import annotations

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelhub.errors import BadInputError, UsageError
from modelhub.tensors.arrays import TensorSpec, from_bytes
from modelhub.tensors.dtypes import DTYPES, numpy_dtype
from modelhub.tensors.schemes import DTYPES_LOSSY, apply, components, parse

NAMES = ["bf16", "fp16", "fixed:2", "fixed:8", "fixed:24", "quantize:1", "quantize:8"]
NAMES += ["quantize:12", "random:1", "random:4", "random:16"]
REAL = ["float16", "bfloat16", "float32", "float64"]
SEED = bytes(range(32))
LEVELS = [89.0, 126.0, 268.0, 707.0]


def bits(array):
    return np.ascontiguousarray(array).tobytes()


@st.composite
def tensors(draw):
    """Any bits at all, or values of one size as weights are, of any dtype that schemes change."""
    dtype = draw(st.sampled_from(sorted(DTYPES_LOSSY)))
    shape = tuple(draw(st.lists(st.integers(0, 9), max_size=3)))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    spec = TensorSpec(dtype, shape)
    if draw(st.booleans()):
        return dtype, from_bytes(rng.integers(0, 256, spec.nbytes, np.uint8), spec)
    scale = draw(st.sampled_from([1e-30, 1e-6, 0.02, 1.0, 300.0]))
    return dtype, (rng.standard_normal(shape) * scale).astype(numpy_dtype(dtype))


@settings(max_examples=400)
@given(tensors(), st.sampled_from(NAMES))
def test_the_bound_holds_for_every_finite_value(tensor, name):
    dtype, array = tensor
    try:
        done = apply(parse(name), array, dtype, SEED, "w")
    except BadInputError:
        assert name in ("bf16", "fp16")
        return
    assert (done.array.dtype, done.array.shape) == (array.dtype, array.shape)
    assert done.bound is not None or name.startswith("random")
    old, new = components(array), components(done.array)
    for x, y in zip(old, new, strict=True):
        if not np.isfinite(x):
            assert bits(x) == bits(y)
            continue
        assert np.isfinite(y)
        if done.bound is not None:
            assert abs(Fraction(float(x)) - Fraction(float(y))) <= Fraction(done.bound)


@settings(max_examples=400)
@given(tensors(), st.sampled_from(NAMES))
def test_the_same_comes_out_twice_and_stays(tensor, name):
    dtype, array = tensor
    before = bits(array)
    try:
        done = apply(parse(name), array, dtype, SEED)
    except BadInputError:
        return
    assert bits(array) == before
    assert bits(apply(parse(name), array, dtype, SEED).array) == bits(done.array)
    # Also with another seed: a codebook takes all values where they are few.
    again = apply(parse(name), done.array, dtype, SEED[::-1])
    assert bits(again.array) == bits(done.array)


@given(st.sampled_from(REAL), st.integers(0, 10_000))
def test_each_value_of_a_half_is_the_nearest_there_is(dtype, seed):
    """Against the dtypes themselves where the way is direct, and exactly for float64."""
    rng = np.random.default_rng(seed)
    array = (rng.standard_normal(50) * 10.0 ** rng.integers(-9, 4)).astype(numpy_dtype(dtype))
    for name, target in (("bf16", ml_dtypes.bfloat16), ("fp16", np.float16)):
        found = apply(parse(name), array, dtype, SEED).array
        if dtype != "float64":
            assert bits(found) == bits(array.astype(target).astype(array.dtype))
        near = found.astype(target)
        assert (near.astype(np.float64) == found.astype(np.float64)).all()
        for x, y in zip(array, near, strict=True):
            apart = abs(Fraction(float(x)) - Fraction(float(y)))
            for other in (np.nextafter(y, target(6e4)), np.nextafter(y, target(-6e4))):
                if np.isfinite(other):
                    assert apart <= abs(Fraction(float(x)) - Fraction(float(other)))


def test_float64_is_rounded_once() -> None:
    """Just above the middle of two bfloat16 numbers, but in float32 on it: up, not to even."""
    x = 1 + 2.0**-8 + 2.0**-40
    assert apply(parse("bf16"), np.array([x, -x]), "float64", SEED).array.tolist() == [
        1 + 2.0**-7,
        -1 - 2.0**-7,
    ]
    tie = np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8])
    found = apply(parse("bf16"), tie, "float64", SEED).array
    assert found.tolist() == [1.0, 1 + 2.0**-6]


def test_fixed_point_has_one_exponent() -> None:
    array = np.array([1.0, 0.5, -0.3, 0.004], np.float32)
    done = apply(parse("fixed:8"), array, "float32", SEED)
    # 1.0 needs e = -6: 64 of at most 127; with e = -7 it would be 128.
    assert done.bound == 2.0**-7
    assert (done.array * 64).tolist() == [64, 32, -19, 0]
    assert not np.signbit(done.array).tolist()[3]


@pytest.mark.parametrize("width", [2, 3, 8, 16])
def test_fixed_point_uses_its_bits(width: int) -> None:
    array = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    done = apply(parse(f"fixed:{width}"), array, "float32", SEED)
    assert done.bound is not None
    digits = np.abs(done.array / (2 * done.bound))
    assert (digits == np.rint(digits)).all()
    assert 2 ** (width - 2) <= digits.max() <= 2 ** (width - 1) - 1


def test_fixed_point_stays_in_the_range_of_the_dtype() -> None:
    """With two bits the nearest multiple of the largest value would be infinite."""
    for dtype in REAL:
        top = float(ml_dtypes.finfo(numpy_dtype(dtype)).max)
        done = apply(
            parse("fixed:2"), np.array([top, -top, top / 3]).astype(numpy_dtype(dtype)), dtype, SEED
        )
        assert np.isfinite(done.array).all()
        assert done.bound is not None
        assert done.bound >= top / 2


def test_uniform_levels() -> None:
    array = np.linspace(-1, 3, 999).astype(np.float32)
    done = apply(parse("quantize:2"), array, "float32", SEED)
    levels = np.unique(done.array)
    assert np.allclose(levels, [-1, 1 / 3, 5 / 3, 3])
    assert (levels[0], levels[-1]) == (-1, 3)
    assert done.bound == pytest.approx(2 / 3)


def test_levels_that_a_coarse_dtype_cannot_tell_apart() -> None:
    array = np.array([256, 258, 260], ml_dtypes.bfloat16)
    done = apply(parse("quantize:8"), array, "bfloat16", SEED)
    assert bits(done.array) == bits(array)


def test_a_random_codebook_is_drawn_from_the_values_by_the_seed() -> None:
    array = np.arange(100_000, dtype=np.float32)
    first = apply(parse("random:8"), array, "float32", SEED)
    other = apply(parse("random:8"), array, "float32", SEED[::-1])
    assert first.bound is None
    levels = np.unique(first.array)
    assert levels.size == 256
    assert np.isin(levels, array).all()
    assert bits(first.array) != bits(other.array)
    # The very draw, so that no version of numpy changes it unseen.
    assert levels[:4].tolist() == LEVELS


def test_a_codebook_of_a_pruned_tensor_is_not_all_zeros() -> None:
    rng = np.random.default_rng(0)
    array = np.where(rng.random(200_000) < 0.9, 0, rng.standard_normal(200_000)).astype(np.float32)
    done = apply(parse("random:8"), array, "float32", SEED)
    assert np.unique(done.array).size == 256


def test_few_values_need_no_draw() -> None:
    array = np.tile(np.array([3, -1, 0.1], np.float32), 50_000)
    done = apply(parse("random:2"), array, "float32", SEED)
    assert (bits(done.array), done.bound) == (bits(array), 0.0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", REAL)
def test_special_tensors(name: str, dtype: str) -> None:
    kind = numpy_dtype(dtype)
    for array in (
        np.empty((0, 3), kind),
        np.array(0.25, kind),
        np.full((3, 2), 0.75, kind),
        np.zeros(5, kind),
        np.array([np.nan, np.inf, -np.inf], kind),
        np.arange(12, dtype=np.float32).astype(kind).reshape(3, 4).T[::2],
    ):
        done = apply(parse(name), array, dtype, SEED)
        assert (done.array.shape, done.array.dtype) == (array.shape, array.dtype)
        if array.size and (array == array.reshape(-1)[0]).all() and "fixed" not in name:
            assert (done.array == array).all()


def test_what_is_not_finite_keeps_its_bits() -> None:
    raw = np.array([0x7F800001, 0xFFC12345, 0x7F800000, 0x3F9E0652], np.uint32)
    for name in NAMES:
        found = apply(parse(name), raw.view(np.float32), "float32", SEED).array.view(np.uint32)
        assert found[:3].tolist() == raw[:3].tolist()


def test_values_beyond_a_half_are_named() -> None:
    array = np.array([1.0, -70000.0], np.float32)
    with pytest.raises(BadInputError, match=r"fc.weight: .*70000.*fp16.*65504"):
        apply(parse("fp16"), array, "float32", SEED, "fc.weight")
    with pytest.raises(BadInputError, match="bf16"):
        apply(parse("bf16"), np.array([1e300]), "float64", SEED)
    # What is nearer than the bound saturates: masks are filled with the largest float32.
    top = np.finfo(np.float32).max
    found = apply(parse("bf16"), np.array([top, -top], np.float32), "float32", SEED).array
    assert np.isfinite(found).all()
    found = apply(parse("fp16"), np.array([65530.0], np.float32), "float32", SEED).array
    assert found.tolist() == [65504.0]
    half = apply(parse("bf16"), np.array([65504.0], np.float16), "float16", SEED).array
    assert half.tolist() == [65280.0]


def test_a_half_of_its_own_dtype_is_exact() -> None:
    array = np.random.default_rng(0).standard_normal(99)
    for name, kind in (("bf16", ml_dtypes.bfloat16), ("fp16", np.float16)):
        own = array.astype(kind)
        done = apply(parse(name), own, np.dtype(kind).name, SEED)
        assert (bits(done.array), done.bound) == (bits(own), 0.0)


def test_complex_values_are_changed_by_part() -> None:
    array = np.array([1 + 100j, 3 - 2j], np.complex64)
    done = apply(parse("fixed:4"), array, "complex64", SEED)
    assert done.bound == 8.0
    assert done.array.tolist() == [0 + 96j, 0 + 0j]


def test_other_dtypes_are_refused() -> None:
    for row in DTYPES:
        if row.name not in DTYPES_LOSSY:
            with pytest.raises(BadInputError):
                apply(parse("bf16"), np.zeros(1, numpy_dtype(row.name)), row.name, SEED)


def test_names() -> None:
    for name in NAMES:
        assert str(parse(name)) == name
        assert "error" in parse(name).rule


BAD = ["", "bf17", "BF16", "bf16:8", "fixed", "fixed:", "fixed:1", "fixed:25", "fixed:08"]
BAD += ["quantize:0", "quantize:17", "random:x", "random:4 ", "random:٤", "fixed:8:8", "x" * 999]


@pytest.mark.parametrize("text", BAD)
def test_bad_names_say_what_is_allowed(text: str) -> None:
    with pytest.raises(UsageError, match=r"bf16, fp16, fixed:BITS \(2 to 24\)") as caught:
        parse(text)
    assert len(str(caught.value)) < 300
