"""What two nodes are judged by when networks are aligned: see `modelhub.net.align`."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from modelhub.net.arguments import Argument
from modelhub.net.arguments import to_json as argument_to_json
from modelhub.net.graph import Network, Node
from modelhub.net.kinds import AUX

__all__ = ["Side", "forms"]

# Kinds that hold many different operations: of these only nodes of the same op pair.
_BY_OP = frozenset({AUX, "FUNC", "REDUCE", "OTHER"})


class Side:
    """What pairs are judged by: for each node the texts of its parts."""

    def __init__(self, network: Network) -> None:
        self.nodes = network.nodes
        self.index = {node.name: place for place, node in enumerate(network.nodes)}
        self.tensors = {tensor.name: tensor for tensor in network.tensors}
        self.kinds = [node.kind for node in network.nodes]
        self.attributes = [_attributes(node) | self._training(node) for node in network.nodes]
        self.shapes = [self._shapes(node) for node in network.nodes]
        readers: list[list[str]] = [[] for _ in network.nodes]
        self.before: list[tuple[str, ...]] = []
        for node in network.nodes:
            sources = [self.index[name] for name in node.inputs if name in self.index]
            self.before.append(tuple(self.kinds[source] for source in sources))
            for source in sources:
                readers[source].append(node.kind)
        self.after: list[tuple[str, ...]] = [tuple(kinds) for kinds in readers]

    def _shapes(self, node: Node) -> tuple[tuple[str, tuple[int, ...]], ...]:
        found = (self.tensors[name] for name in node.parameters)
        return tuple((t.name.rpartition(".")[2], t.shape) for t in found)

    def _training(self, node: Node) -> dict[str, Any]:
        """Return an attribute more where training leaves the parameters alone."""
        roles = {self.tensors[name].role for name in node.parameters} & {"parameter", "frozen"}
        return {"frozen": True} if roles == {"frozen"} else {}

    def form(self, place: int) -> Hashable:
        """Return all that two nodes have in common if one can stand for the other."""
        node = self.nodes[place]
        attributes = repr(sorted(self.attributes[place].items()))
        return self.group(place), node.op, attributes, self.shapes[place], forms(node)

    def group(self, place: int) -> Hashable:
        """Return what must be equal for a pair."""
        kind = self.kinds[place]
        return (kind, self.nodes[place].op.split(".")[:2][-1]) if kind in _BY_OP else kind


def _attributes(node: Node) -> dict[str, Any]:
    return {name: _plain(argument_to_json(argument)) for name, argument in node.attributes.items()}


def forms(node: Node) -> Hashable:
    """Return the shapes that a node gives; free sizes have other names in other networks."""
    return tuple(
        tuple(size if isinstance(size, int) else None for size in value.shape)
        for value in node.values
    )


def _plain(value: Argument | Any) -> Any:
    # One number stands for a list of equal ones.
    if isinstance(value, list) and value and all(item == value[0] for item in value):
        return value[0]
    return value
