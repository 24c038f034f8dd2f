"""A base of another type or shape: csrc/mh/codec/mapping/spec.md."""

from __future__ import annotations

import math

import numpy as np


def _to_bfloat16(x: np.ndarray) -> np.ndarray:
    nan = (x & 0x7FFFFFFF) > 0x7F800000
    rounded = (x + 0x7FFF + (x >> 16 & 1)) >> 16
    return np.where(nan, x >> 16, rounded)


def _to_float16(x: np.ndarray) -> np.ndarray:
    sign = x >> 16 & 0x8000
    a = x & 0x7FFFFFFF
    number = a.astype(np.uint32).view(np.float32)
    # numpy rounds to the nearest, ties to even, subnormal ones included.
    with np.errstate(all="ignore"):
        near = number.astype(np.float16).view(np.uint16).astype(np.int64)
    near = np.where(a >= 0x47800000, 0x7C00, near)
    return sign | np.where(a > 0x7F800000, 0x7E00, near)


def _from_float16(h: np.ndarray) -> np.ndarray:
    sign = (h & 0x8000) << 16
    number = (h & 0x7FFF).astype(np.uint16).view(np.float16).astype(np.float32)
    bits = number.view(np.uint32).astype(np.int64)
    nan = (h & 0x7FFF) > 0x7C00
    return sign | np.where(nan, 0x7F800000 | (h & 1023) << 13, bits)


def convert(conversion: int, elements: np.ndarray) -> np.ndarray:
    """Convert the elements of a base, as unsigned integers."""
    if conversion == 0:
        return elements
    x = elements.astype(np.int64)
    if conversion == 1:
        return _to_bfloat16(x & 0xFFFFFF00).astype("<u2")
    if conversion == 2:
        return _to_float16(x & 0xFFFFFF00).astype("<u2")
    return (x << 16 if conversion == 3 else _from_float16(x)).astype("<u4")


def cut(
    base: np.ndarray, base_shape: tuple[int, ...], shape: tuple[int, ...], n: int
) -> np.ndarray:
    """Take elements of the base to an entry of n elements."""
    result = np.zeros(n, base.dtype)
    if base.size == 0 or n == 0:
        return result
    values, own = math.prod(base_shape), math.prod(shape)
    even = base.size % values == 0 and n % own == 0 and base.size // values == n // own
    if len(base_shape) != len(shape) or not even:
        common = min(base.size, n)
        result[:common] = base[:common]
        return result
    parts = n // own
    both = tuple(slice(0, min(a, b)) for a, b in zip(base_shape, shape, strict=True))
    grid = result.reshape(*shape, parts)
    grid[both] = base.reshape(*base_shape, parts)[both]
    return result
