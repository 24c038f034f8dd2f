"""The steps of a plan: functions of tensors, with everything else made ready."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelhub.net.graph import Node
from modelhub.net.ops import find
from modelhub.optional import require
from modelhub.progressive.ends import Affine, halves, relative, together, widening
from modelhub.progressive.intervals import TINY, UNIT, Interval, point
from modelhub.progressive.nodes import literal
from modelhub.progressive.rules import apply
from modelhub.progressive.walk import State, device_of, step

__all__ = [
    "average",
    "concatenated",
    "flat",
    "general",
    "packed",
    "produced",
    "signed",
    "summed",
]

torch: Any = require("torch", "torch")

Run = Callable[..., Any]

# Up to so many places, 8 x 8, a convolution on a CPU is one matrix product for a batch.
_FEW_PLACES = 64
# If it has at least so many channels; with fewer, putting the operands in rows takes too long.
_MANY_CHANNELS = 32


def produced(node: Node, made: Affine, places: Sequence[Any]) -> Run:
    """Return the step of a linear layer or a convolution from its operand's ends, or values.

    Args:
        places: The sizes of the result after its channels.
    """
    base, weight, bias = find(node.op).base, made.weight, made.bias
    if base == "linear":
        return lambda ends: torch.nn.functional.linear(ends, weight, bias)
    function = getattr(torch, base)
    stride, padding, dilation = (literal(node, n) for n in ("stride", "padding", "dilation"))
    few = all(isinstance(size, int) for size in places) and math.prod(places) <= _FEW_PLACES
    few &= weight.shape[1] >= _MANY_CHANNELS
    plain = isinstance(padding, list) and set(dilation) == {1}
    if base == "conv2d" and few and plain and weight.device.type == "cpu":
        return _by_rows(weight, bias, stride * 2, padding * 2)
    return lambda ends: function(ends, weight, bias, stride, padding, dilation)


def _by_rows(weight: Any, bias: Any, stride: list[int], padding: list[int]) -> Run:
    """Return a convolution as one matrix product for all places of a batch.

    torch makes one for each input of a batch, which for few places reads the weights too often.
    """
    height, width = weight.shape[2:]
    rows = weight.permute(0, 2, 3, 1).flatten(1).contiguous()
    around = [padding[1], padding[1], padding[0], padding[0]]

    def run(ends: Any) -> Any:
        if any(around):
            ends = torch.nn.functional.pad(ends, around)
        windows = ends.unfold(2, height, stride[0]).unfold(3, width, stride[1])
        count, _, down, across = windows.shape[:4]
        operands = windows.permute(0, 2, 3, 4, 5, 1).reshape(count * down * across, -1)
        found = torch.nn.functional.linear(operands, rows, bias)
        return found.view(count, down, across, -1).permute(0, 3, 1, 2)

    return run


def signed(run: Run) -> Run:
    """Return a step on exact values as one on values of either sign, parts apart."""
    return lambda x: run(torch.cat([x.clamp(min=0.0), x.clamp(max=0.0)], 1))


def packed(run: Run, most: float, error: type[Exception]) -> Run:
    """Return a step on ends as one on intervals of values that are not negative.

    It raises `error` where one is above `most` or not a number.
    """

    def go(x: Interval) -> Any:
        ends = together(x)
        if ends.numel() and not bool(ends.amax() <= most):
            raise error
        return run(ends)

    return go


def general(node: Node, on_ends: Sequence[bool], tensors: Mapping[str, Any]) -> Run:
    """Return the rule of a node as a step on values in any form."""
    names = node.inputs

    def run(*values: Any) -> Any:
        opened = {
            name: halves(value) if ends else _opened(value)
            for name, value, ends in zip(names, values, on_ends, strict=True)
        }
        return step(node, State(opened, tensors, device_of(opened, tensors)), apply)

    return run


def flat(x: Any) -> Any:
    """Make one row of each input of a batch; that of ends has all lower ones first."""
    return x.flatten(1)


def summed(shape: Sequence[Any]) -> Run:
    """Return the step of a sum of ends of one shape.

    One addition is monotone as it is computed, so that ends need to be moved by no more than the
    rounding of their own sum, which is nothing where that is as small as `TINY`.
    """
    factors = _Factors(int(shape[1]), len(shape), 4.0 * UNIT)

    def run(x: Any, y: Any) -> Any:
        found = x + y
        return found.addcmul_(found.abs(), factors.of(found))

    return run


def average(run: Run, terms: int, channels: int, dimensions: int) -> Run:
    """Return the step of an average of values that are not negative, over at most so many."""
    factors = _Factors(channels, dimensions, relative(terms))
    least = _Factors(channels, dimensions, TINY)

    def go(ends: Any) -> Any:
        found = run(ends)
        return torch.addcmul(found, found, factors.of(found)).add_(least.of(found))

    return go


def concatenated(*ends: Any) -> Any:
    """Put the channels of several values behind each other."""
    pairs = [halves(one) for one in ends]
    return torch.cat([pair.lo for pair in pairs] + [pair.hi for pair in pairs], 1)


class _Factors:
    """Numbers for lower and upper ends, made once for each device."""

    def __init__(self, channels: int, dimensions: int, factor: float) -> None:
        self._sizes = channels, dimensions, factor
        self._made: dict[Any, Any] = {}

    def of(self, like: Any) -> Any:
        found = self._made.get(like.device)
        if found is None:
            found = self._made[like.device] = widening(*self._sizes, like)
        return found


def _opened(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return point(value)
    return value
