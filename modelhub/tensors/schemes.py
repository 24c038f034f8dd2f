"""Apply the lossy float schemes: fewer digits, fixed point, a codebook. Never done unasked.

After Miao, Li, Davis and Deshpande, ICDE 2017, section IV-B. A result keeps dtype and shape; only
its values are fewer, or shorter. Values that are not finite keep their bits. docs/guide/lossy.md
says what each scheme promises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from modelhub.errors import BadInputError, UsageError
from modelhub.tensors import codebooks, rounding
from modelhub.tensors.dtypes import numpy_dtype

__all__ = ["DTYPES_LOSSY", "Applied", "Scheme", "apply", "components", "parse"]

# What schemes change. Narrower floats hold no more than a scheme would leave; integers, bool and
# packed values are not rounded.
DTYPES_LOSSY = frozenset({"float16", "bfloat16", "float32", "float64", "complex64", "complex128"})

# Values worked on at once: their float64 copies stay in the second-level cache.
_BLOCK_VALUES = 1 << 18

_BITS = {
    "fixed": (rounding.FIXED_BITS_MIN, rounding.FIXED_BITS_MAX),
    "quantize": (1, codebooks.CODEBOOK_BITS_MAX),
    "random": (1, codebooks.CODEBOOK_BITS_MAX),
}
_EXPECTED = ", ".join(
    [*rounding.HALVES, *(f"{name}:BITS ({low} to {high})" for name, (low, high) in _BITS.items())]
)
_RULES = {
    "bf16": "|error| <= 2^-8 |x|, at least 2^-134",
    "fp16": "|error| <= 2^-11 |x|, at least 2^-25",
    "fixed": "|error| <= half of 2^e, one e for each tensor",
    "quantize": "|error| <= half the step between levels from least to largest",
    "random": "none beforehand: the error is measured",
}

Array = npt.NDArray[Any]
Wide = npt.NDArray[np.float64]
Change = Callable[[Wide], Wide]

# It has no types of its own.
_finfo: Callable[[np.dtype[Any]], Any] = ml_dtypes.finfo


@dataclass(frozen=True, slots=True)
class Scheme:
    """A scheme by name; `bits` is 0 where the name says all."""

    name: str
    bits: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.bits}" if self.bits else self.name

    @property
    def rule(self) -> str:
        """The bound of an error in words."""
        return _RULES[self.name]


@dataclass(frozen=True, slots=True)
class Applied:
    """The new values; `bound` is the largest error possible, None where it is only measured."""

    array: Array
    bound: float | None


def parse(text: str) -> Scheme:
    """Return the scheme that a text names: bf16, fp16, fixed:B, quantize:B or random:B.

    Raises:
        UsageError: there is no such scheme, or it has no such number of bits.
    """
    name, colon, digits = text.partition(":")
    if name in rounding.HALVES and not colon:
        return Scheme(name)
    if name in _BITS and re.fullmatch(r"[1-9][0-9]?", digits):
        low, high = _BITS[name]
        if low <= int(digits) <= high:
            return Scheme(name, int(digits))
    raise UsageError(f"scheme {text[:64]!r}", expected=f"one of {_EXPECTED}")


def components(array: Array) -> Array:
    """Return the numbers of an array in one row: of complex values both parts."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


def apply(scheme: Scheme, array: Array, dtype: str, seed: bytes, where: str = "") -> Applied:
    """Return a tensor with the scheme applied; costs a second copy of it.

    Args:
        dtype: One of `DTYPES_LOSSY`.
        seed: What a random codebook is drawn by; a tensor's id makes it depend on that alone.
        where: The tensor's name, for errors.

    Raises:
        BadInputError: a value is beyond what bf16 or fp16 can say within their bound.
    """
    if dtype not in DTYPES_LOSSY:
        raise BadInputError(f"dtype {dtype}", where=where, kind="bad_dtype")
    values = components(array)
    limits = _limits(values)
    if limits is None:
        # Without a finite value there is nothing to change.
        return Applied(array.copy(), 0.0)
    change, bound = _prepare(scheme, values, limits, seed, where)
    out = np.empty_like(values)
    word = np.dtype(f"u{values.dtype.itemsize}")
    for start in range(0, values.size, _BLOCK_VALUES):
        block = slice(start, start + _BLOCK_VALUES)
        wide, finite = _widen(values[block])
        near = change(wide).astype(values.dtype)
        # As integers, so that a NaN keeps its payload.
        out.view(word)[block] = np.where(finite, near.view(word), values[block].view(word))
    result = out.view(numpy_dtype(dtype)).reshape(array.shape)
    return Applied(result, bound)


def _widen(values: Array) -> tuple[Wide, npt.NDArray[np.bool_]]:
    """Return values as float64, zero where they are not finite, and where they are."""
    with np.errstate(invalid="ignore"):
        wide = values.astype(np.float64)
    finite = np.isfinite(wide)
    wide[~finite] = 0.0
    return wide, finite


def _limits(values: Array) -> tuple[float, float] | None:
    """Return the least and the largest finite value."""
    low, high = np.inf, -np.inf
    for start in range(0, values.size, _BLOCK_VALUES):
        wide, finite = _widen(values[start : start + _BLOCK_VALUES])
        kept = wide[finite]
        if kept.size:
            low, high = min(low, float(kept.min())), max(high, float(kept.max()))
    return (low, high) if low <= high else None


def _prepare(
    scheme: Scheme, values: Array, limits: tuple[float, float], seed: bytes, where: str
) -> tuple[Change, float | None]:
    """Return what changes a block of float64 values, and its bound."""
    low, high = limits
    magnitude = max(abs(low), abs(high))
    info = _finfo(values.dtype)
    if scheme.name in rounding.HALVES:
        return _half(rounding.HALVES[scheme.name], magnitude, info, where)
    if scheme.name == "fixed":
        exponent = rounding.fixed_exponent(magnitude, scheme.bits, float(info.max))
        if exponent is None:
            return _zero_unsigned, 0.0
        # 2^1024 is no float64; where e is so large, every value goes to 0.
        bound = 2.0 ** (exponent - 1) if exponent <= 1024 else magnitude
        return lambda block: rounding.fixed(block, exponent), bound
    if scheme.name == "quantize":
        nearest = codebooks.Nearest(codebooks.uniform(low, high, scheme.bits, values.dtype))
        return nearest, nearest.bound
    levels, all_of_them = codebooks.sampled(values, scheme.bits, seed)
    return codebooks.Nearest(levels), 0.0 if all_of_them else None


def _zero_unsigned(block: Wide) -> Wide:
    return block + 0.0


def _half(half: rounding.Half, magnitude: float, info: Any, where: str) -> tuple[Change, float]:
    digits = int(info.nmant) + 1
    if digits <= half.digits and float(info.max) <= half.top:
        return lambda block: block, 0.0
    largest = half.largest(float(info.max), digits)
    if magnitude - largest > magnitude * 2.0**-half.digits:
        raise BadInputError(
            f"the value {magnitude:g} is too large for {half.name}",
            expected=f"at most {largest:g} in magnitude",
            where=where,
            hint="choose another scheme, such as fixed:16",
        )
    return lambda block: half.round(block, largest), half.bound(magnitude)
