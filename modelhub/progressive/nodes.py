"""What a node of a network says by itself: literals, layers, and whether it can be negative."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from modelhub.net.arguments import Ref, Weight
from modelhub.net.graph import Node
from modelhub.net.interpreter import function_of
from modelhub.net.ops import find
from modelhub.optional import require
from modelhub.progressive.calls import plain
from modelhub.progressive.ends import Layer, fold
from modelhub.progressive.intervals import Interval

__all__ = [
    "AVERAGES",
    "FLAT",
    "MONOTONE",
    "SAME",
    "STATISTICS",
    "folded",
    "gives_positive",
    "layer_of",
    "literal",
    "literals",
    "reads_one",
    "source_of",
    "with_literals",
]

torch: Any = require("torch", "torch")

SAME = "dropout feature_dropout alpha_dropout feature_alpha_dropout clone detach alias contiguous"
MONOTONE = (
    "max_pool1d max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d "
    "relu relu6 hardtanh clamp clamp_min clamp_max"
)
AVERAGES = (
    "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
    "mean"
)
FLAT = "flatten view reshape"
# What gives no negative values, and what gives none if its operands have none.
_POSITIVE = "relu relu6 sigmoid hardsigmoid softmax abs square exp"
_KEEPING = (
    "squeeze unsqueeze permute transpose select expand add mul cat sum amax amin "
    f"upsample_nearest2d {FLAT} {SAME} {MONOTONE} {AVERAGES}"
)
# Tensors of a batch norm.
STATISTICS = ("running_mean", "running_var", "weight", "bias")


def literal(node: Node, name: str) -> Any:
    """Return an argument of a node that is no value, or its default, as torch takes it."""
    default = next(p.default for p in find(node.op).parameters if p.name == name)
    return plain(node.arguments.get(name, default))


def with_literals(node: Node) -> Callable[..., Any]:
    """Return the op of a node as a function of its first argument; the others are literals."""
    op = find(node.op)
    function = function_of(op)
    ordered = [p for p in op.parameters[1:] if not p.by_name]
    last = max((i for i, p in enumerate(ordered) if p.name in node.arguments), default=-1)
    rest = [literal(node, p.name) for p in ordered[: last + 1]]
    named = {
        p.name: literal(node, p.name)
        for p in op.parameters
        if p.by_name and p.name in node.arguments
    }
    return lambda ends: function(ends, *rest, **named)


def source_of(node: Node) -> str:
    """Return the name of the value that is a node's first argument, or nothing."""
    first = node.arguments.get(find(node.op).parameters[0].name)
    if isinstance(first, tuple):
        first = first[0] if first else None
    return first.node if isinstance(first, Ref) and first.index is None else ""


def reads_one(node: Node) -> bool:
    """Say whether all arguments of a node but one value are literals."""
    return len(node.inputs) == 1 and not node.parameters


def literals(node: Node) -> list[float]:
    """Return the numbers among the arguments of a node."""
    values = node.arguments.values()
    return [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]


def gives_positive(node: Node, base: str, positive: Collection[str]) -> bool:
    """Say whether a node can give no negative value."""
    if base in ("clamp", "clamp_min", "clamp_max", "hardtanh"):
        ends = [node.arguments.get(name) for name in ("min", "min_val")]
        least = next((end for end in ends if end is not None), None)
        known = isinstance(least, int | float) or all(name in positive for name in node.inputs)
        return known and reads_one(node) and min(literals(node), default=0.0) >= 0.0
    if base in _POSITIVE.split():
        return True
    if base not in _KEEPING.split() or node.parameters:
        return False
    if base in ("add", "mul", *AVERAGES.split()) and min(literals(node), default=0.0) < 0.0:
        return False
    return all(name in positive for name in node.inputs)


def _tensor(node: Node, name: str, tensors: Mapping[str, Any]) -> Interval | None:
    argument = node.arguments.get(name)
    return tensors[argument.name] if isinstance(argument, Weight) else None


def layer_of(node: Node, tensors: Mapping[str, Any]) -> Layer:
    """Return the layer that a linear node or a convolution without groups is."""
    weight, bias = _tensor(node, "weight", tensors), _tensor(node, "bias", tensors)
    assert weight is not None
    zeros = torch.zeros_like(weight.lo.flatten(1)[:, 0])
    size = zeros if bias is None else bias.magnitude()
    return Layer(weight, bias, size, weight.lo[0].numel() + 1)


def folded(layer: Layer, norm: Node, tensors: Mapping[str, Any]) -> Layer:
    """Return a layer with the batch norm that follows it."""
    mean, variance, weight, bias = (_tensor(norm, name, tensors) for name in STATISTICS)
    assert mean is not None
    assert variance is not None
    return fold(layer, mean, variance, weight, bias, float(literal(norm, "eps")))
