"""Join the segments of a tensor on a device, so that bytes go there and no float64.

Each segment is sent once, as small numbers of 8 bits, when it is read; boxes are made on the device
from what came so far. A box has 16 bytes for each weight, a segment has one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from modelhub.errors import BadInputError
from modelhub.optional import require
from modelhub.progressive.intervals import Interval, point
from modelhub.tensors.dtypes import by_name, from_numpy

__all__ = ["Segments", "byte_planes", "fixed_segments"]

torch: Any = require("torch", "torch")

# Bits of the fraction, and the bias of the exponent.
_FLOATS = {"float16": (10, 15), "bfloat16": (7, 127), "float32": (23, 127)}
_WORDS = {2: "int16", 4: "int32"}


class Segments:
    """The leading segments of one tensor, on a device.

    Args:
        dtype: `float16`, `bfloat16` or `float32`.
        shape: Of the tensor.
        bits: Bits of each segment, the most significant first; 8 each for bytes of floats. For
            fixed places the sign and then magnitude bits, at most all of them but the tail.
        exponents: For fixed places, the exponent field of each run of `group` weights
            (csrc/mh/codec/fixed/spec.md); None for bytes of floats.
        group: Weights of a run, in flat order.
        device: Where, as torch takes it.

    Raises:
        BadInputError: the dtype is another one, or the bits are not those of such a tensor.
    """

    def __init__(
        self,
        dtype: str,
        shape: Sequence[int],
        bits: Sequence[int],
        exponents: np.ndarray[Any, Any] | None = None,
        group: int = 0,
        device: Any = "cpu",
    ) -> None:
        if dtype not in _FLOATS:
            raise BadInputError(
                f"segments of dtype {dtype}",
                expected="one of " + ", ".join(_FLOATS),
                kind="bad_dtype",
            )
        most = 8 * by_name(dtype).itemsize if exponents is None else _FLOATS[dtype][0] + 1
        if sum(bits) != most or any(not 0 < one <= 8 for one in bits):
            raise BadInputError(f"segments of {list(bits)} bits", expected=f"1 to 8 each, {most}")
        self._dtype, self._bits, self._shape = dtype, tuple(bits), tuple(shape)
        self._total = most
        self._held = 0
        count = math.prod(self._shape)
        self._numbers = torch.zeros(count, dtype=torch.int32, device=device)
        self._steps: Any = None
        if exponents is not None:
            # The weight of the last bit; powers of two that a device makes need not be exact.
            last = np.ldexp(1.0, exponents.astype(np.int64) - _FLOATS[dtype][1] + 2 - most)
            sent = torch.from_numpy(last).to(device)
            self._steps = sent.repeat_interleave(min(group, max(count, 1)))[:count]

    @property
    def held(self) -> int:
        """How many segments have come."""
        return self._held

    def add(self, segment: np.ndarray[Any, Any]) -> None:
        """Send the next segment: uint8, one small number for each weight in flat order.

        Raises:
            BadInputError: all have come, or it is of another size or dtype.
        """
        if self._held == len(self._bits):
            raise BadInputError(f"a segment more than {self._held}")
        if segment.dtype != np.uint8 or segment.size != self._numbers.numel():
            raise BadInputError(
                f"a segment of {segment.size} {segment.dtype}",
                expected=f"{self._numbers.numel()} uint8",
            )
        sent = torch.from_numpy(np.ascontiguousarray(segment).reshape(-1))
        sent = sent.to(self._numbers.device).to(torch.int32)
        # The top bit of a 32-bit float goes into the sign of the number, which is meant.
        self._numbers = (self._numbers << self._bits[self._held]) | sent
        self._held += 1

    def box(self) -> Interval:
        """Return the least and greatest value of each weight, float64; equal once all bytes came.

        Raises:
            BadInputError: nothing has come yet, or a weight is surely an infinity or not a number.
        """
        if not self._held:
            raise BadInputError("no segment has come yet")
        open_ = self._total - sum(self._bits[: self._held])
        if self._steps is not None:
            return self._fixed(open_)
        near = self._floats(self._numbers << open_)
        if not bool(near.isfinite().all()):
            raise BadInputError(
                "a weight that is infinite or not a number", expected="finite weights"
            )
        if not open_:
            return point(near)
        far = self._floats((self._numbers << open_) | ((1 << open_) - 1))
        far = torch.where(far.isfinite(), far, math.inf).abs()
        negative = near.signbit()
        return Interval(torch.where(negative, -far, near), torch.where(negative, near, far))

    def _floats(self, numbers: Any) -> Any:
        word = getattr(torch, _WORDS[by_name(self._dtype).itemsize])
        values = numbers.to(word).view(getattr(torch, self._dtype))
        return values.double().reshape(self._shape)

    def _fixed(self, open_: int) -> Interval:
        magnitude = self._numbers & ((1 << (self._total - open_ - 1)) - 1)
        steps = self._steps * float(1 << open_)
        near = (magnitude.double() * steps).reshape(self._shape)
        far = near + steps.reshape(self._shape)
        negative = (self._numbers >> (self._total - open_ - 1)).bool().reshape(self._shape)
        return Interval(torch.where(negative, -far, near), torch.where(negative, -near, far))


def byte_planes(array: np.ndarray[Any, Any], begin: int, end: int) -> list[np.ndarray[Any, Any]]:
    """Return bytes `begin` to `end` of each value as segments; 0 is the one with the sign."""
    width = array.dtype.itemsize
    raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, width)
    return [np.ascontiguousarray(raw[:, width - 1 - place]) for place in range(begin, end)]


def fixed_segments(
    array: np.ndarray[Any, Any],
    exponents: np.ndarray[Any, Any],
    group: int,
    bits: Sequence[int],
    count: int,
) -> list[np.ndarray[Any, Any]]:
    """Return the first `count` segments of weights at fixed places.

    Args:
        array: Weights, or what a prefix of at least so many segments leaves of them.
        exponents: The exponent field of each run of `group` weights.
        bits: Bits of each segment.
    """
    total, bias = sum(bits), _FLOATS[from_numpy(array.dtype).name][1]
    values = array.astype(np.float64).reshape(-1)
    fields = np.repeat(exponents.astype(np.int64), min(group, max(values.size, 1)))[: values.size]
    magnitude = np.ldexp(np.abs(values), -(fields - bias + 2 - total)).astype(np.int64)
    numbers = magnitude | (np.signbit(values).astype(np.int64) << (total - 1))
    found, left = [], total
    for one in bits[:count]:
        left -= one
        found.append(((numbers >> left) & ((1 << one) - 1)).astype(np.uint8))
    return found
