"""Walk a network node by node: which nodes are needed, and what their arguments are."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelhub.net.arguments import Argument, Device, Ref, Training, TrainOnly, Weight, references
from modelhub.net.graph import Network, Node, leaves
from modelhub.net.ops import find
from modelhub.optional import require
from modelhub.progressive.calls import Call, UnsupportedError, plain
from modelhub.progressive.intervals import Interval
from modelhub.tensors.dtypes import numpy_dtype

__all__ = [
    "State",
    "all_tensors",
    "apart",
    "as_tensor",
    "device_of",
    "multiplying_first",
    "needed",
    "outputs",
    "step",
    "walk",
]

torch: Any = require("torch", "torch")


@dataclass(frozen=True, slots=True)
class State:
    """What nodes can read so far: values by node and input, tensors by name."""

    values: dict[str, Any]
    tensors: Mapping[str, Any]
    device: Any


def outputs(network: Network) -> tuple[Ref, ...]:
    """Return the values that a network gives, in order."""
    return tuple(leaf for leaf in leaves(network.outputs) if isinstance(leaf, Ref))


@contextlib.contextmanager
def multiplying_first(device: Any) -> Iterator[None]:
    """Keep a device from adding operands before it multiplies, and gradients from being kept.

    cuDNN may take a Fourier transform for some convolutions in float64, which no bound here holds
    for; torch's own kernels make a matrix product of every convolution.
    """
    with torch.no_grad():
        if torch.device(device).type != "cuda":
            yield
            return
        with torch.backends.cudnn.flags(enabled=False):
            yield


def walk(
    network: Network,
    tensors: Mapping[str, Any],
    given: Mapping[str, Any],
    wanted: Sequence[Ref] | None,
    run: Callable[[Call], Any],
) -> list[Any]:
    """Run the nodes that the wanted values need and return these, the outputs by default.

    Raises:
        UnsupportedError: `run` has no result for a node.
    """
    asked = outputs(network) if wanted is None else tuple(wanted)
    nodes = needed(network, asked)
    last = {ref.node: n.name for n in nodes for ref in references(n.arguments)}
    kept = {ref.node for ref in asked}
    state = State(dict(given), tensors, device_of(given, tensors))
    for node in nodes:
        state.values[node.name] = step(node, state, run)
        # Only what is still to be read stays in memory.
        for name in {ref.node for ref in references(node.arguments)}:
            if last[name] == node.name and name not in kept:
                state.values[name] = None
    return [_read(ref, state) for ref in asked]


def step(node: Node, state: State, run: Callable[[Call], Any]) -> Any:
    """Run one node.

    Raises:
        UnsupportedError: `run` has no result for it.
    """
    try:
        arguments = {name: _read(argument, state) for name, argument in node.arguments.items()}
        return run(Call(find(node.op), arguments))
    except ValueError as error:
        raise UnsupportedError(node.name, node.op, str(error)) from error


def needed(network: Network, asked: Sequence[Ref]) -> list[Node]:
    """Return the nodes that some values need, in order."""
    names = {ref.node for ref in asked}
    found = []
    for node in reversed(network.nodes):
        if node.name in names:
            names.update(node.inputs)
            found.append(node)
    return found[::-1]


def all_tensors(network: Network, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return those given, tied ones and constants, all on the device of the first that is given.

    Arrays become tensors; intervals stay.

    Raises:
        KeyError: a weight is missing.
    """
    found: dict[str, Any] = {}
    device = device_of(weights)
    for tensor in network.tensors:
        if tensor.role == "constant":
            values = np.frombuffer(tensor.data, numpy_dtype(tensor.dtype)).reshape(tensor.shape)
            found[tensor.name] = as_tensor(values, device)
        elif tensor.tied and tensor.name not in weights:
            found[tensor.name] = found[tensor.tied]
        else:
            ties = (other.name for other in network.tensors if other.tied == tensor.name)
            names = (tensor.name, *(name for name in ties if name in weights))
            name = next((name for name in names if name in weights), tensor.name)
            found[tensor.name] = as_tensor(weights[name], device)
    return found


def device_of(*tensors: Mapping[str, Any]) -> Any:
    """Return the device of the first tensor, an input if there is one."""
    for value in (value for some in tensors for value in some.values()):
        if isinstance(value, Interval | torch.Tensor):
            return value.lo.device if isinstance(value, Interval) else value.device
    return torch.device("cpu")


def as_tensor(value: Any, device: Any = None) -> Any:
    """Return an array as a tensor, and a pair of arrays, lower and upper ends, as an interval.

    Floats that torch has no array for become float64. With a device, it is moved there.
    """
    if isinstance(value, tuple):
        lo = as_tensor(value[0], device)
        return Interval(lo, lo if value[1] is value[0] else as_tensor(value[1], device))
    if isinstance(value, Interval):
        return value if device is None else value.map(lambda end: end.to(device))
    if not isinstance(value, torch.Tensor):
        array = np.asarray(value)
        if array.dtype.kind == "V" or array.dtype.name == "bfloat16":
            array = array.astype(np.float64)
        value = torch.from_numpy(np.array(array))
    return value if device is None else value.to(device)


def apart(value: Any) -> Any:
    """Return an interval of its own: rules take one object for one value (x x is a square)."""
    return Interval(value.lo, value.hi) if isinstance(value, Interval) else value


def _read(argument: Argument, state: State) -> Any:
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
