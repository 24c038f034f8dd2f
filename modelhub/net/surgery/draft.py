"""A network under change: nodes in a linked order, with who reads what.

A *carrier* is a value that depends on what the network is given, not only on its sizes: masks and
positions that are made of sizes alone are none. A *pending* node is one whose shapes may not be
what is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from modelhub.net.arguments import Argument, Ref, Weight
from modelhub.net.graph import Group, Network, Node, Output, Tensor, Value, leaves
from modelhub.net.ops import find
from modelhub.net.surgery.edited import Fresh, SurgeryError
from modelhub.net.surgery.sequence import Sequence

__all__ = ["Draft", "mapped", "mapped_all", "mapped_output", "prefixes", "used"]

# What looks at the shape of what it reads and at nothing else.
_SHAPE_ONLY = frozenset(
    {"zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"}
)
# Ops with several values of which the first is the one that the network passes along.
_FIRST = frozenset({"LSTM", "GRU", "RNN", "POOL", "REDUCE"})


def mapped(argument: Argument, change: Callable[[Ref], Argument]) -> Argument:
    """Return an argument with its references changed."""
    if isinstance(argument, tuple):
        return tuple(mapped(item, change) for item in argument)
    return change(argument) if isinstance(argument, Ref) else argument


def mapped_all(argument: Argument, change: Callable[[Argument], Argument]) -> Argument:
    """Return an argument with every item that is no list changed."""
    if isinstance(argument, tuple):
        return tuple(mapped_all(item, change) for item in argument)
    return change(argument)


def mapped_output(output: Output, change: Callable[[Ref | Weight], Output]) -> Output:
    """Return outputs with their references and tensors changed."""
    if isinstance(output, Group):
        items = tuple(mapped_output(item, change) for item in output.items)
        return replace(output, items=items)
    return change(output) if isinstance(output, Ref | Weight) else output


class Draft:
    """A network that can be changed; it need not keep every rule between steps.

    Attributes:
        inputs: The value of each input.
        nodes: The nodes by name; their order is that of `order`.
        tensors: The tensors by name, constants last when the network is made.
        kept: Where the values of a tensor come from; see `Edited`.
        fresh: How the values of the others are made.
        pending: Nodes that read something new or were changed themselves.
        notes: For a node that was changed, a clause for the message if shapes no longer fit.
        broken: Of nodes whose shapes do not fit, the reason.
        unsure: Nodes behind these, whose values are not known.
        loads: How often all names changed.
        grown: Nodes whose number of channels changed on purpose: what reads them follows.
    """

    def __init__(self, network: Network) -> None:
        if not network.executable:
            raise SurgeryError(
                "the network was made from weights alone: it has no edges, so nothing can be cut "
                "or changed; commit the version again with network= and example inputs"
            )
        self._load(network)
        self.pending: set[str] = set()
        self.kept: dict[str, tuple[int, str]] = {
            tensor.name: (0, tensor.name) for tensor in network.tensors if tensor.role != "constant"
        }
        self.fresh: dict[str, Fresh] = {}
        self.notes: dict[str, str] = {}
        self.grown: set[str] = set()
        self.broken: dict[str, str] = {}
        self.unsure: set[str] = set()
        self.loads = 0

    def _load(self, network: Network) -> None:
        self.inputs: dict[str, Value] = dict(network.inputs)
        self.nodes: dict[str, Node] = {}
        self.order = Sequence()
        self.outputs: Output = network.outputs
        self.tensors: dict[str, Tensor] = {tensor.name: tensor for tensor in network.tensors}
        self._carriers: dict[str, bool] = dict.fromkeys(network.inputs, True)
        self._aside = {name: _is_aside(value) for name, value in network.inputs.items()}
        self._readers: dict[str, dict[str, None]] = {name: {} for name in network.inputs}
        self._reads: dict[str, tuple[tuple[Ref, ...], tuple[str, ...]]] = {}
        self._tensor_readers: dict[str, int] = dict.fromkeys(self.tensors, 0)
        self._ties: dict[str, list[str]] = {}
        # How many tensors there are at and below each name.
        self._modules: dict[str, int] = {}
        for tensor in network.tensors:
            self._enter(tensor)
        for node in network.nodes:
            self._link(node, pending=False)
            self.order.insert(node.name, before="")

    def reload(
        self, network: Network, nodes: Mapping[str, str], tensors: Mapping[str, str]
    ) -> None:
        """Take over a network that is this one with other names; the maps are from old to new."""
        self._load(network)
        self.loads += 1
        self.kept = {tensors[name]: source for name, source in self.kept.items()}
        self.fresh = {tensors[name]: fresh for name, fresh in self.fresh.items()}
        self.pending = {nodes[name] for name in self.pending}
        self.notes = {nodes.get(name, name): note for name, note in self.notes.items()}
        self.grown = {nodes.get(name, name) for name in self.grown}
        self.broken = {nodes[name]: reason for name, reason in self.broken.items()}
        self.unsure = {nodes[name] for name in self.unsure}

    def network(self) -> Network:
        """Return the network as it is now."""
        ordered = sorted(self.tensors.values(), key=lambda tensor: tensor.role == "constant")
        return Network(
            inputs=dict(self.inputs),
            nodes=tuple(self.nodes[name] for name in self.order),
            tensors=tuple(ordered),
            outputs=self.outputs,
        )

    def node(self, name: str) -> Node:
        """Return a node.

        Raises:
            SurgeryError: there is none of this name.
        """
        found = self.nodes.get(name)
        if found is None:
            what = "an input, not a node" if name in self.inputs else "no node of the network"
            raise SurgeryError(f"{name[:80]!r} is {what}")
        return found

    def readers(self, name: str) -> tuple[str, ...]:
        """Return the nodes that read a node or input, in no special order."""
        return tuple(self._readers[name])

    def is_output(self, name: str) -> bool:
        """Whether the network returns a value of a node or input."""
        return any(isinstance(leaf, Ref) and leaf.node == name for leaf in leaves(self.outputs))

    def carries(self, name: str) -> bool:
        """Whether a node or input is a carrier."""
        return self._carriers[name]

    def carried(self, node: Node) -> tuple[Ref, ...]:
        """Return the values of carriers that a node reads, each once; sizes are none.

        Masks that are made of inputs of whole numbers without weights do not count beside others.
        """
        found = tuple(ref for ref in self.reads(node.name) if self._carriers[ref.node])
        return tuple(ref for ref in found if not self._aside[ref.node]) or found

    def is_aside(self, name: str) -> bool:
        """Whether a node or input is whole numbers, or made of them without weights: a mask."""
        return self._aside[name]

    def reads(self, name: str) -> tuple[Ref, ...]:
        """Return the values that a node of the network reads, each once."""
        return self._reads[name][0]

    def before(self, name: str) -> Iterator[str]:
        """Yield a node and what it depends on, the nearest first."""
        seen, found = {name}, [name]
        for current in found:
            yield current
            node = self.nodes.get(current)
            new = [source for source in (node.inputs if node else ()) if source not in seen]
            seen.update(new)
            found.extend(new)

    def value(self, ref: Ref) -> Value:
        """Return the recorded value that a reference stands for."""
        if ref.node in self.inputs:
            return self.inputs[ref.node]
        return self.nodes[ref.node].values[ref.index or 0]

    def main(self, node: Node) -> Ref:
        """Return the value that a node passes along.

        Raises:
            SurgeryError: it gives several that are equally so.
        """
        if find(node.op).result != "Tensors":
            return Ref(node.name)
        if node.kind in _FIRST or len(node.values) == 1:
            return Ref(node.name, 0)
        raise SurgeryError(
            f"{node.name} gives {len(node.values)} values; name a node that reads one of them"
        )

    def put(self, node: Node, *, before: str) -> None:
        """Add a node before another in the order, or at the end if that is empty."""
        self._link(node)
        self.order.insert(node.name, before=before)

    def set(self, node: Node) -> None:
        """Give a node that is there other arguments or values."""
        self._unlink(self.nodes[node.name])
        self._link(node)

    def note(self, node: Node) -> None:
        """Record a node whose arguments are as they were: its values, module or counter changed."""
        self.nodes[node.name] = node

    def redirect(self, old: Ref, new: Ref, readers: Iterable[str] | None = None) -> None:
        """Let readers of one value read another, all of them and the outputs if none are named."""

        def change(ref: Ref) -> Ref:
            return new if ref == old else ref

        for name in self.readers(old.node) if readers is None else readers:
            node = self.nodes[name]
            arguments = {key: mapped(item, change) for key, item in node.arguments.items()}
            if arguments != node.arguments:
                self.set(replace(node, arguments=arguments))
        if readers is None:
            self.redirect_outputs(old, new)

    def redirect_outputs(self, old: Ref, new: Ref) -> None:
        """Return one value where another was returned."""
        self.outputs = mapped_output(self.outputs, lambda leaf: new if leaf == old else leaf)

    def add_input(self, name: str, value: Value) -> None:
        """Add an input."""
        self.inputs[name] = value
        self._carriers[name] = True
        self._aside[name] = _is_aside(value)
        self._readers[name] = {}

    def remove_input(self, name: str) -> None:
        """Take out an input that nothing reads."""
        del self.inputs[name], self._carriers[name], self._readers[name], self._aside[name]

    def remove(self, names: Iterable[str], *, keep: str = "") -> None:
        """Take nodes out that nothing reads, and what nothing reads then, tensors too.

        The node `keep` stays even if nothing reads it.
        """
        stack = list(names)
        unread: list[str] = []
        while stack:
            name = stack.pop()
            node = self.nodes.get(name)
            if node is None or name == keep or self._readers[name] or self.is_output(name):
                continue
            refs, tensors = self._reads[name]
            self._unlink(node)
            del self.nodes[name], self._readers[name], self._carriers[name], self._aside[name]
            self.order.remove(name)
            for gone in (self.pending, self.grown, self.unsure):
                gone.discard(name)
            self.broken.pop(name, None)
            unread.extend(tensors)
            stack.extend(ref.node for ref in refs if ref.node in self.nodes)
        self.drop_tensors(unread)

    def drop_tensors(self, names: Iterable[str]) -> None:
        """Take out those of some tensors that nothing reads under any of their names."""
        candidates = dict.fromkeys(names)
        if not candidates:
            return
        returned = {leaf.name for leaf in leaves(self.outputs) if isinstance(leaf, Weight)}
        for name in candidates:
            if name not in self.tensors:
                continue
            group = self.tied(name)
            if not any(self._tensor_readers[other] or other in returned for other in group):
                for other in list(group):
                    for above in prefixes(other):
                        self._modules[above] -= 1
                    del self.tensors[other], self._tensor_readers[other]
                    self.kept.pop(other, None)
                    self.fresh.pop(other, None)
                self._ties.pop(group[0], None)

    def add_tensor(
        self, tensor: Tensor, *, kept: tuple[int, str] | None = None, fresh: Fresh | None = None
    ) -> None:
        """Add a tensor, or put another in the place of one of its name."""
        if tensor.name not in self.tensors:
            self._enter(tensor)
        self.tensors[tensor.name] = tensor
        self._tensor_readers.setdefault(tensor.name, 0)
        self.kept.pop(tensor.name, None)
        self.fresh.pop(tensor.name, None)
        if kept is not None:
            self.kept[tensor.name] = kept
        if fresh is not None:
            self.fresh[tensor.name] = fresh

    def set_role(self, name: str, role: str) -> None:
        """Give a tensor another role."""
        self.tensors[name] = replace(self.tensors[name], role=role)

    def tied(self, name: str) -> list[str]:
        """Return all names of a tensor, the one that has the storage first."""
        return self._ties.get(self.tensors[name].tied or name, [name])

    def tensor_readers(self, name: str) -> int:
        """Return how many nodes read a tensor by this name."""
        return self._tensor_readers[name]

    def has_module(self, name: str) -> bool:
        """Whether there is a tensor of this name or below it."""
        return self._modules.get(name, 0) > 0

    def _enter(self, tensor: Tensor) -> None:
        if tensor.tied:
            self._ties.setdefault(tensor.tied, [tensor.tied]).append(tensor.name)
        for name in prefixes(tensor.name):
            self._modules[name] = self._modules.get(name, 0) + 1

    def _link(self, node: Node, *, pending: bool = True) -> None:
        name, carriers = node.name, self._carriers
        refs, tensors = _reads(node)
        self.nodes[name] = node
        self._reads[name] = refs, tensors
        self._readers.setdefault(name, {})
        carries, aside = False, all(self.tensors[each].role == "constant" for each in tensors)
        for ref in refs:
            self._readers[ref.node][name] = None
            carries = carries or carriers[ref.node]
            aside = aside and self._aside[ref.node]
        for tensor in tensors:
            self._tensor_readers[tensor] += 1
        carriers[name] = carries and not (
            node.op.startswith("sym.") or node.op.split(".")[1] in _SHAPE_ONLY
        )
        self._aside[name] = aside
        if pending:
            self.pending.add(name)

    def _unlink(self, node: Node) -> None:
        refs, tensors = self._reads.pop(node.name)
        for ref in refs:
            self._readers[ref.node].pop(node.name, None)
        for tensor in tensors:
            self._tensor_readers[tensor] -= 1


def _is_aside(value: Value) -> bool:
    return value.dtype.startswith(("int", "uint", "bool"))


def _reads(node: Node) -> tuple[tuple[Ref, ...], tuple[str, ...]]:
    """Return the values and tensors that a node reads, each once."""
    refs: dict[Ref, None] = {}
    tensors: dict[str, None] = {}
    stack: list[Argument] = list(node.arguments.values())
    # In the order of the arguments.
    stack.reverse()
    while stack:
        item = stack.pop()
        if type(item) is Ref:
            refs[item] = None
        elif type(item) is Weight:
            tensors[item.name] = None
        elif type(item) is tuple:
            stack.extend(reversed(item))
    if node.counter:
        tensors[node.counter] = None
    return tuple(refs), tuple(tensors)


def used(node: Node) -> tuple[str, ...]:
    """Return the tensors that a node reads or counts in."""
    return _reads(node)[1]


def prefixes(name: str) -> list[str]:
    """Return the modules that a name is below, outermost first, and the name."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
