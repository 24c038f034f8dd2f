"""The network N as data: a directed acyclic graph of nodes, and the rules that it keeps.

A *node* applies one op to values; a *value* is what an input or node gives, with a dtype and a
shape in which a text such as `s0` stands for a size that is free. A *tensor* of the network is a
parameter, buffer or constant that nodes read; a *constant* carries its bytes, the others are in the
weights W. A network that is not *executable* was made from weights alone: its nodes have kinds but
no edges.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from modelhub.net.arguments import (
    DTYPES,
    Argument,
    Ref,
    Weight,
    check_name,
    references,
    weights,
)
from modelhub.net.kinds import KINDS, kind_of, mode_of
from modelhub.net.ops import check_arguments, find
from modelhub.net.paths import Paths, count_all

__all__ = [
    "CONSTANT_BYTES_MAX",
    "DIMENSIONS_MAX",
    "MODULES_MAX",
    "NODES_MAX",
    "OUTPUT_DEPTH_MAX",
    "ROLES",
    "TENSORS_MAX",
    "Group",
    "Network",
    "Node",
    "Output",
    "Shape",
    "Tensor",
    "TooLargeError",
    "Value",
    "check",
    "leaves",
]

# A hundred-layer language model has about 4,000 nodes and 1,000 tensors.
NODES_MAX = 20_000
TENSORS_MAX = 50_000
MODULES_MAX = 100_000
DIMENSIONS_MAX = 64
OUTPUT_DEPTH_MAX = 8
# Of all constants together: position numbers and small masks. Larger ones belong in the weights.
CONSTANT_BYTES_MAX = 1 << 20
# No machine holds more; a shape beyond it is a mistake or an attack.
_SIZE_MAX = 1 << 40
_COUNT_MAX = 1 << 48

ROLES = ("parameter", "frozen", "buffer", "constant")
_VALUE_DTYPES = frozenset({*DTYPES, "int"})
_EXPRESSION = re.compile(r"[A-Za-z0-9_+*/%(), -]{1,200}", re.ASCII)

Shape = tuple[int | str, ...]


class TooLargeError(ValueError):
    """A network that keeps the rules but has more of something than a network may have."""


@dataclass(frozen=True, slots=True)
class Value:
    """A dtype (`int` for a size) and a shape; a text in the shape is an expression over sizes."""

    dtype: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor that nodes read.

    Attributes:
        role: One of `ROLES`; `frozen` is a parameter that training leaves alone.
        tied: The tensor whose storage this one shares, by name; empty if it has its own.
        data: The little-endian bytes of a constant, in C order; empty otherwise.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    role: str = "parameter"
    tied: str = ""
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Node:
    """One step of the network.

    Attributes:
        name: Unique: the module's path where the node is the module's work, else a name below it.
        op: An op of `modelhub.net.ops`; empty in a network that is not executable.
        module: The path of the module that the node came from; empty for the outermost.
        arguments: The op's arguments by name; those at their default may be left out.
        values: What it gives, one or several.
        counter: A tensor that goes up by one with each run in train mode (batch norm), or empty.
        stated_kind: The kind, where there is no op to tell it.
        stated_parameters: The tensors, where there are no arguments to tell them.
    """

    name: str
    op: str = ""
    module: str = ""
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    values: tuple[Value, ...] = ()
    counter: str = ""
    stated_kind: str = ""
    stated_parameters: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The kind, a word of `modelhub.net.kinds`."""
        dtype = self.values[0].dtype if self.values else ""
        return self.stated_kind or kind_of(self.op, dtype)

    @property
    def mode(self) -> str:
        """`MAX` or `AVG` for a pool, else empty."""
        return mode_of(self.op)

    @property
    def attributes(self) -> dict[str, Argument]:
        """The arguments that are no values or tensors, with defaults filled in."""
        if not self.op:
            return {}
        found = {p.name: p.default for p in find(self.op).parameters if not p.required}
        found |= self.arguments
        return {
            name: argument
            for name, argument in found.items()
            if not references({name: argument}) and not weights({name: argument})
        }

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs and nodes whose values it reads, by name, each once."""
        return tuple(dict.fromkeys(ref.node for ref in references(self.arguments)))

    @property
    def parameters(self) -> tuple[str, ...]:
        """The tensors it reads, by name, each once."""
        return self.stated_parameters or weights(self.arguments)


@dataclass(frozen=True, slots=True)
class Group:
    """Several outputs: a `tuple`, a `list`, or a `dict` whose items have the names `keys`."""

    type: str
    items: tuple[Output, ...]
    keys: tuple[str, ...] = ()


Output = Ref | Weight | Group | bool | int | float | None


@dataclass(frozen=True, slots=True)
class Network:
    """A network; `inputs` has the value of each input by name, nodes are in topological order."""

    inputs: Mapping[str, Value]
    nodes: tuple[Node, ...]
    tensors: tuple[Tensor, ...]
    outputs: Output = None
    executable: bool = True

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Pairs (from, to) of names, by the order of `to`; inputs count as nodes."""
        return tuple((source, node.name) for node in self.nodes for source in node.inputs)

    def readers(self) -> dict[str, tuple[str, ...]]:
        """Return for each input and node the nodes that read it, in order."""
        found: dict[str, list[str]] = {name: [] for name in self.inputs}
        found |= {node.name: [] for node in self.nodes}
        for source, target in self.edges:
            found[source].append(target)
        return {name: tuple(targets) for name, targets in found.items()}


def leaves(output: Output) -> Iterator[Output]:
    """Yield the outputs that are no groups, in order."""
    if isinstance(output, Group):
        for item in output.items:
            yield from leaves(item)
    else:
        yield output


def check(network: Network) -> None:
    """Check every rule that a network keeps, in time linear in its size.

    Raises:
        TooLargeError: there are too many nodes, inputs or tensors.
        ValueError: it breaks another; the text names the place.
    """
    if len(network.nodes) > NODES_MAX or len(network.inputs) > NODES_MAX:
        raise TooLargeError(f"{len(network.nodes)} nodes, at most {NODES_MAX}")
    if len(network.tensors) > TENSORS_MAX:
        raise TooLargeError(f"{len(network.tensors)} tensors, at most {TENSORS_MAX}")
    tensors = _check_tensors(network.tensors)
    # What can be read so far: the number of results that one picks from by index, or 0 for a
    # single one. A node that reads what comes later, or itself, reads something unknown.
    known: dict[str, int] = {}
    for name, value in network.inputs.items():
        check_name(name)
        _check_value(value)
        known[name] = 0
    for node in network.nodes:
        try:
            many = _check_node(node, known, tensors, network.executable)
        except ValueError as error:
            raise ValueError(f"node {node.name[:80]!r}: {error}") from error
        known[node.name] = many
    _check_modules(network)
    _check_outputs(network, known, tensors)


def _check_tensors(tensors: tuple[Tensor, ...]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    constant_bytes = 0
    for tensor in tensors:
        name = check_name(tensor.name)
        if name in found:
            raise ValueError(f"two tensors are called {name!r}")
        _check_value(Value(tensor.dtype, tensor.shape))
        if tensor.dtype == "int" or not all(isinstance(size, int) for size in tensor.shape):
            raise ValueError(f"the shape or dtype of the tensor {name!r} is not fixed")
        if tensor.role not in ROLES:
            raise ValueError(f"the tensor {name!r} has no role")
        if tensor.tied:
            other = found.get(tensor.tied)
            if other is None or other.tied or other.role == "constant":
                raise ValueError(f"the tensor {name!r} is tied to no tensor before it")
            if (other.dtype, other.shape) != (tensor.dtype, tensor.shape):
                raise ValueError(f"the tensor {name!r} is tied to one of another form")
        constant_bytes += len(tensor.data)
        size = math.prod(tensor.shape) * DTYPES[tensor.dtype]
        if len(tensor.data) != (size if tensor.role == "constant" else 0):
            raise ValueError(f"the tensor {name!r} has {len(tensor.data)} bytes of its own")
        found[name] = tensor
    if constant_bytes > CONSTANT_BYTES_MAX:
        raise ValueError(f"{constant_bytes} bytes of constants, at most {CONSTANT_BYTES_MAX}")
    return found


def _check_modules(network: Network) -> None:
    """Check that no module is a tensor, and that there are not too many of them."""
    tensors = Paths(tensor.name for tensor in network.tensors)
    both = tensors.nested()
    if both:
        raise ValueError(f"{both[:80]!r} is both a tensor and a module")
    modules = {node.module for node in network.nodes}
    for module in modules:
        if tensors.holder(module):
            raise ValueError(f"the module {module[:80]!r} is, or is below, a tensor")
    modules.update(tensor.name.rpartition(".")[0] for tensor in network.tensors)
    count = count_all(modules)
    if count > MODULES_MAX:
        raise TooLargeError(f"{count} modules, at most {MODULES_MAX}")


def _check_value(value: Value) -> None:
    if value.dtype not in _VALUE_DTYPES:
        raise ValueError(f"{value.dtype[:40]!r} is not a dtype")
    if len(value.shape) > DIMENSIONS_MAX:
        raise ValueError(f"{len(value.shape)} dimensions, at most {DIMENSIONS_MAX}")
    for size in value.shape:
        if isinstance(size, str):
            if not _EXPRESSION.fullmatch(size):
                raise ValueError(f"{size[:40]!r} is not a size")
        elif not 0 <= size <= _SIZE_MAX:
            raise ValueError(f"a size of {size}, at most {_SIZE_MAX}")
    if math.prod(size for size in value.shape if isinstance(size, int)) > _COUNT_MAX:
        raise ValueError(f"a shape with more than {_COUNT_MAX} values")


def _check_node(
    node: Node, known: Mapping[str, int], tensors: Mapping[str, Tensor], executable: bool
) -> int:
    check_name(node.name)
    if node.module:
        check_name(node.module)
    if node.name in known:
        raise ValueError("the name is taken")
    for value in node.values:
        _check_value(value)
    for name in (*node.parameters, *((node.counter,) if node.counter else ())):
        if name not in tensors:
            raise ValueError(f"there is no tensor {name[:80]!r}")
    if not executable:
        if node.op or node.arguments or node.counter or node.stated_kind not in KINDS:
            raise ValueError("a node without edges has a kind and nothing else")
        return 0
    if node.stated_kind or node.stated_parameters:
        raise ValueError("the kind and parameters of a node follow from its op")
    op = find(node.op)
    check_arguments(op, node.arguments)
    for ref in references(node.arguments):
        _check_ref(ref, known)
    if node.counter and not (op.base == "batch_norm" and tensors[node.counter].role == "buffer"):
        raise ValueError("only batch norm counts, in a buffer")
    if op.result == "Tensors":
        # A network without values was not made by an importer that knows how many there are.
        return max(1, len(node.values))
    if len(node.values) != 1:
        raise ValueError(f"{len(node.values)} values where the op gives one")
    if (node.values[0].dtype == "int") != (op.result == "int"):
        raise ValueError("the dtype is not what the op gives")
    return 0


def _check_ref(ref: Ref, known: Mapping[str, int]) -> None:
    many = known.get(ref.node)
    if many is None:
        raise ValueError(f"it reads {ref.node[:80]!r}, which is not before it")
    if (ref.index is not None) != (many > 0) or (ref.index is not None and ref.index >= many):
        raise ValueError(f"{ref.node!r} has no value number {ref.index}")


def _check_outputs(
    network: Network, known: Mapping[str, int], tensors: Mapping[str, Tensor]
) -> None:
    if not network.executable:
        if network.inputs or network.outputs is not None:
            raise ValueError("a network without edges has no inputs or outputs")
        return
    for leaf in leaves(network.outputs):
        if isinstance(leaf, Ref):
            _check_ref(leaf, known)
        elif isinstance(leaf, Weight) and leaf.name not in tensors:
            raise ValueError(f"there is no tensor {leaf.name[:80]!r}")
