"""Walk the edges of networks.

The *structure* of a network is its nodes' names and kinds, its edges and its outputs: all but the
attributes. Many networks of a repository share one, so what was found of it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, TypeVar

from dql.ast import Reach
from dql.ast.words import AUX, SEEN_THROUGH
from dql.backend import Network, Node

__all__ = ["Structure"]

_Found = TypeVar("_Found")
# A query asks but a few things of a structure; node by node it may be many. So many names are kept
# of what was found, for each node and besides.
_KEPT_PER_NODE = 4
_KEPT = 1_000


class Structure:
    """The structure of a network.

    Attributes:
        kinds: The kind of each node by name, in the network's order.
        after: For each node the nodes that take its output.
        wired: Whether the edges are known.
    """

    def __init__(self, network: Network) -> None:
        nodes = network.nodes
        self.kinds: dict[str, str] = {node.name: node.kind for node in nodes}
        self._inputs: dict[str, Sequence[str]] = {node.name: node.inputs for node in nodes}
        self._outputs = tuple(network.outputs)
        known: Mapping[str, Sequence[str]] | None = getattr(network, "readers", None)
        self.after = _readers(nodes) if known is None else known
        self.wired: bool = getattr(network, "wired", True)
        self._known: dict[Hashable, Any] = {}
        self._kept = 0

    def once(self, key: Hashable, find: Callable[[], _Found]) -> _Found:
        """Return what was found under a key of the structure; finds it the first time."""
        known = self._known
        if key in known:
            found: _Found = known[key]
            return found
        if self._kept >= _KEPT + _KEPT_PER_NODE * len(self.kinds):
            known.clear()
            self._kept = 0
        found = known[key] = find()
        self._kept += len(found) + 1 if isinstance(found, tuple) else 1
        return found

    @cached_property
    def order(self) -> dict[str, int]:
        """The number of each node in the network's order."""
        return {name: number for number, name in enumerate(self.kinds)}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the nodes, in the network's order."""
        return tuple(self.kinds)

    def beside(self, name: str, direction: Literal["next", "prev"]) -> Sequence[str]:
        """Return the nodes at the other ends of a node's edges."""
        if direction == "next":
            return self.after[name]
        return [each for each in dict.fromkeys(self._inputs[name]) if each in self.kinds]

    def inputs(self) -> tuple[str, ...]:
        """Return the nodes that read what comes into the network, in the network's order.

        They are those with an input that is no node; if there is none, those without inputs. Nodes
        that only arrange, AUX, are passed over.
        """
        return self.once("inputs", self._first)

    def _first(self) -> tuple[str, ...]:
        reading = [
            name
            for name, inputs in self._inputs.items()
            if any(each not in self.kinds for each in inputs)
        ]
        first = reading or [name for name, inputs in self._inputs.items() if not inputs]
        return self._working(first, "next")

    def outputs(self) -> tuple[str, ...]:
        """Return the nodes whose values the network returns, in the network's order.

        They are the network's `outputs`; if it has none, the nodes that nothing reads. AUX is
        passed over.
        """
        return self.once("outputs", self._last)

    def _last(self) -> tuple[str, ...]:
        returned = [each for each in self._outputs if each in self.kinds]
        last = returned or [name for name, readers in self.after.items() if not readers]
        return self._working(last, "prev")

    def _working(self, names: Sequence[str], direction: Literal["next", "prev"]) -> tuple[str, ...]:
        found, seen = set(), set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            if self.kinds[name] == AUX:
                todo += self.beside(name, direction)
            else:
                found.add(name)
        return tuple(sorted(found, key=self.order.__getitem__))

    def hop(
        self,
        names: Iterable[str],
        direction: Literal["next", "prev"],
        reach: Reach,
        named: frozenset[str] = frozenset(),
    ) -> tuple[str, ...]:
        """Return the nodes that a hop from some nodes comes to, in the network's order.

        Args:
            names: The nodes that it goes from.
            direction: Along the edges or against them.
            reach: `near`, `strict` or `any`.
            named: The kinds that a near hop stops at although it passes over such nodes.
        """
        begin = tuple(names)
        key = "hop", begin, direction, reach, named
        return self.once(key, lambda: self._reached(begin, direction, reach, named))

    def _reached(
        self,
        names: Sequence[str],
        direction: Literal["next", "prev"],
        reach: Reach,
        named: frozenset[str],
    ) -> tuple[str, ...]:
        passed = SEEN_THROUGH - named
        found: set[str] = set()
        seen: set[str] = set()
        todo = [each for name in names for each in self.beside(name, direction)]
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            through = reach == "near" and self.kinds[name] in passed
            if not through:
                found.add(name)
            if through or reach == "any":
                todo += self.beside(name, direction)
        return tuple(sorted(found, key=self.order.__getitem__))


def _readers(nodes: Sequence[Node]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {node.name: [] for node in nodes}
    for node in nodes:
        for name in dict.fromkeys(node.inputs):
            if name in found:
                found[name].append(node.name)
    return found
