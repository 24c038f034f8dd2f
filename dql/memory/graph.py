"""Nodes of networks, and lineage.

A *node set* is some nodes of one network, in the network's order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from dql.backend import Network, Node, Version
from dql.memory.structure import Structure

__all__ = [
    "Lineage",
    "NodeSet",
    "WholeLineage",
    "Wiring",
    "ancestors",
    "common_ancestor",
    "descendants",
]


class Wiring:
    """A network's nodes by name, with its structure.

    Args:
        network: The network.
        structure: Its structure, if that is known already.
    """

    def __init__(self, network: Network, structure: Structure | None = None) -> None:
        self._network = network
        self.structure = Structure(network) if structure is None else structure

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """The nodes by name, in the network's order."""
        return _Nodes(self._network.nodes, self.structure.order)

    @property
    def names(self) -> Sequence[str]:
        """The names of the nodes, in the network's order."""
        return self.structure.names

    @property
    def wired(self) -> bool:
        """Whether the edges are known."""
        return self.structure.wired


class _Nodes(Mapping[str, Node]):
    __slots__ = ("_nodes", "_order")

    def __init__(self, nodes: Sequence[Node], order: Mapping[str, int]) -> None:
        self._nodes = nodes
        self._order = order

    def __getitem__(self, name: str) -> Node:
        return self._nodes[self._order[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._order)


@dataclass(frozen=True, slots=True)
class NodeSet:
    """Some nodes of a network."""

    wiring: Wiring
    names: Sequence[str]

    def nodes(self) -> list[Node]:
        """Return the nodes themselves."""
        return [self.wiring.nodes[name] for name in self.names]


class Lineage(Protocol):
    """Which version was made from which."""

    def parents(self, version: Version) -> Sequence[Version]:
        """Return the versions that one was made from, the main one first."""

    def children(self, version: Version) -> Sequence[Version]:
        """Return the versions made from one, in the order of the versions."""


class WholeLineage:
    """The lineage of versions that are all at hand."""

    def __init__(self, versions: Sequence[Version]) -> None:
        self.by_id = {version.id: version for version in versions}
        self._children: dict[str, list[Version]] = {version.id: [] for version in versions}
        for version in versions:
            for parent in dict.fromkeys(version.parents):
                if parent in self._children:
                    self._children[parent].append(version)

    def parents(self, version: Version) -> Sequence[Version]:
        """Return the versions that one was made from, the main one first."""
        return [self.by_id[each] for each in version.parents if each in self.by_id]

    def children(self, version: Version) -> Sequence[Version]:
        """Return the versions made from one."""
        return self._children.get(version.id, [])


def ancestors(lineage: Lineage, version: Version) -> list[Version]:
    """Return all that a version comes from, without itself, the nearest first."""
    return _reached(version, lineage.parents)


def descendants(lineage: Lineage, version: Version) -> list[Version]:
    """Return all that come from a version, without itself, the nearest first."""
    return _reached(version, lineage.children)


def common_ancestor(lineage: Lineage, one: Version, two: Version) -> Version | None:
    """Return the version nearest to `one` that both are or come from."""
    other = {two.id, *(each.id for each in ancestors(lineage, two))}
    return next((each for each in [one, *ancestors(lineage, one)] if each.id in other), None)


def _reached(version: Version, step: Callable[[Version], Sequence[Version]]) -> list[Version]:
    found: dict[str, Version] = {}
    level = [version]
    while level:
        level = [each for here in level for each in step(here) if each.id not in found]
        found.update((each.id, each) for each in level)
    found.pop(version.id, None)
    return list(found.values())
