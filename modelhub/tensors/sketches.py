"""Tell by a few values which tensors of equal shape are alike, without reading them.

A *sketch* is made of the values at positions that nothing but the number of elements decides, so
that two tensors of one shape are sampled alike. Its *signature* is some of these values; its
*bands* are short texts of bits, signs of sums over the values with random signs. Tensors that are
alike have a band in common, whatever their names and whichever float dtype they are kept in.

Bands: locality-sensitive hashing by random hyperplanes, Charikar, "Similarity estimation
techniques from rounding algorithms", STOC 2002; looking in neighbouring bands too after Lv and
others, "Multi-probe LSH", VLDB 2007. Bands are on disk (docs/formats/catalog.md): what is computed
here must not change without a new number in `_VERSION`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from modelhub.tensors.arrays import Bytes, TensorSpec
from modelhub.tensors.dtypes import by_name, numpy_dtype

__all__ = [
    "BANDS",
    "ELEMENTS_MIN",
    "SIGNATURE_BYTES",
    "Sketch",
    "comparable",
    "difference_bits",
    "sketch",
]

_VERSION = 1
# Below, rows of the catalog would take more than a delta saves.
ELEMENTS_MIN = 256
# Two hyperplanes agree with the probability 1 - angle / pi. Six bands of 14, each looked up with
# its least certain bit either way, find epochs of a training from nothing that correlate at 0.95,
# and all steps of a fine-tuning; of 10,000 unrelated tensors of the shape they find a handful.
BANDS = 6
_BAND_BITS = 14
_GROUP_BYTES = 7
_SAMPLES = 256
_SIGNATURE_VALUES = 64
SIGNATURE_BYTES = 4 * _SIGNATURE_VALUES
# Another order of them.
_DEALT = np.roll(np.arange(_SIGNATURE_VALUES), 1)
# Outliers beyond so many deviations count no more: a few would decide every sum.
_CLIP = 4.0
# Deviations are rounded to this step, so that sums are of whole numbers and exact in float32.
_STEPS = 31.0
# Where float32 tells more than the dtype does, low bits do not count.
_SHIFTS = {"bfloat16": 16, "float16": 13}
# These are found in each other's bands, as each can be the base of another.
_FLOATS = frozenset({"float32", "bfloat16", "float16"})

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is kept of a tensor to find it again.

    Args:
        signature: Sampled values, float32, little-endian; SIGNATURE_BYTES of them.
        bands: BANDS keys of 10 bytes; equal keys mean the same shape, kind and likely content.
        probes: Keys of the bands that the tensor nearly has; looked up, never kept.
    """

    signature: bytes
    bands: tuple[bytes, ...]
    probes: tuple[bytes, ...]


def sketch(spec: TensorSpec, data: Bytes) -> Sketch | None:
    """Return the sketch of a tensor; None if it is small, packed or constant where it is sampled.

    Takes some 50 us, whatever the size.

    Args:
        data: Raw bytes, uint8 [spec.nbytes], contiguous.
    """
    row = by_name(spec.dtype)
    if spec.count < ELEMENTS_MIN or row.packed or row.name.startswith("complex"):
        return None
    elements: npt.NDArray[Any] = data.view(numpy_dtype(spec.dtype))
    # A NaN or an overflow is a value like any other here.
    with np.errstate(all="ignore"):
        values: Floats = elements[_positions(elements.size)].astype(np.float32)
        deviations = _deviations(values)
    if deviations is None:
        return None
    sums = (deviations @ _hyperplanes()).reshape(BANDS, _BAND_BITS)
    bits = sums > 0
    near = bits.copy()
    weakest = np.abs(sums).argmin(axis=1)
    near[np.arange(BANDS), weakest] ^= True
    group = _group(spec)
    return Sketch(
        values[:_SIGNATURE_VALUES].astype("<f4").tobytes(), _keys(group, bits), _keys(group, near)
    )


def comparable(own_band: bytes, other_band: bytes) -> bool:
    """Tell by a band of each whether two tensors are of one shape and kind, so sampled alike."""
    return own_band[:_GROUP_BYTES] == other_band[:_GROUP_BYTES]


def difference_bits(
    dtype: str, own: bytes, others: Sequence[bytes]
) -> tuple[npt.NDArray[np.float64], float]:
    """Return what an element of a tensor takes as a difference to each of others, in bits, roughly.

    The mean length of the differences between the sampled values, as integers in the order of the
    dtype's values, signs included. The second result is the same between the tensor and itself with
    its values in another order: about what an unrelated tensor would take.

    Args:
        dtype: That of the tensor itself; others may be of another precision.
        own: Its signature.
        others: Signatures of tensors that are comparable; n of them.

    Returns:
        float64 [n], and a number.
    """
    values = _ordered(np.frombuffer(b"".join((own, *others)), "<f4"))
    rows = values.reshape(-1, _SIGNATURE_VALUES).astype(np.float64)
    mine = rows[0].copy()
    rows[0] = mine[_DEALT]
    distances = np.abs(rows - mine)
    if dtype in _SHIFTS:
        distances = np.floor(distances * 2.0 ** -_SHIFTS[dtype])
    # frexp's exponent of a whole number is its length in bits.
    lengths = np.frexp(distances)[1] + (distances > 0)
    means: npt.NDArray[np.float64] = lengths.sum(axis=1) / _SIGNATURE_VALUES
    return means[1:], float(means[0])


def _ordered(values: Floats) -> npt.NDArray[np.int32]:
    """Map floats to integers of the same order; both zeros are 0."""
    bits = values.view(np.int32)
    signs = bits >> 31
    return (bits ^ (signs & 0x7FFFFFFF)) - signs


def _deviations(values: Floats) -> Floats | None:
    """Return values about their median in steps of the typical deviation; None if all are equal."""
    finite = np.isfinite(values)
    if not finite.all():
        values = np.where(finite, values, np.float32(0))
    half = values.size // 2
    centred = values - np.partition(values, half)[half]
    sizes = np.abs(centred)
    # Where most are the same, as in a sparse tensor, the typical deviation is the mean.
    scale = np.partition(sizes, half)[half] or sizes.mean(dtype=np.float64)
    if scale == 0:
        return None
    steps = centred * np.float32(_STEPS / scale)
    limit = np.float32(_CLIP * _STEPS)
    found: Floats = np.rint(np.minimum(np.maximum(steps, -limit), limit))
    # An overflow and an infinity have met.
    return found if np.isfinite(found).all() else np.where(np.isnan(found), np.float32(0), found)


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return random-looking numbers for numbers: the output function of SplitMix64."""
    x = numbers + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@lru_cache(maxsize=256)
def _positions(elements: int) -> npt.NDArray[np.int64]:
    """Return which elements are sampled, of so many."""
    steps = np.arange(_SAMPLES, dtype=np.uint64)
    seed = _mixed(np.full_like(steps, elements))
    found = _mixed(seed + steps) % np.uint64(elements)
    return found.astype(np.int64)


@lru_cache(maxsize=1)
def _hyperplanes() -> Floats:
    """Return signs, float32 [samples, bits of all bands]."""
    numbers = np.arange(_SAMPLES * BANDS * _BAND_BITS, dtype=np.uint64)
    signs = np.where(_mixed(numbers) >> np.uint64(63), 1.0, -1.0)
    return signs.astype(np.float32).reshape(_SAMPLES, -1)


@lru_cache(maxsize=256)
def _group(spec: TensorSpec) -> bytes:
    """Return what is common to all tensors of a shape that may be each other's base."""
    family = "float" if spec.dtype in _FLOATS else spec.dtype
    text = f"{_VERSION} {family} {spec.shape}"
    return hashlib.blake2b(text.encode(), digest_size=_GROUP_BYTES).digest()


def _keys(group: bytes, bits: npt.NDArray[np.bool_]) -> tuple[bytes, ...]:
    packed = np.packbits(bits, axis=1).tobytes()
    size = len(packed) // BANDS
    return tuple(
        group + bytes((band,)) + packed[band * size : (band + 1) * size] for band in range(BANDS)
    )
