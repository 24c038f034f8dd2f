"""Intervals through functions of one value: activations and the functions of calculus.

Three kinds. An *exact* one is monotone and rounds nothing (relu). A *rising* one is monotone but
for its rounding (tanh). A *valley* falls to its least value and rises from there (gelu).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from modelhub.optional import require
from modelhub.progressive.intervals import (
    ELEMENTARY_TERMS,
    UNIT,
    Interval,
    outward,
    slack,
    square,
)

__all__ = [
    "absolute",
    "falling",
    "power",
    "rising",
    "softplus",
    "valley",
    "wave",
]

torch: Any = require("torch", "torch")

Function = Callable[[Any], Any]

# Where the valleys are, by bisection of the derivative; each is flat there, so that an error of
# 1e-9 in the place is one of 1e-18 in the value, far below the slack.
_VALLEYS = {
    "gelu": -0.7517915246935645,
    "gelu_tanh": -0.7524614220710162,
    "silu": -1.2784645427610738,
    "hardswish": -1.5,
    "mish": -1.1924312145154,
}
# Beyond it a product in a valley's function may overflow.
_FAR = 1e150


def rising(function: Function, x: Interval) -> Interval:
    """Apply a monotone function whose rounding is relative, as that of all that go through it is.

    Where the function has no value for part of the interval, both ends are unbounded.
    """
    lo = function(x.lo)
    hi = lo if x.is_point else function(x.hi)
    # Not a number: the interval reaches where the function is not defined.
    undefined = torch.isnan(lo) | torch.isnan(hi)
    lo = lo - slack(ELEMENTARY_TERMS, lo.abs())
    hi = hi + slack(ELEMENTARY_TERMS, hi.abs())
    return outward(lo, hi, torch.where(undefined, math.inf, 0.0))


def falling(function: Function, x: Interval) -> Interval:
    """Apply a function that falls on positive numbers; unbounded where x may not be positive."""
    lo = function(x.hi)
    hi = lo if x.is_point else function(x.lo)
    error = slack(ELEMENTARY_TERMS, torch.maximum(lo.abs(), hi.abs()))
    return outward(lo, hi, torch.where(x.lo <= 0.0, math.inf, error))


def valley(function: Function, name: str, x: Interval) -> Interval:
    """Apply a function that falls until the place `name` stands for and then rises.

    Its magnitude is at most that of x. Unbounded where x is beyond 1e150.
    """
    place = _VALLEYS[name]
    lo, hi = x.lo.clamp(-_FAR, _FAR), x.hi.clamp(-_FAR, _FAR)
    least = function(torch.minimum(torch.maximum(lo, torch.full_like(lo, place)), hi))
    most = torch.maximum(function(lo), function(hi))
    size = x.magnitude()
    error = torch.where(size >= _FAR, math.inf, slack(ELEMENTARY_TERMS, size))
    return outward(least, most, error)


def softplus(function: Function, x: Interval, beta: float, threshold: float) -> Interval:
    """Apply torch's softplus, log(1 + exp(beta x)) / beta, but x itself beyond the threshold.

    There it steps down by less than exp(-threshold) / beta, which an interval that holds the step
    is widened by.
    """
    if beta <= 0.0:
        raise ValueError(f"softplus with beta={beta}")
    found = rising(function, x)
    near = 1.0 + 8.0 * UNIT
    edge = abs(threshold) * (near - 1.0)
    holds = (x.lo * beta <= threshold + edge) & (x.hi * beta >= threshold - edge)
    step = torch.where(holds, math.log1p(math.exp(-threshold)) * near / beta, 0.0)
    # The rounding of beta x goes into an exponent, so that it counts |beta x| times.
    bend = slack(8, x.magnitude() * beta * found.hi.abs())
    return outward(found.lo, found.hi, step + bend)


def absolute(x: Interval) -> Interval:
    """Return |x|, exactly."""
    around = (x.lo <= 0.0) & (x.hi >= 0.0)
    least = torch.where(around, 0.0, torch.minimum(x.lo.abs(), x.hi.abs()))
    return Interval(least, least if x.is_point else x.magnitude())


def power(function: Function, x: Interval, exponent: float) -> Interval:
    """Return x to a fixed power.

    Raises:
        ValueError: the exponent is no whole number and not 0.5 or -0.5.
    """
    if exponent == 2:
        return square(x)
    if exponent in (0.5, 1, 3) or (exponent > 0 and exponent % 2 == 1):
        return rising(function, x)
    if exponent in (-0.5, -1):
        return falling(function, x)
    if exponent > 0 and exponent % 2 == 0:
        size = absolute(x)
        return rising(function, size)
    raise ValueError(f"a power of {exponent}")


def wave(function: Function, x: Interval) -> Interval:
    """Apply sin or cos: they change by no more than x does, and stay within -1 and 1."""
    centre = x.lo + (x.hi - x.lo) / 2
    radius = torch.maximum(x.hi - centre, centre - x.lo) * (1.0 + 4.0 * UNIT)
    value = function(centre)
    error = radius + slack(ELEMENTARY_TERMS, torch.ones_like(value))
    found = outward(value, value, error)
    # A vector library may give the next number above 1.
    most = 1.0 + 8.0 * UNIT
    return Interval(found.lo.clamp(-most, most), found.hi.clamp(-most, most))
