"""Arrays of every kind that the codec must bring back bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from modelhub.tensors.dtypes import DTYPES, numpy_dtype

# Dtypes that numpy has; packed ones are uint8 to it.
NAMES = [row.name for row in DTYPES if not row.packed]
FLOATS = [name for name in NAMES if "float" in name]
SHAPES = [
    (),
    (0,),
    (1,),
    (3, 0, 2),
    (7,),
    (1, 1, 1),
    (63,),
    (64, 2),
    (13, 5),
    (300,),
    (2, 3, 4, 50),
]
STYLES = [
    "bits", "weights", "constant", "few", "rows", "sparse", "specials", "growing", "skewed",
]  # fmt: skip


def specials(width: int, parts: int) -> np.ndarray:
    """Bits that no arithmetic may touch: NaN payloads, infinities, -0, subnormals, extremes."""
    words = {
        1: [0x00, 0x80, 0x7F, 0xFF, 0x01, 0x81, 0x7C, 0xFC],
        2: [0x7C00, 0xFC01, 0x7F80, 0x7FC0, 0xFF81, 0x8000, 0x0001, 0x8001, 0x7FFF],
        4: [0x7F800000, 0xFF800000, 0x7F800001, 0xFFC12345, 0x80000000, 1, 0x80000001, 0x7F7FFFFF],
        8: [0x7FF << 52, 0xFFF << 52, (0x7FF << 52) + 1, 0xFFF8 << 48, 1 << 63, 1, (1 << 63) + 1],
    }[width]
    return np.array(words, f"<u{width}")


def make(name: str, shape: tuple[int, ...], style: str, seed: int) -> np.ndarray:
    """Make an array of a dtype, in a style that leads to one codec or another."""
    rng = np.random.default_rng(seed)
    dtype = numpy_dtype(name)
    row = next(row for row in DTYPES if row.name == name)
    count = int(np.prod(shape, dtype=np.int64)) * (row.itemsize // row.width)
    words = rng.integers(0, 256, count * row.width, np.uint8).view(f"<u{row.width}")
    if style in ("weights", "rows", "sparse", "growing"):
        values = rng.normal(0, 0.02, count) if "float" in name else rng.normal(0, 20, count)
        if style == "growing":
            values *= 2.0 ** (np.arange(count) // 64 % 9)
        words = _words(values, name, row.width)
    if style == "rows" and count > 8:
        words = np.resize(words[: max(2, count // 5)], count)
    if style == "sparse":
        words[rng.random(count) < 0.9] = 0
    if style == "constant":
        words[:] = words[:1] if count else 0
    if style == "few":
        words = words[: max(1, min(5, count))][rng.integers(0, max(1, min(5, count)), count)]
    if style == "skewed":
        words = (words < words.max(initial=1) // 16).astype(words.dtype)
    if style == "specials":
        words = specials(row.width, 1)[rng.integers(0, specials(row.width, 1).size, count)]
    return np.ascontiguousarray(words).view(dtype).reshape(shape)


def _words(values: np.ndarray, name: str, width: int) -> np.ndarray:
    plain = {"complex64": "float32", "complex128": "float64", "bool": "uint8"}.get(name, name)
    with np.errstate(all="ignore"):
        numbers = np.abs(values) if plain.startswith(("uint", "float8_e8")) else values
        return np.ascontiguousarray(numbers.astype(numpy_dtype(plain))).view(f"<u{width}").copy()


def moved(array: np.ndarray, how: str, seed: int) -> np.ndarray:
    """Change an array a little, as training does, or a lot."""
    rng = np.random.default_rng(seed + 1)
    raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8).copy()
    if raw.size == 0 or how == "same":
        return raw.view(array.dtype).reshape(array.shape)
    if how == "bits":
        raw[rng.integers(0, raw.size, max(1, raw.size // 9))] ^= 1 << int(rng.integers(8))
    elif how == "noise":
        raw[:] = rng.integers(0, 256, raw.size)
    else:
        width = min(array.itemsize, 8) if raw.size % min(array.itemsize, 8) == 0 else 1
        words = raw.view(f"<u{width}")
        words += rng.integers(0, 4, words.size).astype(words.dtype)
        if how == "rows":
            half = words.size // 2
            original = np.ascontiguousarray(array).reshape(-1).view(words.dtype)
            words[:half] = original[:half]
    return raw.view(array.dtype).reshape(array.shape)


@st.composite
def arrays(draw: Any) -> np.ndarray:
    return make(
        draw(st.sampled_from(NAMES)),
        draw(st.sampled_from(SHAPES)),
        draw(st.sampled_from(STYLES)),
        draw(st.integers(0, 99)),
    )


def same(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether two arrays are of one dtype, shape and bits."""
    if (left.dtype, left.shape) != (right.dtype, right.shape):
        return False
    return left.tobytes() == right.tobytes()


def leading(array: np.ndarray, width: int, planes: int) -> bytes:
    """The bytes of an array, those below the leading `planes` of each element zero."""
    raw = np.frombuffer(array.tobytes(), np.uint8).reshape(-1, width).copy()
    raw[:, : max(0, width - planes)] = 0
    return raw.tobytes()
