"""Measure how far two arrays of equal shape lie apart, block by block.

A value is *changed* when its bits differ (when the dtypes differ: when the values do). Distances
are measured in float64 over the positions where both values are finite; NaNs and infinities are
counted instead of spoiling the sums. The largest difference of two integers is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["BLOCK_VALUES", "Change", "Meter"]

# Values measured at once: a few float64 arrays of 2 MB each stay in the second-level cache.
BLOCK_VALUES = 1 << 18

# Squares of what lies outside would overflow or vanish in float64; blocks with such values are
# scaled by a power of two first.
_EXPONENT_MAX = 400

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """How two tensors differ; the distances are None where no position has two finite values.

    `relative_l2` is |right - left| / |left|, infinite where only the left side is all zero.
    """

    values: int
    changed: int
    max_abs: float | int | None
    relative_l2: float | None
    cosine: float | None
    nonfinite_left: int
    nonfinite_right: int

    @property
    def share(self) -> float:
        """The share of values that changed."""
        return self.changed / self.values if self.values else 0.0


@dataclass(slots=True)
class _Sum:
    """A sum of float64s with an exponent of its own: value * 2**exponent."""

    value: float = 0.0
    exponent: int = 0

    def add(self, value: float, exponent: int) -> None:
        if value == 0.0:
            return
        if self.value == 0.0:
            self.value, self.exponent = value, exponent
            return
        top = max(self.exponent, exponent)
        self.value = math.ldexp(self.value, self.exponent - top)
        self.value += math.ldexp(value, exponent - top)
        self.exponent = top

    def ratio(self, other: _Sum) -> float:
        """Return this sum divided by another that is not 0."""
        try:
            return math.ldexp(self.value / other.value, self.exponent - other.exponent)
        except OverflowError:
            return math.inf


@dataclass(slots=True)
class Meter:
    """Adds up blocks of two arrays; `change` gives the result so far.

    Args:
        bytewise: The values are packed several to a byte: only count bytes that differ.
    """

    bytewise: bool = False
    _values: int = 0
    _changed: int = 0
    _measured: int = 0
    _nonfinite: list[int] = field(default_factory=lambda: [0, 0])
    _max: float | int = 0
    _left: _Sum = field(default_factory=_Sum)
    _right: _Sum = field(default_factory=_Sum)
    _apart: _Sum = field(default_factory=_Sum)
    _dot: _Sum = field(default_factory=_Sum)

    def add(self, left: Array, right: Array) -> None:
        """Take two arrays of equal shape, of any size; costs memory for one block."""
        left, right = np.ravel(left), np.ravel(right)
        for begin in range(0, left.size, BLOCK_VALUES):
            block = slice(begin, begin + BLOCK_VALUES)
            self._block(left[block], right[block])

    def add_equal(self, values: int) -> None:
        """Count values known to be equal, whose norms are not known."""
        self._values += values

    def change(self) -> Change:
        """Return what the blocks taken so far add up to."""
        measured = self._measured > 0
        return Change(
            values=self._values,
            changed=self._changed,
            max_abs=self._max if measured else None,
            relative_l2=self._relative() if measured else None,
            cosine=self._cosine() if measured else None,
            nonfinite_left=self._nonfinite[0],
            nonfinite_right=self._nonfinite[1],
        )

    def merge(self, other: Meter) -> None:
        """Take in what another meter has added up, for totals over tensors."""
        self._values += other._values
        self._changed += other._changed
        self._measured += other._measured
        self._nonfinite = [a + b for a, b in zip(self._nonfinite, other._nonfinite, strict=True)]
        self._max = max(self._max, other._max)
        for mine, its in (
            (self._left, other._left),
            (self._right, other._right),
            (self._apart, other._apart),
            (self._dot, other._dot),
        ):
            mine.add(its.value, its.exponent)

    def _relative(self) -> float:
        if self._apart.value == 0.0:
            return 0.0
        if self._left.value == 0.0:
            return math.inf
        return math.sqrt(self._apart.ratio(self._left))

    def _cosine(self) -> float:
        if self._left.value == 0.0 or self._right.value == 0.0:
            # Two zero vectors point the same way as far as anyone can tell; one alone does not.
            return 1.0 if self._left.value == self._right.value else 0.0
        if self._changed == 0:
            return 1.0
        # |dot| <= |left| |right|, taken apart so that no square has to be representable.
        exponent = self._dot.exponent - (self._left.exponent + self._right.exponent) / 2
        scale = math.sqrt(self._left.value) * math.sqrt(self._right.value)
        cosine = self._dot.value / scale * 2.0**exponent if self._dot.value else 0.0
        return min(max(cosine, -1.0), 1.0)

    def _block(self, left: Array, right: Array) -> None:
        self._values += left.size
        changed = _differs(left, right)
        self._changed += int(np.count_nonzero(changed))
        if self.bytewise:
            return
        with np.errstate(all="ignore"):
            exact = left.dtype == right.dtype and left.dtype.kind in "iu"
            if exact:
                self._max = max(self._max, _integer_distance(left, right))
            a, b = _as_float(left), _as_float(right)
            finite_a, finite_b = np.isfinite(a), np.isfinite(b)
            if not (finite_a.all() and finite_b.all()):
                self._nonfinite[0] += int(a.size - np.count_nonzero(finite_a))
                self._nonfinite[1] += int(b.size - np.count_nonzero(finite_b))
                both = finite_a & finite_b
                a, b = a[both], b[both]
            if a.size:
                self._measure(a, b, exact)

    def _measure(self, a: Array, b: Array, max_known: bool) -> None:
        self._measured += a.size
        exponent = _exponent(max(_largest(a), _largest(b)))
        if exponent:
            # In two steps: 2.0**-exponent itself may not be representable.
            for step in (-(exponent // 2), -(exponent - exponent // 2)):
                a, b = a * 2.0**step, b * 2.0**step
        apart = b - a
        if not max_known:
            self._max = max(self._max, _scaled_back(float(np.abs(apart).max()), exponent))
        self._left.add(_dot(a, a), 2 * exponent)
        self._right.add(_dot(b, b), 2 * exponent)
        self._dot.add(_dot(a, b), 2 * exponent)
        self._apart.add(_dot(apart, apart), 2 * exponent)


def _dot(a: Array, b: Array) -> float:
    # Of complex values the real part: the dot product of (re, im) pairs.
    return float(np.vdot(a, b).real)


def _largest(a: Array) -> float:
    if a.dtype.kind == "c":
        return float(max(np.abs(a.real).max(), np.abs(a.imag).max()))
    return float(max(a.max(), -a.min()))


def _exponent(largest: float) -> int:
    exponent = math.frexp(largest)[1]
    return 0 if abs(exponent) <= _EXPONENT_MAX else exponent


def _as_float(array: Array) -> Array:
    """Return the values as float64, or complex128."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _differs(left: Array, right: Array) -> Array:
    """Return where bits differ, or where values do if the dtypes differ."""
    if left.dtype != right.dtype:
        a, b = _as_float(left), _as_float(right)
        with np.errstate(all="ignore"):
            return np.asarray((a != b) & ~(np.isnan(a) & np.isnan(b)))
    size = left.dtype.itemsize
    word = np.dtype(f"u{min(size, 8)}")
    a = np.ascontiguousarray(left).view(word)
    b = np.ascontiguousarray(right).view(word)
    if size <= 8:
        return np.asarray(a != b)
    return np.asarray((a != b).reshape(-1, size // 8).any(axis=1))


def _integer_distance(left: Array, right: Array) -> int:
    """Return the largest |right - left| of integers; float64 would round those of 64 bits."""
    if left.size == 0:
        return 0
    low, high = np.minimum(left, right), np.maximum(left, right)
    # Modulo 2**bits the differences are exact, since high - low is below that.
    word = np.dtype(f"u{left.dtype.itemsize}")
    return int((high.view(word) - low.view(word)).max())


def _scaled_back(value: float, exponent: int) -> float:
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.inf
