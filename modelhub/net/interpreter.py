"""Run a network with torch: an interpreter, so no source is generated and no code loaded.

Imported through `modelhub.net.module` only, since it needs torch. A *step* is a node made ready:
the op's function, its literal arguments, and *slots*, the places to fill at each run. A *source*
tells what goes into a slot: a pair of one of the codes below and what it is about.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from modelhub.errors import BadInputError
from modelhub.net.arguments import (
    DTYPES,
    INT_MAX,
    Argument,
    Constant,
    Device,
    Ref,
    Training,
    TrainOnly,
    Weight,
    references,
)
from modelhub.net.graph import Group, Network, Node, Output, Tensor, check, leaves
from modelhub.net.ops import Op, find
from modelhub.optional import require

__all__ = ["NetworkModule", "build", "function_of", "network_of"]

torch: Any = require("torch", "torch")

_VALUE, _ITEM, _TENSOR, _MODE, _SHARE, _DEVICE, _LIST, _LITERAL = range(8)
_Source = tuple[int, Any]


class _Step(NamedTuple):
    """A node made ready; `drop` are the values that nothing reads after it."""

    target: int
    function: Callable[..., Any]
    arguments: list[Any]
    slots: tuple[tuple[int, _Source], ...]
    named: dict[str, Any]
    named_slots: tuple[tuple[str, _Source], ...]
    owner: Any
    counter: int
    drop: tuple[int, ...]


class NetworkModule(torch.nn.Module):  # type: ignore[misc]
    """A network as a module; its own attributes are few, since names belong to the network."""

    def __init__(self, network: Network, tensors: Mapping[str, Any]) -> None:
        super().__init__()
        self._mh_network = network
        self._mh_modules = {"": self}
        self._mh_tensors = [
            (self._container(tensor.name.rpartition(".")[0]), tensor.name.rpartition(".")[2])
            for tensor in network.tensors
        ]
        # After the tensors, which are in the order of the state dict.
        for node in network.nodes:
            self._container(node.module)
        for tensor, (owner, leaf) in zip(network.tensors, self._mh_tensors, strict=True):
            value = tensors[tensor.name]
            if tensor.role in ("parameter", "frozen"):
                owner.register_parameter(leaf, value)
            else:
                owner.register_buffer(leaf, value, persistent=tensor.role == "buffer")
        self._mh_inputs = tuple(network.inputs)
        self._mh_steps = _steps(network, self._mh_modules)
        places = _places(network)
        numbers = {tensor.name: index for index, tensor in enumerate(network.tensors)}
        self._mh_output = _output_source(network.outputs, places, numbers)

    def _container(self, path: str) -> Any:
        if path not in self._mh_modules:
            above, _, leaf = path.rpartition(".")
            container = torch.nn.Module()
            self._container(above).add_module(leaf, container)
            self._mh_modules[path] = container
        return self._mh_modules[path]

    def extra_repr(self) -> str:
        """Return what torch prints of the module beside its tensors."""
        return f"{len(self._mh_steps)} nodes"

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network; inputs are given in order or by name, as to the original.

        Returns:
            What the original returns; objects that are mappings come back as dicts.
        """
        values = self._bind(args, kwargs)
        tensors = [getattr(owner, leaf) for owner, leaf in self._mh_tensors]
        device = next((v.device for v in (*values, *tensors) if hasattr(v, "device")), None)
        values.extend([None] * len(self._mh_steps))
        for step in self._mh_steps:
            training = step.owner.training
            arguments = list(step.arguments)
            for place, source in step.slots:
                arguments[place] = _get(source, values, tensors, training, device)
            named = step.named
            if step.named_slots:
                named = dict(named)
                for name, source in step.named_slots:
                    named[name] = _get(source, values, tensors, training, device)
            if step.counter >= 0 and training:
                tensors[step.counter].add_(1)
            values[step.target] = step.function(*arguments, **named)
            for place in step.drop:
                values[place] = None
        return _get(self._mh_output, values, tensors, self.training, device)

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        names = self._mh_inputs
        given = dict(zip(names, args, strict=False))
        if len(args) > len(names) or given.keys() & kwargs.keys():
            raise TypeError(f"more inputs than {', '.join(names) or 'none'}")
        given.update(kwargs)
        if given.keys() != set(names):
            raise TypeError(f"inputs {', '.join(given)}; expected {', '.join(names)}")
        return [given[name] for name in names]


def _get(source: _Source, values: Any, tensors: Any, training: bool, device: Any) -> Any:
    code, about = source
    if code == _VALUE:
        return values[about]
    if code == _TENSOR:
        return tensors[about]
    if code == _ITEM:
        return values[about[0]][about[1]]
    if code == _MODE:
        return training
    if code == _SHARE:
        return about if training else 0.0
    if code == _LIST:
        make, items = about
        return make([_get(item, values, tensors, training, device) for item in items])
    return device if code == _DEVICE else about


def build(network: Network, weights: Mapping[str, Any] | None = None) -> NetworkModule:
    """Do what `modelhub.net.module.build` says."""
    try:
        check(network)
    except ValueError as error:
        raise BadInputError(f"not a network that can be used ({error})") from error
    if not network.executable:
        raise BadInputError(
            "the network was made from weights alone and has no edges, so it cannot run",
            hint="commit the version again with network= and example_inputs=",
        )
    tensors: dict[str, Any] = {}
    for tensor in network.tensors:
        if tensor.tied:
            tensors[tensor.name] = tensors[tensor.tied]
            continue
        value = _tensor(tensor, network, weights)
        if tensor.role in ("parameter", "frozen"):
            value = torch.nn.Parameter(value, requires_grad=tensor.role == "parameter")
        tensors[tensor.name] = value
    try:
        module = NetworkModule(network, tensors)
    except KeyError as error:
        # torch refuses a part of a name that is a method of every module, such as `forward`.
        raise BadInputError(f"a name in the network cannot be used: {error}") from error
    module.eval()
    return module


def network_of(module: NetworkModule) -> Network:
    """Return the network that a module runs."""
    network: Network = module._mh_network
    return network


def _tensor(tensor: Tensor, network: Network, weights: Mapping[str, Any] | None) -> Any:
    dtype = getattr(torch, tensor.dtype, None) if tensor.dtype in DTYPES else None
    if dtype is None:
        raise BadInputError(f"this torch has no dtype {tensor.dtype}", where=tensor.name)
    if tensor.role == "constant":
        return _from_bytes(tensor.data, dtype, tensor.shape)
    if weights is None:
        return torch.empty(tensor.shape, dtype=dtype, device="meta")
    names = [tensor.name, *(other.name for other in network.tensors if other.tied == tensor.name)]
    found = next((weights[name] for name in names if name in weights), None)
    if found is None:
        raise BadInputError("no weight of this name", where=tensor.name)
    word = str(found.dtype).rpartition(".")[2]
    if (word, tuple(found.shape)) != (tensor.dtype, tensor.shape):
        raise BadInputError(
            f"a weight of dtype {word} and shape {list(found.shape)}",
            expected=f"{tensor.dtype} {list(tensor.shape)}",
            where=tensor.name,
        )
    if isinstance(found, torch.Tensor):
        return found.detach().clone()
    return _from_bytes(np.ascontiguousarray(found).tobytes(), dtype, tensor.shape)


def _from_bytes(data: bytes, dtype: Any, shape: tuple[int, ...]) -> Any:
    if not data:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(data), dtype=dtype).reshape(shape)


def _places(network: Network) -> dict[str, int]:
    names = [*network.inputs, *(node.name for node in network.nodes)]
    return {name: place for place, name in enumerate(names)}


def _steps(network: Network, modules: Mapping[str, Any]) -> list[_Step]:
    places = _places(network)
    numbers = {tensor.name: index for index, tensor in enumerate(network.tensors)}
    last = {ref.node: node.name for node in network.nodes for ref in references(node.arguments)}
    kept = {leaf.node for leaf in leaves(network.outputs) if isinstance(leaf, Ref)}
    drops: dict[str, list[int]] = {}
    for name, reader in last.items():
        if name not in kept:
            drops.setdefault(reader, []).append(places[name])
    return [
        _step(node, places, numbers, modules, tuple(drops.get(node.name, ())))
        for node in network.nodes
    ]


def _step(
    node: Node,
    places: Mapping[str, int],
    numbers: Mapping[str, int],
    modules: Mapping[str, Any],
    drop: tuple[int, ...],
) -> _Step:
    op = find(node.op)
    ordered = [parameter for parameter in op.parameters if not parameter.by_name]
    given = [place for place, p in enumerate(ordered) if p.name in node.arguments]
    positional: list[tuple[int, _Source]] = [
        (place, _source(node.arguments.get(p.name, p.default), places, numbers))
        for place, p in enumerate(ordered[: max(given, default=-1) + 1])
    ]
    named = [
        (p.name, _source(node.arguments[p.name], places, numbers))
        for p in op.parameters
        if p.by_name and p.name in node.arguments
    ]
    return _Step(
        target=places[node.name],
        function=function_of(op),
        arguments=[about if code == _LITERAL else None for _, (code, about) in positional],
        slots=tuple((place, source) for place, source in positional if source[0] != _LITERAL),
        named={name: about for name, (code, about) in named if code == _LITERAL},
        named_slots=tuple((name, source) for name, source in named if source[0] != _LITERAL),
        owner=modules[node.module],
        counter=numbers[node.counter] if node.counter else -1,
        drop=drop,
    )


def _source(argument: Argument, places: Mapping[str, int], numbers: Mapping[str, int]) -> _Source:
    match argument:
        case tuple():
            items = tuple(_source(item, places, numbers) for item in argument)
            if all(code == _LITERAL for code, _ in items):
                return _LITERAL, [about for _, about in items]
            return _LIST, (list, items)
        case Ref(node, None):
            return _VALUE, places[node]
        case Ref(node, index):
            return _ITEM, (places[node], index)
        case Weight(name):
            return _TENSOR, numbers[name]
        case Training():
            return _MODE, None
        case TrainOnly(value):
            return _SHARE, value
        case Device():
            return _DEVICE, None
        case Constant(_, word):
            # The words were checked against a list when the argument was read.
            return _LITERAL, getattr(torch, word)
    return _LITERAL, argument


def _output_source(
    output: Output, places: Mapping[str, int], numbers: Mapping[str, int]
) -> _Source:
    if not isinstance(output, Group):
        return _source(output, places, numbers)
    items = tuple(_output_source(item, places, numbers) for item in output.items)
    if output.type == "dict":
        return _LIST, (_DictOf(output.keys), items)
    return _LIST, (tuple if output.type == "tuple" else list, items)


class _DictOf:
    """Makes a dict of a list of items."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys = keys

    def __call__(self, items: list[Any]) -> dict[str, Any]:
        return dict(zip(self.keys, items, strict=True))


def function_of(op: Op) -> Callable[..., Any]:
    """Return what runs an op.

    Raises:
        BadInputError: this torch does not have it.
    """
    if op.name.startswith("sym."):
        return _SYMBOLIC[op.base]
    _, base, overload = op.name.split(".")
    function: Callable[..., Any] | None = getattr(
        getattr(torch.ops.aten, base, None), overload, None
    )
    if function is None:
        raise BadInputError(f"this torch has no op {op.name}", hint="upgrade torch")
    return function


def _size(tensor: Any, dim: int) -> Any:
    return tensor.size(dim)


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep a hostile network from squaring a number until memory is full."""

    def run(*values: Any) -> Any:
        result = function(*values)
        if not torch.compiler.is_compiling() and not -INT_MAX <= result <= INT_MAX:
            raise BadInputError("a size in the network is beyond 64 bits")
        return result

    return run


_SYMBOLIC: dict[str, Callable[..., Any]] = {
    "size": _size,
    "add": _bounded(operator.add),
    "sub": _bounded(operator.sub),
    "mul": _bounded(operator.mul),
    "floordiv": _bounded(operator.floordiv),
    "mod": _bounded(operator.mod),
    "neg": operator.neg,
}
