"""Interval arithmetic on float64 tensors that accounts for rounding, its own and the reference's.

What an interval promises: if every operand lies in its interval, then the operation's value lies in
the interval of the result, both in real arithmetic and as any float64 program computes it that adds
up in any order (with or without fused multiply-add), but not one that adds and subtracts operands
first, as Winograd and Strassen do. By induction the ends hold for whole networks.

The error model is that of Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition,
sections 2.2 and 3.1: an operation's relative error is at most u = 2^-53, and a sum of n products
has an error of at most gamma_n = n u / (1 - n u) times the sum of their magnitudes. The sum is
computed twice, here for the ends and by the reference for the value, so it counts twice. Results
that underflow have an absolute error, for which `TINY` stands. Elementary functions (exp, tanh,
erf ...) are taken to be right within 4 units in the last place, as the vector libraries that torch
uses (SLEEF, 1 unit) promise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelhub.optional import require

__all__ = [
    "ELEMENTARY_TERMS",
    "TINY",
    "UNIT",
    "Interval",
    "add",
    "divide",
    "gamma",
    "multiply",
    "negative",
    "outward",
    "point",
    "product",
    "slack",
    "square",
    "subtract",
]

torch: Any = require("torch", "torch")

UNIT = 2.0**-53
# Far above n times the smallest float64 for any n that fits in memory, far below any weight.
TINY = 1e-300
# Roundings of a function made of a few elementary ones, each of 4 units in the last place.
ELEMENTARY_TERMS = 32
# Operations in the bounds beside the sum itself: splits, a bias, the last addition.
_EXTRA_TERMS = 8
_MAX = sys.float_info.max
_INF = float("inf")

Bilinear = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """A lower and an upper end, two float64 tensors of one shape; one object if they are equal."""

    lo: Any
    hi: Any

    @property
    def is_point(self) -> bool:
        """Whether it was made as a single value."""
        return self.lo is self.hi

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of both ends."""
        return tuple(self.lo.shape)

    def magnitude(self) -> Any:
        """Return the largest absolute value in the interval."""
        return self.lo.abs() if self.is_point else torch.maximum(self.lo.abs(), self.hi.abs())

    def map(self, function: Callable[[Any], Any]) -> Interval:
        """Apply an exact and monotone function to both ends."""
        lo = function(self.lo)
        return Interval(lo, lo if self.is_point else function(self.hi))


def point(values: Any) -> Interval:
    """Return the interval of exactly known values; a tensor of any real dtype or a number."""
    values = torch.as_tensor(values, dtype=torch.float64)
    return Interval(values, values)


def gamma(terms: int) -> float:
    """Return Higham's gamma_n, the relative error of a sum of so many products."""
    return terms * UNIT / (1.0 - terms * UNIT)


def slack(terms: int, magnitude: Any) -> Any:
    """Return by how much both ends of a sum must be moved outward.

    Args:
        terms: How many products are added.
        magnitude: At least the sum of their absolute values, up to rounding.
    """
    # Twice: the ends and the reference. The last percent covers the rounding of `magnitude`.
    return magnitude * (2.02 * gamma(terms + _EXTRA_TERMS)) + TINY


def outward(lo: Any, hi: Any, error: Any) -> Interval:
    """Return the interval moved outward by `error`; unbounded where that is not a number.

    An end that overflowed inward goes back to the largest finite number: the value may be finite.
    """
    lo = torch.nan_to_num(lo - error, nan=-_INF, posinf=_MAX, neginf=-_INF)
    hi = torch.nan_to_num(hi + error, nan=_INF, posinf=_INF, neginf=-_MAX)
    return Interval(lo, hi)


def add(x: Interval, y: Interval) -> Interval:
    """Return x + y."""
    return outward(x.lo + y.lo, x.hi + y.hi, slack(1, x.magnitude() + y.magnitude()))


def negative(x: Interval) -> Interval:
    """Return -x, exactly."""
    lo = -x.hi
    return Interval(lo, lo if x.is_point else -x.lo)


def subtract(x: Interval, y: Interval) -> Interval:
    """Return x - y."""
    return add(x, negative(y))


def multiply(x: Interval, y: Interval) -> Interval:
    """Return x y, element by element: the least and largest product of ends."""
    products = [a * b for a in _ends(x) for b in _ends(y)]
    lo = hi = products[0]
    for other in products[1:]:
        lo, hi = torch.minimum(lo, other), torch.maximum(hi, other)
    return outward(lo, hi, slack(1, torch.maximum(lo.abs(), hi.abs())))


def divide(x: Interval, y: Interval) -> Interval:
    """Return x / y; unbounded where y may be zero."""
    quotients = [a / b for a in _ends(x) for b in _ends(y)]
    lo = hi = quotients[0]
    for other in quotients[1:]:
        lo, hi = torch.minimum(lo, other), torch.maximum(hi, other)
    around = (y.lo <= 0.0) & (y.hi >= 0.0)
    error = slack(1, torch.maximum(lo.abs(), hi.abs()))
    return outward(lo, hi, torch.where(around, _INF, error))


def square(x: Interval) -> Interval:
    """Return x squared, which is never negative."""
    lo, hi = x.lo * x.lo, x.hi * x.hi
    around = (x.lo <= 0.0) & (x.hi >= 0.0)
    least = torch.where(around, 0.0, torch.minimum(lo, hi))
    most = torch.maximum(lo, hi)
    found = outward(least, most, slack(1, most))
    return Interval(found.lo.clamp(min=0.0), found.hi)


def product(
    op: Bilinear, x: Interval, w: Interval, terms: int, bias: Interval | None = None
) -> Interval:
    """Return the interval of `op(x, w) + bias`, where op adds up products of an x and a w.

    Each w is split into a positive and a negative part, so that the ends of x to take with them
    follow from the sign. The result is the exact hull of each product, unless both its factors may
    have either sign; then it is too wide, and still holds. Leading bytes hold a weight's sign, so
    boxes of weights never have either. For x >= 0, as after a ReLU, it costs four `op`.

    Args:
        op: A linear function of each of its two tensors, such as a convolution.
        terms: How many products it adds for one value, at most.
        bias: Added last; it broadcasts.
    """
    if w.is_point:
        lo, hi, size = _by_exact(op, x, w.lo)
    elif x.is_point:
        lo, hi, size = _of_exact(op, x.lo, w)
    else:
        lo, hi, size = _by_box(op, x, w)
    if bias is not None:
        lo, hi, size = lo + bias.lo, hi + bias.hi, size + bias.magnitude()
    return outward(lo, hi, slack(terms + 1, size))


def _ends(x: Interval) -> tuple[Any, ...]:
    return (x.lo,) if x.is_point else (x.lo, x.hi)


def _by_exact(op: Bilinear, x: Interval, w: Any) -> tuple[Any, Any, Any]:
    """Return lower end, upper end and the sum of magnitudes, by centre and radius: exact here."""
    sizes = w.abs()
    if x.is_point:
        value = op(x.lo, w)
        return value, value, op(x.lo.abs(), sizes)
    centre = x.lo + (x.hi - x.lo) / 2
    # Rounded up: the radius must reach both ends from the centre as it was rounded.
    radius = torch.maximum(x.hi - centre, centre - x.lo) * (1.0 + 4.0 * UNIT)
    middle, reach = op(centre, w), op(radius, sizes)
    return middle - reach, middle + reach, op(centre.abs(), sizes) + reach


def _of_exact(op: Bilinear, x: Any, w: Interval) -> tuple[Any, Any, Any]:
    size = op(x.abs(), w.magnitude())
    positive = x.clamp(min=0.0)
    lo, hi = op(positive, w.lo), op(positive, w.hi)
    if bool((x < 0.0).any()):
        rest = x.clamp(max=0.0)
        lo, hi = lo + op(rest, w.hi), hi + op(rest, w.lo)
    return lo, hi, size


def _by_box(op: Bilinear, x: Interval, w: Interval) -> tuple[Any, Any, Any]:
    plus = Interval(w.lo.clamp(min=0.0), w.hi.clamp(min=0.0))
    minus = Interval(w.lo.clamp(max=0.0), w.hi.clamp(max=0.0))
    if bool((x.lo >= 0.0).all()):
        most, least = op(x.hi, plus.hi), op(x.hi, minus.lo)
        return op(x.lo, plus.lo) + least, most + op(x.lo, minus.hi), most - least
    lo_plus, lo_minus = x.lo.clamp(min=0.0), x.lo.clamp(max=0.0)
    hi_plus, hi_minus = x.hi.clamp(min=0.0), x.hi.clamp(max=0.0)
    # Each of these four has one sign, and together they hold the magnitude of every product.
    a, b = op(lo_minus, plus.hi), op(hi_plus, minus.lo)
    c, d = op(hi_plus, plus.hi), op(lo_minus, minus.lo)
    lo = op(lo_plus, plus.lo) + a + b + op(hi_minus, minus.hi)
    hi = c + op(hi_minus, plus.lo) + op(lo_plus, minus.hi) + d
    return lo, hi, (c + d) - (a + b)
