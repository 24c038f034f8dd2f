"""Push intervals of weights and inputs through a network, node by node.

The reference is the float64 evaluation of the stored weights (`evaluate`): weights and inputs are
converted to float64, which is exact, and every op works in float64, also where the network names
another float dtype. The intervals of `propagate` hold what it gives. `modelhub.progressive.prepare`
gives the same of many networks in less time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelhub.net.arguments import Ref
from modelhub.net.graph import Network
from modelhub.optional import require
from modelhub.progressive.calls import Call, lifted
from modelhub.progressive.intervals import Interval
from modelhub.progressive.rules import apply
from modelhub.progressive.walk import (
    all_tensors,
    apart,
    as_tensor,
    device_of,
    multiplying_first,
    walk,
)

__all__ = ["evaluate", "lifted_tensors", "propagate"]

torch: Any = require("torch", "torch")


def propagate(
    network: Network,
    weights: Mapping[str, Any],
    inputs: Mapping[str, Any],
    wanted: Sequence[Ref] | None = None,
) -> list[Any]:
    """Return the intervals of values of a network in eval mode; of whole numbers, the numbers.

    Args:
        network: An executable network.
        weights: For each tensor but constants an `Interval`, or its exact values as a tensor or
            array; of tied ones the name of either.
        inputs: The same for each input, by name.
        wanted: The values to return; the network's outputs by default. Nodes that none of them
            needs are not run.

    Raises:
        UnsupportedError: no bounds are known for a node.
        KeyError: a weight or an input is missing.
    """
    tensors = lifted_tensors(network, weights)
    device = device_of(tensors, inputs)
    given = {name: apart(lifted(as_tensor(inputs[name], device))) for name in network.inputs}
    with multiplying_first(device):
        return walk(network, tensors, given, wanted, apply)


def evaluate(
    network: Network,
    weights: Mapping[str, Any],
    inputs: Mapping[str, Any],
    wanted: Sequence[Ref] | None = None,
) -> list[Any]:
    """Return what a network in eval mode gives in float64: the reference of all bounds.

    Arguments are those of `propagate`, but for intervals.

    Raises:
        KeyError: a weight or an input is missing.
    """
    tensors = {name: _double(value) for name, value in all_tensors(network, weights).items()}
    device = device_of(tensors, inputs)
    given = {name: _double(as_tensor(inputs[name], device)) for name in network.inputs}
    with multiplying_first(device):
        return walk(network, tensors, given, wanted, Call.run)


def lifted_tensors(network: Network, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return all tensors of a network as `propagate` reads them: floats are intervals.

    Raises:
        KeyError: a weight is missing.
    """
    return {name: apart(lifted(value)) for name, value in all_tensors(network, weights).items()}


def _double(value: Any) -> Any:
    if isinstance(value, Interval):
        raise TypeError("an interval where exact values are evaluated")
    found = lifted(value)
    return found.lo if isinstance(found, Interval) else found
