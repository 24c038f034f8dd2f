"""Sketches: what is alike meets in a band, what is not does not, whatever the dtype."""

from __future__ import annotations

import hashlib
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from modelhub.tensors.arrays import spec_of, to_bytes
from modelhub.tensors.sketches import (
    BANDS,
    ELEMENTS_MIN,
    SIGNATURE_BYTES,
    Sketch,
    comparable,
    difference_bits,
    sketch,
)

SHAPE = (96, 80)


def weights(seed: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.05, shape).astype(np.float32)


def sketched(array: Any) -> Sketch:
    found = sketch(spec_of(array), to_bytes(array))
    assert found is not None
    return found


def meet(own: Any, other: Any) -> bool:
    mine = sketched(own)
    return bool({*mine.bands, *mine.probes} & {*sketched(other).bands})


def mix(x: int) -> int:
    mask = (1 << 64) - 1
    x = (x + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def plain_bands(values: list[float], shape: tuple[int, ...]) -> list[bytes]:
    """The page's words, one by one (docs/formats/catalog.md)."""
    n = len(values)
    sampled = [values[(mix((mix(n) + i) % (1 << 64))) % n] for i in range(256)]
    centred = [value - sorted(sampled)[128] for value in sampled]
    scale = sorted(abs(value) for value in centred)[128]
    numbers = [max(-124, min(124, round(value / scale * 31))) for value in centred]
    sums = [
        sum(q if mix(84 * i + j) >> 63 else -q for i, q in enumerate(numbers)) for j in range(84)
    ]
    text = f"1 float {shape}".encode()
    group = hashlib.blake2b(text, digest_size=7).digest()
    bands = []
    for band in range(6):
        bits = "".join("1" if sums[14 * band + k] > 0 else "0" for k in range(14)) + "00"
        bands.append(group + bytes([band]) + int(bits, 2).to_bytes(2, "big"))
    return bands


def test_bands_are_those_of_the_page() -> None:
    """They are on disk: another rule needs another number in them."""
    # Quarters, so that no rounding depends on how it is computed.
    values = [mix(i) % 1009 / 4 for i in range(2000)]
    found = sketched(np.array(values, np.float32).reshape(40, 50))
    assert len(found.signature) == SIGNATURE_BYTES
    assert list(found.bands) == plain_bands(values, (40, 50))


@pytest.mark.parametrize("step", [1e-2, 1e-3, 1e-5])
def test_a_fine_tune_is_found(step: float) -> None:
    found = sum(meet(weights(i) + step * weights(1000 + i) / 0.05, weights(i)) for i in range(50))
    assert found >= 49


def test_epochs_of_a_training_from_nothing_are_found() -> None:
    # They correlate at 0.95.
    found = sum(meet(weights(i) + 0.33 * weights(1000 + i), weights(i)) for i in range(100))
    assert found >= 75


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
def test_twins_of_another_precision_are_found(dtype: Any) -> None:
    for seed in range(30):
        assert meet(weights(seed).astype(dtype), weights(seed))
        assert meet(weights(seed), weights(seed).astype(dtype))


@pytest.mark.parametrize("dtype", [np.int8, np.float64, ml_dtypes.float8_e4m3fn, np.int64])
def test_other_dtypes_find_their_own_kind_alone(dtype: Any) -> None:
    own = (weights(1) * 500).astype(dtype)
    nearly = own.copy()
    nearly.reshape(-1)[::50] = 0
    assert meet(own, nearly)
    assert not meet(own, own.astype(np.float32))
    assert not comparable(sketched(own).bands[0], sketched(own.astype(np.float32)).bands[0])


def test_unrelated_tensors_do_not_meet() -> None:
    sketches = [sketched(weights(seed)) for seed in range(150)]
    taken: dict[bytes, int] = {}
    met = 0
    for mine in sketches:
        met += any(key in taken for key in (*mine.bands, *mine.probes))
        taken |= dict.fromkeys(mine.bands, 1)
    # By chance 150 * 150 / 2 pairs of 12 looks at one band in 2^14 would give 8.
    assert met <= 20


def test_values_about_one_are_told_apart() -> None:
    """As in layer normalisation: the mean tells nothing, nor does the exponent."""
    assert not meet(1 + weights(1), 1 + weights(2))
    assert meet(1 + weights(1), 1 + weights(1) + weights(3) / 1000)


def test_another_shape_is_another_group() -> None:
    own = weights(1)
    assert not meet(own, own.reshape(80, 96))
    assert not comparable(sketched(own).bands[0], sketched(own.reshape(-1)).bands[0])
    assert comparable(sketched(own).bands[0], sketched(own.astype(np.float16)).bands[0])


def test_what_has_no_sketch() -> None:
    for array in (
        weights(1, (ELEMENTS_MIN - 1,)),
        np.zeros(SHAPE, np.float32),
        np.full(SHAPE, 3, np.int32),
        np.full(SHAPE, np.nan, np.float32),
        np.ones(5000, np.complex64),
        np.zeros((0, 3), np.float32),
    ):
        assert sketch(spec_of(array), to_bytes(array)) is None
    sketched(weights(1, (ELEMENTS_MIN,)))


def test_odd_values_are_taken() -> None:
    own = weights(1)
    own[::7] = np.nan
    own[1::7] = np.inf
    own[2::7] = -3e38
    own[3::7] = 1e-42
    assert len(sketched(own).bands) == BANDS
    assert meet(own, own)
    bits, chance = difference_bits("float32", sketched(own).signature, [sketched(own).signature])
    assert bits[0] == 0
    assert chance > 20


def test_a_sparse_tensor_is_found() -> None:
    own = weights(1)
    own[np.random.default_rng(2).random(SHAPE) < 0.9] = 0
    assert meet(own, own + 1e-6 * weights(3))


def test_difference_bits_tell_which_is_nearer() -> None:
    own = weights(1)
    others = [own + step * weights(9) for step in (1e-5, 1e-3, 1e-1)]
    bits, chance = difference_bits(
        "float32",
        sketched(own).signature,
        [sketched(array).signature for array in (*others, own.astype(ml_dtypes.bfloat16), own)],
    )
    assert bits[0] < bits[1] < bits[2] < chance - 2
    # What bfloat16 has cut off is 16 bits long at most.
    assert 13 < bits[3] <= 17
    assert bits[4] == 0
    unrelated, chance = difference_bits(
        "float32", sketched(own).signature, [sketched(weights(i)).signature for i in range(50, 99)]
    )
    assert np.abs(unrelated - chance).max() < 2.5


def test_a_twin_of_half_the_width_differs_in_nothing() -> None:
    for dtype in (ml_dtypes.bfloat16, np.float16):
        half = weights(1).astype(dtype)
        bits, _ = difference_bits(
            str(half.dtype), sketched(half).signature, [sketched(weights(1)).signature]
        )
        assert bits[0] < 1
