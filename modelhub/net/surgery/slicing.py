"""Cut a part out of a network: the slice from some nodes to others.

What a `begin` node reads becomes an *input* of the part; all paths from there to an `end` node come
along, with what they need. What is made of sizes, weights and constants alone is made again in the
part; so are views and masks of what is an input. Any other value that crosses the cut becomes an
input too, under the name of the node that gave it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from modelhub.net import graph
from modelhub.net.arguments import Argument, Ref, Weight, references
from modelhub.net.graph import Group, Network, Node, Output, Tensor, Value, leaves
from modelhub.net.kinds import AUX
from modelhub.net.surgery.draft import Draft, mapped, mapped_output, used
from modelhub.net.surgery.edited import Edited, SurgeryError
from modelhub.net.surgery.sizes import numeric

__all__ = ["Part", "cut", "part"]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a network.

    Attributes:
        network: The part.
        inputs: For each of its inputs the value that it was in the whole.
        begins: Those of the inputs that the part begins with, by name.
    """

    network: Network
    inputs: dict[str, Ref]
    begins: tuple[str, ...]


@dataclass(slots=True)
class _Cut:
    """What is known of a cut: values that become inputs, and nodes that come along."""

    inputs: dict[Ref, None] = field(default_factory=dict)
    nodes: set[str] = field(default_factory=set)
    sizes: set[str] = field(default_factory=set)


def cut(network: Network, begin: Sequence[str], end: Sequence[str]) -> Edited:
    """Return the part of a network on the paths from some nodes to others.

    Weights keep their names; of tensors only those that are read come along, and the other names
    of these. Outputs are the values of the `end` nodes, a tuple if they are several; of a node with
    several values (an LSTM) the first, of a `split` all. A `begin` node that lies behind another is
    part of the path from that one. Takes time linear in the size of the network.

    Raises:
        SurgeryError: the network has no edges, there is no such node, or no path between them.
    """
    draft = Draft(network)
    if not end:
        raise SurgeryError("a slice needs at least one node to end at")
    outputs = tuple(itertools.chain.from_iterable(_results(draft, name) for name in end))
    whole: Output = outputs[0] if len(outputs) == 1 else Group("tuple", outputs)
    found = part(draft, begin, whole, end)
    kept = {t.name: (0, t.name) for t in found.network.tensors if t.role != "constant"}
    return Edited(found.network, kept, {})


def part(
    draft: Draft, begin: Sequence[str], outputs: Output, ends: Sequence[str] | None = None
) -> Part:
    """Return the part of a network from some nodes to some outputs.

    Args:
        draft: The network.
        begin: The nodes that it begins at.
        outputs: What the part returns.
        ends: The nodes that must lie behind one of `begin`; without it, those of the outputs that
            do, of which there must be one.

    Raises:
        SurgeryError: as for `cut`.
    """
    starts = _starts(draft, begin)
    behind = _behind(draft, starts)
    if ends is None:
        ends = [leaf.node for leaf in leaves(outputs) if isinstance(leaf, Ref)]
        ends = [name for name in ends if name in behind]
    _check_paths(draft, begin, behind, ends)
    wanted = [leaf for leaf in leaves(outputs) if isinstance(leaf, Ref)]
    found = _collect(draft, starts, behind, wanted)
    again = _made_again(draft, starts, found)
    if again:
        replaced = (again.get(ref, (ref,)) for ref in starts)
        starts = dict.fromkeys(itertools.chain.from_iterable(replaced))
        behind = _behind(draft, starts)
        found = _collect(draft, starts, behind, wanted)
    return _assemble(draft, found, outputs, starts)


def _starts(draft: Draft, begin: Sequence[str]) -> dict[Ref, None]:
    if not begin:
        raise SurgeryError("a slice needs at least one node to begin at")
    for name in begin:
        if not draft.carried(draft.node(name)):
            raise SurgeryError(f"{name} reads nothing that depends on the input")
    behind = _reached(draft, (reader for name in begin for reader in draft.readers(name)))
    first = [name for name in begin if name not in behind]
    return dict.fromkeys(ref for name in first for ref in draft.carried(draft.nodes[name]))


def _behind(draft: Draft, starts: Iterable[Ref]) -> set[str]:
    """Return the nodes that depend on some values, other than by sizes."""
    return _reached(
        draft,
        (
            reader
            for ref in starts
            for reader in draft.readers(ref.node)
            if ref in draft.reads(reader)
        ),
    )


def _reached(draft: Draft, names: Iterable[str]) -> set[str]:
    """Return some nodes and what depends on them, but for sizes."""
    found: set[str] = set()
    stack = list(names)
    while stack:
        name = stack.pop()
        if name not in found and draft.carries(name):
            found.add(name)
            stack.extend(draft.readers(name))
    return found


def _check_paths(draft: Draft, begin: Sequence[str], behind: set[str], ends: Sequence[str]) -> None:
    for name in ends:
        if name not in behind:
            raise SurgeryError(f"there is no path from {', '.join(begin[:4])} to {name}")
    before, stack = set(ends), list(ends)
    while stack:
        for source in draft.nodes[stack.pop()].inputs:
            if source in behind and source not in before:
                before.add(source)
                stack.append(source)
    for name in begin:
        if name not in before:
            last = ", ".join(ends[:4]) or "the output"
            raise SurgeryError(f"there is no path from {name} to {last}")


def _results(draft: Draft, name: str) -> tuple[Ref, ...]:
    node = draft.node(name)
    try:
        return (draft.main(node),)
    except SurgeryError:
        return tuple(Ref(name, index) for index in range(len(node.values)))


def _collect(
    draft: Draft, starts: dict[Ref, None], behind: set[str], wanted: Sequence[Ref]
) -> _Cut:
    """Go back from what is wanted to the inputs of the part."""
    found = _Cut()
    used_starts: set[Ref] = set()
    stack = list(wanted)
    seen: set[Ref] = set()
    while stack:
        ref = stack.pop()
        if ref in seen:
            continue
        seen.add(ref)
        node = draft.nodes.get(ref.node)
        if ref in starts:
            used_starts.add(ref)
        elif node is None or not _comes_along(draft, node, behind):
            found.inputs[ref] = None
        elif node.op == "sym.size" and not _inside(node, behind):
            found.sizes.add(node.name)
        elif node.name not in found.nodes:
            found.nodes.add(node.name)
            stack.extend(references(node.arguments))
    # The values that the part begins with come first, in the order that they were named in.
    extra = sorted(found.inputs, key=lambda ref: (ref.node, ref.index or 0))
    found.inputs = {ref: None for ref in (*starts, *extra) if ref in used_starts or ref in extra}
    return found


def _comes_along(draft: Draft, node: Node, behind: set[str]) -> bool:
    made_again = node.kind == AUX or draft.is_aside(node.name)
    return node.name in behind or made_again or not draft.carries(node.name)


def _inside(node: Node, behind: set[str]) -> bool:
    return all(source in behind for source in node.inputs)


def _made_again(draft: Draft, starts: dict[Ref, None], found: _Cut) -> dict[Ref, tuple[Ref, ...]]:
    """Return the beginnings that are views of other inputs of the part, and of which.

    Attention reads a view of what the skip around it reads: then that is the one input.
    """
    inputs = set(found.inputs)
    again: dict[Ref, tuple[Ref, ...]] = {}
    for start in starts:
        node = draft.nodes.get(start.node)
        if start not in inputs or node is None or node.kind != AUX:
            continue
        roots: dict[Ref, None] = {}
        stack = [start]
        while stack:
            ref = stack.pop()
            source = draft.nodes.get(ref.node)
            if source is not None and source.kind == AUX and (ref == start or ref not in inputs):
                stack.extend(draft.carried(source))
            else:
                roots[ref] = None
        if roots.keys() <= inputs - {start}:
            again[start] = tuple(roots)
    return again


def _assemble(draft: Draft, found: _Cut, outputs: Output, starts: dict[Ref, None]) -> Part:
    names: dict[Ref, str] = {}
    taken = {*found.nodes, *found.sizes}
    for ref in found.inputs:
        wish = ref.node if not ref.index else f"{ref.node}_{ref.index}"
        names[ref] = _free(wish, taken)
    inputs = {name: draft.value(ref) for ref, name in names.items()}
    sizes = _Rebased(draft, inputs, names)
    for name in draft.order:
        if name in found.sizes:
            sizes.add(draft.nodes[name], taken)

    def change(ref: Ref) -> Argument:
        if ref in names:
            return Ref(names[ref])
        return sizes.stands_for.get(ref.node, ref)

    nodes = [*sizes.nodes]
    for name in draft.order:
        if name in found.nodes:
            node = draft.nodes[name]
            arguments = {key: mapped(a, change) for key, a in node.arguments.items()}
            nodes.append(replace(node, arguments=arguments))
    new_outputs = mapped_output(
        outputs,
        lambda leaf: change(leaf) if isinstance(leaf, Ref) else leaf,  # type: ignore
    )
    network = Network(inputs, tuple(nodes), _tensors(draft, nodes, new_outputs), new_outputs)
    try:
        graph.check(network)
    except ValueError as error:
        raise SurgeryError(f"the slice would break a rule: {error}") from error
    begins = tuple(name for ref, name in names.items() if ref in starts)
    return Part(network, {name: ref for ref, name in names.items()}, begins)


def _free(wish: str, taken: set[str]) -> str:
    """Return the name wished for, or with a number behind it, and enter it."""
    numbered = (f"{wish}_{number}" for number in itertools.count(2))
    name = next(name for name in itertools.chain([wish], numbered) if name not in taken)
    taken.add(name)
    return name


def _tensors(draft: Draft, nodes: Sequence[Node], outputs: Output) -> tuple[Tensor, ...]:
    read = {name for node in nodes for name in used(node)}
    read |= {leaf.name for leaf in leaves(outputs) if isinstance(leaf, Weight)}
    groups = {other for name in read for other in draft.tied(name)}
    return tuple(tensor for name, tensor in draft.tensors.items() if name in groups)


class _Rebased:
    """Sizes of values that are not in the part, found on its inputs.

    `stands_for` says for each node that gave such a size what gives it now.
    """

    def __init__(self, draft: Draft, inputs: dict[str, Value], names: dict[Ref, str]) -> None:
        self.nodes: list[Node] = []
        self.stands_for: dict[str, Argument] = {}
        self._draft = draft
        self._inputs = inputs
        self._names = names
        self._places: dict[str, tuple[str, int]] = {}
        for name, value in inputs.items():
            self._learn(name, value)

    def _learn(self, name: str, value: Value) -> None:
        for place, size in enumerate(numeric(value.shape)):
            if isinstance(size, str):
                self._places.setdefault(size, (name, place))

    def add(self, node: Node, taken: set[str]) -> None:
        """Find what stands for a node that gives a size of a value."""
        (ref,) = references(node.arguments)
        shape = numeric(self._draft.value(ref).shape)
        dim = node.arguments.get("dim")
        size = shape[dim] if isinstance(dim, int) and -len(shape) <= dim < len(shape) else None
        if isinstance(size, int):
            self.stands_for[node.name] = size
            return
        if size not in self._places:
            found = self._divided(node, size, taken)
            if found:
                return
            # No input of the part has this size: the value itself has to be one.
            self._names[ref] = name = _free(ref.node, taken)
            self._inputs[name] = self._draft.value(ref)
            self._learn(name, self._inputs[name])
        if size is None:
            arguments: dict[str, Argument] = {**node.arguments, "self": Ref(self._names[ref])}
        else:
            source, place = self._places[size]
            arguments = {"self": Ref(source), "dim": place}
        self.nodes.append(replace(node, arguments=arguments))

    def _divided(self, node: Node, size: str | None, taken: set[str]) -> bool:
        """Find `s0` on an input that has `5*s0`."""
        for known, (source, place) in self._places.items():
            factor, _, rest = known.partition("*")
            if rest == size and factor.isdigit() and int(factor) > 1:
                whole = _free(f"{node.name}_whole", taken)
                self.nodes.append(
                    replace(node, name=whole, arguments={"self": Ref(source), "dim": place})
                )
                self.nodes.append(
                    replace(node, op="sym.floordiv", arguments={"a": Ref(whole), "b": int(factor)})
                )
                return True
        return False
