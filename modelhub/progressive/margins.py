"""Certify labels: prove that no weights in the boxes give another largest value.

A *margin* is a lower bound of z_a - z_b for the label a and every other b. Where the last op is
linear it is bounded as one product with the difference of two rows of weights, which is far
narrower than the difference of two bounds, since both values are made of the same operands.

The label is the place of the largest value before a softmax at the end. The reference is what
float64 evaluation of the stored weights gives there (`modelhub.progressive.propagate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelhub.net.arguments import Ref, Weight
from modelhub.net.graph import Network, Node
from modelhub.optional import require
from modelhub.progressive.calls import UnsupportedError
from modelhub.progressive.intervals import (
    Interval,
    product,
    slack,
    subtract,
)
from modelhub.progressive.pairs import Pairs
from modelhub.progressive.propagate import lifted_tensors, propagate
from modelhub.progressive.walk import outputs

__all__ = [
    "CERTIFIED",
    "TIE",
    "UNDECIDED",
    "Head",
    "Labels",
    "Logits",
    "Sets",
    "checked",
    "head",
    "labels",
    "least_differences",
    "logits",
    "top_sets",
]

torch: Any = require("torch", "torch")

UNDECIDED, TIE, CERTIFIED = 0, 1, 2

# Ops after which the largest place is what it was before.
_LOOKED_THROUGH = "softmax log_softmax dropout clone detach alias contiguous to"


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels of a batch of N inputs.

    Attributes:
        label: int64 (N,), where the middle of the interval is largest.
        margin: float64 (N,), the least proved z_label - z_b over the other b; may be negative.
        status: int64 (N,): `CERTIFIED` if the margin is above the guard, `TIE` if it is above 0
            only, else `UNDECIDED`.
    """

    label: Any
    margin: Any
    status: Any


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """Sets of the k largest places of a batch, without their order.

    Attributes:
        places: int64 (N, k), by the middle of the interval, largest first.
        margin: float64 (N,), the least proved z_a - z_b for a in the set and b outside.
        status: int64 (N,), as of `Labels`.
    """

    places: Any
    margin: Any
    status: Any


@dataclass(frozen=True, slots=True)
class Head:
    """Where a network's labels come from: the values compared, and the linear node or None."""

    values: Ref
    linear: Node | None


@dataclass(frozen=True, slots=True, eq=False)
class Logits:
    """Bounds of the values that are compared, (N, C), and what the last linear op makes them of.

    Attributes:
        pairs: The differences of the rows of its weight, made ready, for operands in `ends`.
    """

    values: Interval
    operands: Interval | None = None
    weight: Interval | None = None
    bias: Interval | None = None
    pairs: Pairs | None = None
    ends: Any = None


def head(network: Network) -> Head:
    """Return where the labels of a network with one output come from.

    Raises:
        UnsupportedError: it has several outputs, or none.
    """
    found = outputs(network)
    if len(found) != 1:
        raise UnsupportedError("output", "label", f"{len(found)} outputs, expected one")
    nodes = {node.name: node for node in network.nodes}
    ref = found[0]
    while (node := nodes.get(ref.node)) is not None and _passes(node):
        ref = next(a for a in node.arguments.values() if isinstance(a, Ref))
    if node is None or node.op != "aten.linear.default":
        return Head(ref, None)
    # Weights that are computed are rare, and bounded like any value.
    stored = isinstance(node.arguments["weight"], Weight)
    return Head(ref, node if stored else None)


def logits(network: Network, weights: Mapping[str, Any], inputs: Mapping[str, Any]) -> Logits:
    """Bound the values that a network's labels come from; arguments as for `propagate`.

    `modelhub.progressive.prepare` does it in less time for the same weights and many inputs.

    Raises:
        UnsupportedError: no bounds are known for a node, or the values are not (N, C).
    """
    found = head(network)
    if found.linear is None:
        (values,) = propagate(network, weights, inputs, [found.values])
        return Logits(checked(values, found.values))
    arguments = found.linear.arguments
    read = arguments["input"]
    assert isinstance(read, Ref)
    tensors = lifted_tensors(network, weights)
    values, operands = propagate(network, tensors, inputs, [found.values, read])
    weight, bias = (
        tensors[part.name] if isinstance(part, Weight) else None
        for part in (arguments["weight"], arguments.get("bias"))
    )
    if isinstance(arguments.get("bias"), Ref):
        return Logits(checked(values, found.values))
    return Logits(checked(values, found.values), operands, weight, bias)


def labels(bounds: Logits, guard: float = 0.0) -> Labels:
    """Return the label of each input and what is proved of it.

    Args:
        bounds: From `logits`.
        guard: By how much another program's values may differ: labels with a margin up to it are
            ties. It says nothing of float64, whose rounding is in the bounds.

    Raises:
        ValueError: the guard is negative.
    """
    found = top_sets(bounds, 1, guard)
    return Labels(found.places[:, 0], found.margin, found.status)


def top_sets(bounds: Logits, count: int, guard: float = 0.0) -> Sets:
    """Return the `count` largest places of each input and what is proved of the set.

    Raises:
        ValueError: the guard is negative, or there are no more places than `count`.
    """
    values = bounds.values
    classes = values.shape[-1]
    if guard < 0.0 or not 1 <= count < classes:
        raise ValueError(f"guard={guard}, count={count} of {classes} places")
    with torch.no_grad():
        middle = values.lo / 2 + values.hi / 2
        if bounds.pairs is None:
            middle = torch.nan_to_num(middle, nan=0.0)
        if count == 1:
            places = middle.argmax(-1, keepdim=True)
            margin = least_differences(bounds, places[:, 0]).amin(-1)
        else:
            places = middle.topk(count, dim=-1).indices
            margin = torch.full_like(middle[:, 0], float("inf"))
            for rank in range(count):
                least = least_differences(bounds, places[:, rank])
                least = least.scatter_(-1, places, float("inf"))
                margin = torch.minimum(margin, least.amin(-1))
        # The words are numbers in this order: one step for each of the two bars.
        status = (margin > 0.0).long() + (margin > guard)
    return Sets(places, margin, status)


def least_differences(bounds: Logits, place: Any) -> Any:
    """Return lower bounds (N, C) of z_place - z_b for all b; infinity for the place itself."""
    values = bounds.values
    if bounds.pairs is not None:
        return bounds.pairs.least(bounds.ends, place)
    own = values.lo.gather(-1, place[:, None])
    # One subtraction; towards minus infinity by one more unit than its rounding.
    least = own - values.hi
    least = least - slack(1, own.abs() + values.hi.abs())
    least = torch.nan_to_num(least, nan=-float("inf"))
    if bounds.weight is not None and bounds.operands is not None:
        for label in place.unique().tolist():
            rows = (place == label).nonzero()[:, 0]
            least[rows] = torch.maximum(least[rows], _by_rows(bounds, rows, label))
    return least.scatter_(-1, place[:, None], float("inf"))


def _by_rows(bounds: Logits, rows: Any, label: int) -> Any:
    """Return lower bounds of z_label - z_b by the differences of rows of the weight."""
    assert bounds.weight is not None
    assert bounds.operands is not None
    x = bounds.operands.map(lambda end: end[rows])
    own = bounds.weight.map(lambda end: end[label])
    bias = bounds.bias
    differences = None
    sizes = bounds.weight.magnitude()
    reach = torch.nn.functional.linear(x.magnitude(), sizes)
    if bias is not None:
        differences = subtract(bias.map(lambda end: end[label]), bias)
        reach = reach + bias.magnitude()
    found = product(
        torch.nn.functional.linear, x, subtract(own, bounds.weight), x.shape[-1], differences
    )
    # The reference rounds each of the two values by itself, in proportion to all its products, of
    # which most may cancel here.
    error = slack(x.shape[-1] + 1, reach + reach[:, label : label + 1])
    return torch.nan_to_num(found.lo - error, nan=-float("inf"))


def _passes(node: Node) -> bool:
    """Say whether the largest place before a node is the largest after it."""
    base = node.op.split(".")[1]
    if base not in _LOOKED_THROUGH.split():
        return False
    return not base.endswith("softmax") or node.arguments.get("dim") in (
        -1,
        len(node.values[0].shape) - 1,
    )


def checked(values: Any, ref: Ref) -> Interval:
    """Return values that labels come from.

    Raises:
        UnsupportedError: they are not (N, C), or of one class.
    """
    if not isinstance(values, Interval) or len(values.shape) != 2:
        raise UnsupportedError(ref.node, "label", "its values are not one row for each input")
    if values.shape[1] < 2:
        raise UnsupportedError(ref.node, "label", "it gives one value, and labels need two")
    return values
