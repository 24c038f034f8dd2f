"""Reduce a network to what queries ask of it: its *outline*.

An outline has the nodes' names, kinds, edges and attributes, and no shapes, arguments or tensors. A
*near hop* leads from a node to the next ones that do work: it passes over the kinds of
`SEEN_THROUGH`, unless it is such a kind that is looked for.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelhub.net.arguments import Ref
from modelhub.net.graph import Network, Node, leaves
from modelhub.net.kinds import AUX
from modelhub.net.layers import attributes_of

__all__ = ["SEEN_THROUGH", "Outline", "outline_of", "pairs_of", "wired"]

# Activations, dropout, and what only arranges or flattens. The query language has the same set.
SEEN_THROUGH = frozenset(
    {
        AUX, "DROPOUT", "FLATTEN", "RELU", "RELU6", "GELU", "SILU", "SIGMOID", "TANH",
        "LEAKY_RELU", "ELU", "HARDSWISH", "SOFTPLUS", "MISH", "GLU", "SHRINK",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outline:
    """The nodes of a network in its order, column by column.

    Attributes:
        inputs: The names of the network's inputs.
        names: The names of the nodes.
        kinds: Their kinds.
        sources: For each node what it reads, but sizes, by number: inputs count from 0, nodes go
            on behind the inputs.
        outputs: The inputs and nodes whose values the network returns, by number.
        attributes: For each node its attributes by name, as queries know them.
        executable: Whether edges are known; without them `sources` are empty.
        pairs: Pairs of kinds between which there is a near hop to the second.
        reads: For each node the names of the inputs and nodes that it reads.
        readers: For each node, by name, the nodes that read it; shared, so not to be changed.
        structure: The same object for outlines that were found to have the same inputs, names,
            kinds, edges and outputs; None if that was not looked at.
    """

    inputs: tuple[str, ...]
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    sources: tuple[tuple[int, ...], ...]
    outputs: tuple[int, ...]
    attributes: Sequence[Mapping[str, Any]]
    executable: bool = True
    pairs: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    reads: tuple[tuple[str, ...], ...] = ()
    readers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    structure: Hashable | None = None


def outline_of(network: Network) -> Outline:
    """Return the outline of a network, in time linear in its size."""
    inputs = tuple(network.inputs)
    numbers = {name: number for number, name in enumerate(inputs)}
    numbers |= {node.name: len(inputs) + at for at, node in enumerate(network.nodes)}
    kinds = tuple(node.kind for node in network.nodes)
    # Where a size is taken of a value, what reads the size does not follow the value.
    measures = {node.name for node in network.nodes if _is_number(node)}
    sources = tuple(
        tuple(numbers[name] for name in node.inputs if name not in measures)
        for node in network.nodes
    )
    returned = (leaf.node for leaf in leaves(network.outputs) if isinstance(leaf, Ref))
    attributes = attributes_of(network)
    names = tuple(node.name for node in network.nodes)
    reads, readers = wired(inputs, names, sources)
    return Outline(
        inputs=inputs,
        names=names,
        kinds=kinds,
        sources=sources,
        outputs=tuple(numbers[name] for name in dict.fromkeys(returned)),
        attributes=[attributes[node.name] for node in network.nodes],
        executable=network.executable,
        pairs=pairs_of(kinds, sources, len(inputs)),
        reads=reads,
        readers=readers,
    )


def _is_number(node: Node) -> bool:
    return node.kind == AUX and all(value.dtype == "int" for value in node.values)


def wired(
    inputs: Sequence[str], names: Sequence[str], sources: Sequence[Sequence[int]]
) -> tuple[tuple[tuple[str, ...], ...], dict[str, list[str]]]:
    """Return what each node reads, and what reads it, by names; see `Outline`."""
    both = (*inputs, *names)
    reads = tuple(tuple([both[source] for source in each]) for each in sources)
    readers: dict[str, list[str]] = {name: [] for name in names}
    for name, each in zip(names, reads, strict=True):
        for source in each:
            if source in readers:
                readers[source].append(name)
    return reads, readers


def pairs_of(
    kinds: Sequence[str], sources: Sequence[Iterable[int]], inputs: int
) -> frozenset[tuple[str, str]]:
    """Return the pairs of kinds (from, to) that a near hop to nodes of the second kind joins.

    Each node hands on to those it reads, as bits, the kinds that a hop from there would find: so
    one pass from the last node to the first is enough.
    """
    words = list(dict.fromkeys(kinds))
    bit = {word: 1 << number for number, word in enumerate(words)}
    found = [0] * len(kinds)
    for number in range(len(kinds) - 1, -1, -1):
        kind = kinds[number]
        offered = bit[kind] | (found[number] if kind in SEEN_THROUGH else 0)
        for source in sources[number]:
            if source >= inputs:
                found[source - inputs] |= offered
    of_kind: dict[str, int] = {}
    for kind, bits in zip(kinds, found, strict=True):
        of_kind[kind] = of_kind.get(kind, 0) | bits
    return frozenset(
        (kind, word) for kind, bits in of_kind.items() for word in words if bits & bit[word]
    )
