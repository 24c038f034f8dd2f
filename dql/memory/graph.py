"""Walk networks and lineage.

A *node set* is some nodes of one network, in the network's order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

from dql.ast import Reach
from dql.ast.words import AUX, SEEN_THROUGH
from dql.backend import Network, Node, Version

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
    """A network's nodes by name, with what each one's output goes to."""

    def __init__(self, network: Network) -> None:
        nodes = network.nodes
        self.nodes = {node.name: node for node in nodes}
        known: Mapping[str, Sequence[str]] | None = getattr(network, "readers", None)
        self.after = _readers(nodes) if known is None else known
        self._network = network

    @cached_property
    def order(self) -> dict[str, int]:
        """The number of each node in the network's order."""
        return {name: number for number, name in enumerate(self.nodes)}

    def beside(self, name: str, direction: Literal["next", "prev"]) -> Sequence[str]:
        """Return the nodes at the other ends of a node's edges."""
        if direction == "next":
            return self.after[name]
        return [each for each in dict.fromkeys(self.nodes[name].inputs) if each in self.nodes]

    def inputs(self) -> list[str]:
        """Return the nodes that read what comes into the network, in the network's order.

        They are those with an input that is no node; if there is none, those without inputs. Nodes
        that only arrange, AUX, are passed over.
        """
        reading = [
            name
            for name, node in self.nodes.items()
            if any(each not in self.nodes for each in node.inputs)
        ]
        first = reading or [name for name, node in self.nodes.items() if not node.inputs]
        return self._working(first, "next")

    def outputs(self) -> list[str]:
        """Return the nodes whose values the network returns, in the network's order.

        They are the network's `outputs`; if it has none, the nodes that nothing reads. AUX is
        passed over.
        """
        returned = [each for each in self._network.outputs if each in self.nodes]
        last = returned or [name for name, readers in self.after.items() if not readers]
        return self._working(last, "prev")

    def _working(self, names: Sequence[str], direction: Literal["next", "prev"]) -> list[str]:
        found, seen = set(), set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            if self.nodes[name].kind == AUX:
                todo += self.beside(name, direction)
            else:
                found.add(name)
        return sorted(found, key=self.order.__getitem__)

    def hop(
        self,
        names: Iterable[str],
        direction: Literal["next", "prev"],
        reach: Reach,
        named: frozenset[str] = frozenset(),
    ) -> list[str]:
        """Return the nodes that a hop from some nodes comes to, in the network's order.

        Args:
            named: The kinds that a near hop stops at although it passes over such nodes.
        """
        passed = SEEN_THROUGH - named
        found: set[str] = set()
        seen: set[str] = set()
        todo = [each for name in names for each in self.beside(name, direction)]
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            through = reach == "near" and self.nodes[name].kind in passed
            if not through:
                found.add(name)
            if through or reach == "any":
                todo += self.beside(name, direction)
        return sorted(found, key=self.order.__getitem__)


def _readers(nodes: Sequence[Node]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {node.name: [] for node in nodes}
    for node in nodes:
        for name in dict.fromkeys(node.inputs):
            if name in found:
                found[name].append(node.name)
    return found


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
