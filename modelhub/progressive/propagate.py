"""Push intervals of weights and inputs through a network, node by node.

The reference is the float64 evaluation of the stored weights (`evaluate`): weights and inputs are
converted to float64, which is exact, and every op works in float64, also where the network names
another float dtype. The intervals of `propagate` hold what it gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelhub.net.arguments import Argument, Device, Ref, Training, TrainOnly, Weight, references
from modelhub.net.graph import Network, Node, leaves
from modelhub.net.ops import find
from modelhub.optional import require
from modelhub.progressive.calls import Call, UnsupportedError, lifted, plain
from modelhub.progressive.intervals import Interval
from modelhub.progressive.rules import apply
from modelhub.tensors.dtypes import numpy_dtype

__all__ = ["evaluate", "lifted_tensors", "outputs", "propagate"]

torch: Any = require("torch", "torch")


@dataclass(frozen=True, slots=True)
class _State:
    """What nodes can read so far."""

    values: dict[str, Any]
    tensors: Mapping[str, Any]
    device: Any


def outputs(network: Network) -> tuple[Ref, ...]:
    """Return the values that a network gives, in order."""
    return tuple(leaf for leaf in leaves(network.outputs) if isinstance(leaf, Ref))


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
    given = {name: _apart(lifted(_tensor(inputs[name]))) for name in network.inputs}
    return _walk(network, tensors, given, wanted, apply)


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
    tensors = {name: _double(value) for name, value in _tensors(network, weights).items()}
    given = {name: _double(_tensor(inputs[name])) for name in network.inputs}
    return _walk(network, tensors, given, wanted, lambda call: call.run())


def lifted_tensors(network: Network, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return all tensors of a network as `propagate` reads them: floats are intervals.

    Raises:
        KeyError: a weight is missing.
    """
    return {name: _apart(lifted(value)) for name, value in _tensors(network, weights).items()}


def _tensors(network: Network, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return those given, tied ones and constants."""
    found: dict[str, Any] = {}
    for tensor in network.tensors:
        if tensor.role == "constant":
            values = np.frombuffer(tensor.data, numpy_dtype(tensor.dtype)).reshape(tensor.shape)
            found[tensor.name] = _tensor(values)
        elif tensor.tied and tensor.name not in weights:
            found[tensor.name] = found[tensor.tied]
        else:
            ties = (other.name for other in network.tensors if other.tied == tensor.name)
            names = (tensor.name, *(name for name in ties if name in weights))
            name = next((name for name in names if name in weights), tensor.name)
            found[tensor.name] = _tensor(weights[name])
    return found


def _walk(
    network: Network,
    tensors: Mapping[str, Any],
    given: Mapping[str, Any],
    wanted: Sequence[Ref] | None,
    run: Callable[[Call], Any],
) -> list[Any]:
    asked = outputs(network) if wanted is None else tuple(wanted)
    needed = _needed(network, asked)
    last = {ref.node: n.name for n in needed for ref in references(n.arguments)}
    kept = {ref.node for ref in asked}
    state = _State(dict(given), tensors, _device(given, tensors))
    with torch.no_grad():
        for node in needed:
            state.values[node.name] = _step(node, state, run)
            # Only what is still to be read stays in memory.
            for name in {ref.node for ref in references(node.arguments)}:
                if last[name] == node.name and name not in kept:
                    state.values[name] = None
    return [_read(ref, state) for ref in asked]


def _device(*tensors: Mapping[str, Any]) -> Any:
    """Return the device of the first tensor, an input if there is one."""
    for value in (value for some in tensors for value in some.values()):
        return value.lo.device if isinstance(value, Interval) else value.device
    return torch.device("cpu")


def _step(node: Node, state: _State, run: Callable[[Call], Any]) -> Any:
    try:
        arguments = {name: _read(argument, state) for name, argument in node.arguments.items()}
        return run(Call(find(node.op), arguments))
    except ValueError as error:
        raise UnsupportedError(node.name, node.op, str(error)) from error


def _needed(network: Network, asked: Sequence[Ref]) -> list[Node]:
    """Return the nodes that some values need, in order."""
    names = {ref.node for ref in asked}
    found = []
    for node in reversed(network.nodes):
        if node.name in names:
            names.update(node.inputs)
            found.append(node)
    return found[::-1]


def _read(argument: Argument, state: _State) -> Any:
    match argument:
        case tuple():
            return [_read(item, state) for item in argument]
        case Ref(node, index):
            value = state.values[node] if index is None else state.values[node][index]
            if value is None:
                raise ValueError("it reads what is not known exactly, such as a maximum's place")
            return value
        case Weight(name):
            return state.tensors[name]
        case Training():
            return False
        case TrainOnly():
            return 0.0
        case Device():
            return state.device
    return plain(argument)


def _tensor(value: Any) -> Any:
    """Return an array as a tensor; floats that torch has no array for become float64."""
    if isinstance(value, Interval | torch.Tensor):
        return value
    array = np.asarray(value)
    if array.dtype.kind == "V" or array.dtype.name == "bfloat16":
        array = array.astype(np.float64)
    return torch.from_numpy(np.array(array))


def _apart(value: Any) -> Any:
    """Return an interval of its own: rules take one object for one value (x x is a square)."""
    return Interval(value.lo, value.hi) if isinstance(value, Interval) else value


def _double(value: Any) -> Any:
    if isinstance(value, Interval):
        raise TypeError("an interval where exact values are evaluated")
    found = lifted(value)
    return found.lo if isinstance(found, Interval) else found
