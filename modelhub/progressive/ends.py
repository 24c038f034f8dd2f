"""Both ends of many values in one tensor, so that a layer takes one call.

*Ends* are a tensor whose dimension 1 has the lower ends of all channels first and then the upper
ones. Of values x in [l, u] that are not negative, and weights w in [a, b], the ends of a sum of
products are, with a+ = max(a, 0) and a- = min(a, 0),

    sum of w x >= sum of a+ l + a- u        sum of w x <= sum of b+ u + b- l

which is the exact hull, and one sum over twice the channels. Rounding goes into the weights: the
error of a sum is at most g times the sum of M u, with M = max(|a|, |b|) (the account is that of
`modelhub.progressive.intervals`), so that a- - g M and b+ + g M in place of a- and b+ cover it at
no cost. g counts the n products of the reference and the 2n of the ends, and a few more for the
roundings of the weights made here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from modelhub.optional import require
from modelhub.progressive.functions import falling
from modelhub.progressive.intervals import (
    TINY,
    Interval,
    add,
    gamma,
    multiply,
    point,
    subtract,
)

__all__ = [
    "Affine",
    "Layer",
    "differences",
    "fold",
    "for_ends",
    "for_points",
    "halves",
    "relative",
    "together",
    "widening",
]

torch: Any = require("torch", "torch")

# Roundings beside the sums: the weights made here, a bias, the last addition.
_EXTRA_TERMS = 8
# Those of a batch norm after the sum, however a program computes it.
_FOLD_TERMS = 24


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Boxes of what is linear in its operand: a sum of products and what is added to it.

    Attributes:
        weight: (O, C, ...), the place of the operand's channel second.
        bias: (O,), or None.
        size: (O,), the magnitudes that the rounding of the bias goes with.
        terms: Roundings of one value, at least the number of products.
    """

    weight: Interval
    bias: Interval | None
    size: Any
    terms: int

    def reach(self) -> float:
        """Return what bounds all sums of magnitudes, times 1 + m for operands up to m."""
        sums = self.weight.magnitude().flatten(1).sum(1).maximum(self.size)
        # The slack of rounding and of both ends is far less.
        return 1.01 * float(sums.amax()) + 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """A layer made ready: weights and bias of both ends."""

    weight: Any
    bias: Any


def halves(ends: Any) -> Interval:
    """Return ends as an interval."""
    lo, hi = ends.chunk(2, 1)
    return Interval(lo, hi)


def together(x: Interval) -> Any:
    """Return the ends of an interval of values that are not negative.

    A lower end below 0 comes from rounding outward.
    """
    return torch.cat([x.lo, x.hi], 1).clamp_(min=0.0)


def relative(terms: int) -> float:
    """Return the error of a sum of so many products, of reference and ends together."""
    return 1.01 * (gamma(terms + _EXTRA_TERMS) + gamma(2 * terms + _EXTRA_TERMS))


def widening(channels: int, dimensions: int, factor: float, like: Any) -> Any:
    """Return -factor for lower ends and factor for upper ones, to be multiplied with ends."""
    found = torch.full((2 * channels,), factor, dtype=torch.float64, device=like.device)
    found[:channels] = -factor
    return found.reshape(1, -1, *(1,) * (dimensions - 2))


def for_ends(layer: Layer) -> Affine:
    """Return weights (2 O, 2 C, ...) that take the ends of a layer's operand to those of values."""
    w = layer.weight
    values, channels, *rest = w.shape
    error = _error(w.magnitude(), layer.terms)
    # Filled in place: of large layers this is most of the time that preparing takes.
    weight = w.lo.new_empty(2 * values, 2 * channels, *rest)
    torch.clamp(w.lo, min=0.0, out=weight[:values, :channels])
    torch.clamp(w.lo, max=0.0, out=weight[:values, channels:]).sub_(error)
    torch.clamp(w.hi, max=0.0, out=weight[values:, :channels])
    torch.clamp(w.hi, min=0.0, out=weight[values:, channels:]).add_(error)
    return Affine(weight, _biases(layer))


def for_points(layer: Layer, positive: bool) -> Affine:
    """Return weights (2 O, C, ...) that take exact values to ends.

    If they may be negative the weights are (2 O, 2 C, ...), for the positive parts of all channels
    and then the negative parts, both with their sign.
    """
    w, error = layer.weight, _error(layer.weight.magnitude(), layer.terms)
    low, high = w.lo - error, w.hi + error
    if not positive:
        low, high = torch.cat([low, high], 1), torch.cat([high, low], 1)
    return Affine(torch.cat([low, high]), _biases(layer))


def fold(
    layer: Layer,
    mean: Interval,
    variance: Interval,
    weight: Interval | None,
    bias: Interval | None,
    eps: float,
) -> Layer:
    """Return a layer followed by a batch norm with stored statistics as one layer.

    The box of a product of a weight with the scale is its hull; as the scale is the same for all
    weights of a value, it is the hull of the whole only where the statistics are exact.
    """
    scale = falling(torch.rsqrt, add(variance, point(eps)))
    if weight is not None:
        scale = multiply(scale, weight)
    wide = scale.map(lambda end: end.reshape(-1, *(1,) * (layer.weight.lo.dim() - 1)))
    # Without a bias, too: the scale goes with what underflows in the sum, which the slack holds.
    added = point(torch.zeros_like(mean.lo)) if layer.bias is None else layer.bias
    shift, size = subtract(added, mean), layer.size + mean.magnitude()
    shift, size = multiply(shift, scale), size * scale.magnitude()
    if bias is not None:
        shift, size = add(shift, bias), size + bias.magnitude()
    return Layer(multiply(layer.weight, wide), shift, size, layer.terms + _FOLD_TERMS)


def differences(layer: Layer, label: int) -> tuple[Any, Any]:
    """Return weights (O, 2 C) and biases (O,) of lower bounds of z_label - z_b for every b.

    Operands are ends. For b = label the bound is infinity. The reference rounds each of the two
    values by itself, in proportion to all its products, of which most may cancel here.
    """
    w, size = layer.weight, layer.weight.magnitude()
    least = w.lo[label] - w.hi
    error = _error(size[label] + size, layer.terms)
    rows = torch.cat([least.clamp(min=0.0), least.clamp(max=0.0) - error], 1)
    shift = torch.zeros_like(layer.size)
    if layer.bias is not None:
        shift = layer.bias.lo[label] - layer.bias.hi
    shift = shift - _error(layer.size[label] + layer.size, layer.terms)
    rows[label] = 0.0
    shift[label] = math.inf
    return rows, shift


def _error(size: Any, terms: int) -> Any:
    # What underflows in this product is far below TINY.
    return (size * relative(terms)).add_(TINY)


def _biases(layer: Layer) -> Any:
    error = _error(layer.size, layer.terms)
    if layer.bias is None:
        return torch.cat([-error, error])
    return torch.cat([layer.bias.lo - error, layer.bias.hi + error])
