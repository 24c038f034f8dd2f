"""Group the nodes of a network by the modules that they came from, for people to read.

A *block* is a run of nodes, one after the other in topological order, of one module; its children
are nodes and blocks. Because blocks are runs, edges between children never form a cycle; a module
that runs twice makes two blocks. Blocks with nothing beside one inner block are joined with it
(`encoder.layers`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from modelhub.net.arguments import Ref
from modelhub.net.graph import Network, Node, leaves
from modelhub.net.kinds import AUX

__all__ = ["Block", "Row", "blocks", "drawn_edges", "drawn_outputs", "group", "is_step", "rows"]

# Module paths may have 256 parts; what is deeper stays in the block above.
_DEPTH_MAX = 64
# Sources that an edge through nodes which only arrange values is followed back to, at most.
_SOURCES_MAX = 64


@dataclass(frozen=True, slots=True)
class Block:
    """A run of nodes of the module `path`; `label` is the part of the path that is its own."""

    path: str
    label: str
    children: tuple[Block | Node, ...]

    def nodes(self) -> Iterator[Node]:
        """Yield the nodes in it, in order."""
        for child in self.children:
            if isinstance(child, Node):
                yield child
            else:
                yield from child.nodes()


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a summary: a node, or a block; of `repeat` equal blocks one stands for all.

    `nodes` are all nodes that the row stands for, in all of the equal blocks.
    """

    depth: int
    label: str
    repeat: int
    node: Node | None
    nodes: tuple[Node, ...]


def is_step(node: Node) -> bool:
    """Whether a node computes or reads a tensor; the others only arrange values."""
    return node.kind != AUX or bool(node.parameters)


def blocks(network: Network, *, aux: bool = True) -> Block:
    """Return the outermost block, which holds all.

    Args:
        aux: Also take nodes that only arrange values.
    """
    return group([node for node in network.nodes if aux or is_step(node)])


def group(nodes: Sequence[Node]) -> Block:
    """Return the outermost block of some nodes, in their order."""
    paths = [tuple(node.module.split(".")[:_DEPTH_MAX]) if node.module else () for node in nodes]
    return Block("", "", tuple(_group(nodes, paths, 0, len(nodes), 0)))


def _group(
    nodes: Sequence[Node], paths: Sequence[tuple[str, ...]], begin: int, end: int, depth: int
) -> Iterator[Block | Node]:
    while begin < end:
        if len(paths[begin]) <= depth:
            yield nodes[begin]
            begin += 1
            continue
        part, stop = paths[begin][depth], begin + 1
        while stop < end and len(paths[stop]) > depth and paths[stop][depth] == part:
            stop += 1
        children = tuple(_group(nodes, paths, begin, stop, depth + 1))
        path = ".".join(paths[begin][: depth + 1])
        only = children[0]
        if len(children) == 1 and isinstance(only, Block):
            yield Block(only.path, f"{part}.{only.label}", only.children)
        elif len(children) == 1 and isinstance(only, Node):
            yield only
        else:
            yield Block(path, part, children)
        begin = stop


def rows(network: Network, *, aux: bool = True) -> list[Row]:
    """Return the lines of a summary, blocks before what they hold.

    Args:
        aux: Also give nodes that only arrange values.
    """
    return list(_rows(blocks(network, aux=aux), 0, _Forms(network, aux)))


def _rows(block: Block, depth: int, forms: _Forms) -> Iterator[Row]:
    children = block.children
    begin = 0
    while begin < len(children):
        child = children[begin]
        if isinstance(child, Node):
            begin += 1
            yield Row(depth, _label(child.name, block.path), 1, child, (child,))
            continue
        end = _run_end(children, begin, forms)
        run = [each for each in children[begin:end] if isinstance(each, Block)]
        begin = end
        repeat = len(run)
        label = f"{child.label}..{_number(run[-1].label)}" if repeat > 1 else child.label
        yield Row(depth, label, repeat, None, tuple(node for each in run for node in each.nodes()))
        yield from _rows(child, depth + 1, forms)


def _label(name: str, path: str) -> str:
    if name == path:
        return name.rpartition(".")[2]
    return name[len(path) + 1 :] if path and name.startswith(f"{path}.") else name


def _number(label: str) -> int:
    last = label.rpartition(".")[2]
    return int(last) if last.isascii() and last.isdigit() and len(last) < 19 else -1


def _run_end(children: Sequence[Block | Node], begin: int, forms: _Forms) -> int:
    """Return where the run of blocks ends that are numbered one after the other and equal."""
    first, end = children[begin], begin + 1
    if not isinstance(first, Block) or _number(first.label) < 0:
        return end
    while end < len(children):
        child = children[end]
        if (
            not isinstance(child, Block)
            or _number(child.label) != _number(first.label) + end - begin
        ):
            break
        if forms.of(child) != forms.of(first):
            break
        end += 1
    return end


class _Forms:
    """Tells what equal blocks have in common: all but names, and which block they read from."""

    def __init__(self, network: Network, aux: bool) -> None:
        edges = network.edges if aux else drawn_edges(network)
        nodes = [node for node in network.nodes if aux or is_step(node)]
        self._place = {node.name: place for place, node in enumerate(nodes)}
        self._shapes = {tensor.name: tensor.shape for tensor in network.tensors}
        self._sources: dict[str, list[str]] = {node.name: [] for node in nodes}
        for source, target in edges:
            self._sources[target].append(source)
        self._known: dict[int, Hashable] = {}

    def of(self, block: Block) -> Hashable:
        """Return the block's form."""
        found = self._known.get(id(block))
        if found is None:
            nodes = list(block.nodes())
            first = self._place[nodes[0].name]
            found = tuple(self._node(node, first) for node in nodes)
            self._known[id(block)] = found
        return found

    def _node(self, node: Node, first: int) -> Hashable:
        # repr: 1 and True are equal to Python, nan is not equal to itself.
        attributes = repr(sorted(node.attributes.items()))
        shapes = tuple(self._shapes[name] for name in node.parameters)
        # What comes from outside the block may come from anywhere.
        sources = tuple(
            max(self._place.get(name, -1) - first, -1) for name in self._sources[node.name]
        )
        return (node.op, node.stated_kind, attributes, node.values, shapes, sources)


def drawn_edges(network: Network) -> list[tuple[str, str]]:
    """Return the edges between inputs and steps, through nodes that only arrange values.

    Sizes are not followed: that a mask is as long as a text is no step of the work.
    """
    return _follow(network)[0]


def drawn_outputs(network: Network) -> tuple[str, ...]:
    """Return the inputs and steps that the outputs come from, each once."""
    sources = _follow(network)[1]
    found = (leaf.node for leaf in leaves(network.outputs) if isinstance(leaf, Ref))
    return tuple(dict.fromkeys(source for name in found for source in sources[name]))


def _follow(network: Network) -> tuple[list[tuple[str, str]], dict[str, tuple[str, ...]]]:
    sources: dict[str, tuple[str, ...]] = {name: (name,) for name in network.inputs}
    edges = []
    for node in network.nodes:
        found = dict.fromkeys(source for name in node.inputs for source in sources[name])
        kept = tuple(found)[:_SOURCES_MAX]
        if is_step(node):
            edges += [(source, node.name) for source in kept]
            sources[node.name] = (node.name,)
        elif node.values and node.values[0].dtype == "int":
            sources[node.name] = ()
        else:
            sources[node.name] = kept
    return edges, sources
