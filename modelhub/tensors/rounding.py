"""Round values to fewer bits: to the numbers of bfloat16 or float16, or to fixed point.

All work is done on float64, which holds every value of the narrower dtypes exactly; results are
values of the dtype that the tensor has. Rounding is to nearest, ties to even.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FIXED_BITS_MAX", "FIXED_BITS_MIN", "HALVES", "Half", "fixed", "fixed_exponent"]

Wide = npt.NDArray[np.float64]

FIXED_BITS_MIN = 2
# One sign and 23 digits: what float32 holds of a value near the largest one.
FIXED_BITS_MAX = 24

_BF16_SHIFT = 16


@dataclass(frozen=True, slots=True)
class Half:
    """A float of 16 bits: its binary digits, its largest number, the step between tiny ones."""

    name: str
    digits: int
    top: float
    step: float

    def largest(self, top: float, digits: int) -> float:
        """Return the largest number that this format and a dtype share.

        Args:
            top: The largest number of the dtype.
            digits: Its binary digits.
        """
        return _cut(min(self.top, top), min(self.digits, digits))

    def round(self, values: Wide, largest: float) -> Wide:
        """Return the nearest numbers of this format, none beyond `largest`."""
        with np.errstate(over="ignore"):
            near = _to_bf16(values) if self.name == "bf16" else _to_fp16(values)
        return np.clip(near, -largest, largest)

    def bound(self, magnitude: float) -> float:
        """Return the largest error of a value whose magnitude is at most `magnitude`."""
        return max(magnitude * 2.0**-self.digits, self.step / 2)


HALVES = {
    "bf16": Half("bf16", 8, (2.0 - 2.0**-7) * 2.0**127, 2.0**-133),
    "fp16": Half("fp16", 11, (2.0 - 2.0**-10) * 2.0**15, 2.0**-24),
}


def _cut(value: float, digits: int) -> float:
    """Return a positive value with its leading binary digits only."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.floor(math.ldexp(mantissa, digits)), exponent - digits)


def _to_fp16(values: Wide) -> Wide:
    return values.astype(np.float16).astype(np.float64)


def _to_bf16(values: Wide) -> Wide:
    """Round once, not twice: on the way through float32 what is cut leaves its mark (odd)."""
    near = values.astype(np.float32)
    back = near.astype(np.float64)
    bits = near.view(np.uint32)
    # Where float32 was not exact, take of its two neighbours the one whose last digit is odd; then
    # no value that lay off the middle of two bfloat16 numbers seems to lie on it.
    inexact = (back != values) & (bits & 1 == 0) & np.isfinite(near)
    if inexact.any():
        away = np.abs(back[inexact]) < np.abs(values[inexact])
        bits[inexact] += np.where(away, 1, -1).astype(np.int32).view(np.uint32)
    bits += np.uint32(0x7FFF) + ((bits >> _BF16_SHIFT) & 1)
    bits &= np.uint32(0xFFFF0000)
    return near.astype(np.float64)


def fixed_exponent(magnitude: float, bits: int, top: float) -> int | None:
    """Return the smallest e for which `magnitude` / 2^e, rounded, fits sign and `bits` - 1 digits.

    Args:
        magnitude: The largest of a tensor; None is returned for 0, which needs no exponent.
        top: The largest value of the dtype; the result must not pass it.
    """
    if magnitude == 0.0:
        return None
    limit = 2 ** (bits - 1) - 1
    exponent = math.frexp(magnitude)[1] - bits
    while True:
        digits = _rint(magnitude, exponent)
        if digits <= limit and (digits == 0 or _in_range(digits, exponent, top)):
            return exponent
        exponent += 1


def _rint(value: float, exponent: int) -> int:
    return round(math.ldexp(value, -exponent))


def _in_range(digits: int, exponent: int, top: float) -> bool:
    try:
        return math.ldexp(digits, exponent) <= top
    except OverflowError:
        return False


def fixed(values: Wide, exponent: int) -> Wide:
    """Return the nearest multiples of 2^exponent; a zero has no sign."""
    return np.ldexp(np.rint(np.ldexp(values, -exponent)), exponent) + 0.0
