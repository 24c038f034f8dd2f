"""A backend whose networks can be cut and changed: small, for chains and simple forks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dql.backend import EditError, Layer, Value, Version
from dql.memory import MemoryNetwork, MemoryNode, MemoryVersion
from dql.memory.graph import Wiring
from dql.memory.structure import Structure
from tests.dql.execute.indexed import IndexedBackend


class EditingBackend(IndexedBackend):
    """Makes new versions; their ids count up. `calls` are the edits that were asked for."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        object.__setattr__(self, "calls", [])
        object.__setattr__(self, "_numbers", itertools.count(1))

    def made(self, name: str, parents: Sequence[str], nodes: Sequence[MemoryNode]) -> Version:
        return MemoryVersion(
            f"new{next(self._numbers)}",
            {"name": name},
            parents=parents,
            layers=MemoryNetwork(nodes),
        )

    def slice(
        self, version: Version, begin: Sequence[str], end: Sequence[str], name: str = ""
    ) -> Version:
        wiring = Wiring(_network(version))
        after = {*begin, *wiring.structure.hop(begin, "next", "any")}
        before = {*end, *wiring.structure.hop(end, "prev", "any")}
        kept = [node for name, node in wiring.nodes.items() if name in after & before]
        if not kept:
            raise EditError(f"there is no path from {begin[0]} to {end[0]}")
        return self.made(name or str(version.attributes["name"]), [version.id], kept)

    def edit(self, version: Version) -> ChainEditor:
        return ChainEditor(self, version)


def _network(version: Version) -> MemoryNetwork:
    network = version.network()
    if network is None:
        raise EditError("there is no network with edges")
    return network


class ChainEditor:
    """Edits a copy of a network."""

    def __init__(self, backend: EditingBackend, version: Version) -> None:
        self._backend = backend
        self._version = version
        self._parents = [version.id]
        self._nodes = list(_network(version).nodes)
        self._made = itertools.count(1)

    def network(self) -> MemoryNetwork:
        order: list[MemoryNode] = []
        left = {node.name: node for node in self._nodes}
        while left:
            ready = next(n for n in left.values() if not any(i in left for i in n.inputs))
            order.append(left.pop(ready.name))
        return MemoryNetwork(order)

    def _at(self, name: str) -> MemoryNode:
        return next(node for node in self._nodes if node.name == name)

    def _chain(self, chain: Sequence[Layer], inputs: Sequence[str]) -> list[MemoryNode]:
        made = []
        for layer in chain:
            name = layer.name or f"{layer.kind.lower()}_{next(self._made)}"
            if any(node.name == name for node in [*self._nodes, *made]):
                raise EditError(f"there is a node `{name}` already")
            made.append(MemoryNode(name, layer.kind, tuple(inputs), dict(layer.attributes)))
            inputs = [name]
        return made

    def _rewire(self, old: Sequence[str], new: Sequence[str], but: Sequence[MemoryNode]) -> None:
        kept = {node.name for node in but}
        self._nodes = [
            node
            if node.name in kept or not set(old) & set(node.inputs)
            else replace(
                node,
                inputs=tuple(
                    dict.fromkeys(x for i in node.inputs for x in (new if i in old else [i]))
                ),
            )
            for node in self._nodes
        ]

    def insert(self, node: str, chain: Sequence[Layer], *, before: bool = False) -> None:
        self._backend.calls.append(("insert", node, before))
        if before:
            made = self._chain(chain, self._at(node).inputs)
            self._nodes = [
                replace(each, inputs=(made[-1].name,)) if each.name == node else each
                for each in self._nodes
            ]
        else:
            made = self._chain(chain, [node])
            self._rewire([node], [made[-1].name], made)
        self._nodes += made

    def delete(self, node: str) -> None:
        found = self._at(node)
        self._nodes.remove(found)
        self._rewire([node], found.inputs, [])

    def delete_edge(self, node: str, reader: str) -> None:
        if len(self._at(reader).inputs) < 2:
            raise EditError(f"`{reader}` cannot do without its input")
        self._nodes = [
            replace(each, inputs=tuple(i for i in each.inputs if i != node))
            if each.name == reader
            else each
            for each in self._nodes
        ]

    def replace(self, nodes: Sequence[str], chain: Sequence[Layer]) -> None:
        self._backend.calls.append(("replace", tuple(nodes)))
        first = self._at(nodes[0])
        self._nodes = [node for node in self._nodes if node.name not in nodes]
        made = self._chain(chain, first.inputs)
        self._rewire([nodes[-1]], [made[-1].name], made)
        self._nodes += made

    def rename(self, names: Mapping[str, str]) -> None:
        self._nodes = [
            replace(
                node,
                name=names.get(node.name, node.name),
                inputs=tuple(names.get(i, i) for i in node.inputs),
            )
            for node in self._nodes
        ]

    def append(self, chain: Sequence[Layer]) -> None:
        self._nodes += self._chain(chain, Structure(self.network()).outputs())

    def prepend(self, chain: Sequence[Layer]) -> None:
        first = Structure(self.network()).inputs()
        made = self._chain(chain, ["x"])
        self._nodes = [
            replace(node, inputs=(made[-1].name,)) if node.name in first else node
            for node in self._nodes
        ]
        self._nodes += made

    def stitch(self, node: str, other: Version, reader: str) -> None:
        wiring = Wiring(_network(other))
        taken = {reader, *wiring.structure.hop([reader], "next", "any")}
        here = {node, *Structure(self.network()).hop([node], "prev", "any")}
        self._nodes = [each for each in self._nodes if each.name in here]
        self._nodes += [
            replace(each, inputs=(node,)) if name == reader else each
            for name, each in wiring.nodes.items()
            if name in taken
        ]
        self._parents.append(other.id)

    def repeat(self, nodes: Sequence[str], times: int) -> None:
        self._backend.calls.append(("repeat", tuple(nodes), times))
        last = nodes[-1]
        for number in range(1, times):
            made = self._chain(
                [Layer(self._at(n).kind, f"{n}_{number}", self._at(n).attributes) for n in nodes],
                [last],
            )
            self._rewire([last], [made[-1].name], made)
            self._nodes += made
            last = made[-1].name

    def change(self, node: str, attribute: str, value: Value) -> None:
        found = self._at(node)
        if attribute not in found.attributes:
            raise EditError(f"`{node}` has no `{attribute}`")
        attributes = {**found.attributes, attribute: value}
        self._nodes[self._nodes.index(found)] = replace(found, attributes=attributes)

    def freeze(self, nodes: Sequence[str], *, frozen: bool = True) -> None:
        self._backend.calls.append(("freeze", tuple(nodes), frozen))

    def finish(self, name: str) -> Version:
        return self._backend.made(name, self._parents, self.network().nodes)
