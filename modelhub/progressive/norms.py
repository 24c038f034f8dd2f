"""Intervals through normalisation and softmax, where values depend on each other.

Pushing each step through by itself would lose that a mean and a deviation are of the same values;
the bounds here use it.
"""

from __future__ import annotations

import math
import sys
from typing import Any

from modelhub.optional import require
from modelhub.progressive.functions import falling
from modelhub.progressive.intervals import (
    TINY,
    UNIT,
    Interval,
    add,
    multiply,
    outward,
    point,
    slack,
    square,
    subtract,
)

__all__ = ["batch_norm", "layer_norm", "log_softmax", "rms_norm", "softmax"]

torch: Any = require("torch", "torch")


def batch_norm(
    x: Interval,
    mean: Interval,
    variance: Interval,
    weight: Interval | None,
    bias: Interval | None,
    eps: float,
) -> Interval:
    """Return (x - mean) weight / sqrt(variance + eps) + bias, channels being dimension 1.

    Each operand stands in it once, so that the result is the exact hull but for rounding.
    """
    shape = (1, -1, *(1,) * (len(x.shape) - 2))
    scale = falling(torch.rsqrt, add(variance, point(eps)))
    if weight is not None:
        scale = multiply(scale, weight)
    scale = scale.map(lambda end: end.reshape(shape))
    mean = mean.map(lambda end: end.reshape(shape))
    found = multiply(subtract(x, mean), scale)
    # A program may compute x scale - mean scale instead, whose rounding goes with the magnitudes.
    size = (x.magnitude() + mean.magnitude()) * scale.magnitude()
    found = outward(found.lo, found.hi, slack(8, size))
    return found if bias is None else add(found, bias.map(lambda end: end.reshape(shape)))


def layer_norm(x: Interval, eps: float) -> Interval:
    """Return x less its mean, divided by its standard deviation, over the last dimension.

    With P the projection off the mean, (P x)_i has the centre (P c)_i and the radius
    (1 - 2/D) r_i + mean(r), and |P x| is within |r| of |P c|, since P does not lengthen. No value
    is beyond sqrt(D). Computed variances are off by no more than the textbook formula is: gamma_D
    times the mean square (Chan, Golub and LeVeque, The American Statistician 37, 1983).
    """
    count = x.shape[-1]
    size = x.magnitude()
    centre = x.lo + (x.hi - x.lo) / 2
    radius = torch.maximum(x.hi - centre, centre - x.lo) * (1.0 + 4.0 * UNIT)
    middle = centre - centre.mean(-1, keepdim=True)
    reach = (1.0 - 2.0 / count) * radius + radius.mean(-1, keepdim=True)
    # Of D = 1 the radius is 0, and the factor is -1.
    reach = reach.clamp(min=0.0) + slack(2 * count, size + size.mean(-1, keepdim=True))
    length = middle.square().sum(-1, keepdim=True).sqrt()
    spread = radius.square().sum(-1, keepdim=True).sqrt()
    rough = 1.0 + slack(2 * count, torch.ones_like(length))
    least = (length * (2.0 - rough) - spread * rough).clamp(min=0.0).square() / count
    most = ((length + spread) * rough).square() / count
    error = slack(8 * count, size.square().mean(-1, keepdim=True))
    variance = Interval((least - error).clamp(min=0.0), most + error)
    return _divided(Interval(middle - reach, middle + reach), variance, point(eps), size)


def rms_norm(x: Interval, eps: float | None) -> Interval:
    """Return x divided by the root of its mean square, over the last dimension.

    Without `eps` torch takes that of the dtype, which may be float32's or float64's.
    """
    count = x.shape[-1]
    squares = square(x)
    lo, hi = squares.lo.mean(-1, keepdim=True), squares.hi.mean(-1, keepdim=True)
    error = slack(2 * count, hi)
    added = point(eps) if eps is not None else _eps()
    mean = Interval((lo - error).clamp(min=0.0), hi + error)
    return _divided(x, mean, added, x.magnitude())


def softmax(x: Interval) -> Interval:
    """Return the softmax over the last dimension.

    A value is least where its own operand is least and all others are largest. The sum of the
    others is the whole sum less its own part, which rounding may make too small or too large by
    gamma_D times the sum.
    """
    count = x.shape[-1]
    # Any shift will do; with this one nothing overflows. What is unbounded stays so.
    shift = x.hi.amax(-1, keepdim=True).clamp(-sys.float_info.max, sys.float_info.max)
    high, low = (x.hi - shift).exp(), (x.lo - shift).exp()
    high_sum, low_sum = high.sum(-1, keepdim=True), low.sum(-1, keepdim=True)
    # The rounding of x - shift grows with both, and goes into the exponent, once for each new
    # largest value in programs that find it on the way. It does not matter where the exponential is
    # 0 in any case, as where a mask adds minus infinity.
    below = x.hi - shift
    gone = (below < -2000.0) & (below.abs() >= x.hi.abs() / 2)
    size = torch.where(gone, 0.0, x.magnitude())
    bend = slack(count + 8, torch.maximum(size, shift.abs()).amax(-1, keepdim=True))
    rough = slack(2 * count + 32, torch.ones_like(high_sum)) + torch.expm1(4.0 * bend)
    # Exponentials that underflow have few digits left: an absolute error, not a relative one.
    others_high = high_sum * (1.0 + rough) - high + TINY
    others_low = (low_sum * (1.0 - rough) - low - TINY).clamp(min=0.0)
    low, high = (low - TINY).clamp(min=0.0), high + TINY
    lo = low / (low + others_high)
    hi = high / (high + others_low)
    lo, hi = lo * (1.0 - rough).clamp(min=0.0), hi * (1.0 + rough)
    found = outward(lo, hi, slack(1, torch.zeros_like(hi)))
    return Interval(found.lo.clamp(min=0.0), found.hi.clamp(max=1.0 + 8.0 * UNIT))


def log_softmax(x: Interval) -> Interval:
    """Return the logarithm of the softmax over the last dimension; never above 0 but for rounding.

    Simpler than can be: an operand and the sum are taken for independent.
    """
    count = x.shape[-1]
    lo = x.lo - torch.logsumexp(x.hi, -1, keepdim=True)
    hi = x.hi - torch.logsumexp(x.lo, -1, keepdim=True)
    size = x.magnitude().amax(-1, keepdim=True) + math.log(max(count, 2)) + 1.0
    found = outward(lo, hi, slack(2 * count + 32, size))
    return Interval(found.lo, torch.minimum(found.hi, slack(2 * count + 32, size)))


def _divided(x: Interval, variance: Interval, eps: Interval, size: Any) -> Interval:
    """Return x / sqrt(variance + eps), within +-sqrt(D), with room for the rounding of x scale."""
    root = falling(torch.rsqrt, add(variance, eps))
    found = multiply(x, root)
    error = slack(8, (size + size.mean(-1, keepdim=True)) * root.hi)
    # Where all may be equal and eps is nothing, the root is unbounded; the value still is not,
    # unless rounding makes it so.
    limit = torch.full_like(error, math.sqrt(x.shape[-1]) * (1.0 + 1e-9)) + error
    found = outward(found.lo, found.hi, error)
    return Interval(torch.maximum(found.lo, -limit), torch.minimum(found.hi, limit))


def _eps() -> Interval:
    return Interval(
        torch.as_tensor(torch.finfo(torch.float64).eps, dtype=torch.float64),
        torch.as_tensor(torch.finfo(torch.float32).eps, dtype=torch.float64),
    )
