"""Put what a box holds into layers and order each layer, so that few edges cross.

The method is Sugiyama's (IEEE Trans. SMC 11(2), 1981): layers by longest paths, *bends* where an
edge passes a layer, then sweeps that order each layer by the mean place of its neighbours. Boxes
are laid out one by one: an edge that leaves a box is drawn to its border. No step is random: equal
graphs give equal drawings.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelhub.report.graph import Box, Edge, Graph, Step

__all__ = ["Item", "Plan", "plans"]

# Sweeps down and up; more than a few change little.
_SWEEPS = 4
# Bends for each child, on average; edges beyond that run straight.
_BENDS_PER_CHILD = 6


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in a layer: a step or box by its id, a bend, or the entry or exit of the box."""

    kind: str
    id: int = -1


@dataclass(frozen=True, slots=True)
class Plan:
    """What one box holds: items, the layers that they are in, and links along them.

    Attributes:
        layers: For each layer the indices of its items, left to right.
        links: Indices of items that a line goes through, first to last.
        sides: For each link, whether each side has it.
    """

    items: tuple[Item, ...]
    layers: tuple[tuple[int, ...], ...]
    links: tuple[tuple[int, ...], ...]
    sides: tuple[tuple[bool, ...], ...]


def plans(graph: Graph) -> dict[int, Plan]:
    """Return the plan of each box by its id."""
    homes: dict[int, tuple[Box | Step, ...]] = {}
    _find_homes(graph.root, (), homes)
    links: dict[int, dict[tuple[int, int], tuple[bool, ...]]] = {}
    for edge in graph.edges:
        for box, source, target in _parts(edge, homes):
            drawn = links.setdefault(box, {})
            before = drawn.get((source, target), (False,) * len(edge.sides))
            drawn[source, target] = tuple(map(operator.or_, before, edge.sides))
    return {box.id: _plan(box, links.get(box.id, {})) for box in _boxes(graph.root)}


# Numbers of the entry and exit of a box among its children.
_ENTRY, _EXIT = -1, -2


def _find_homes(
    box: Box, above: tuple[Box | Step, ...], homes: dict[int, tuple[Box | Step, ...]]
) -> None:
    for child in box.children:
        path = (*above, box)
        if isinstance(child, Step):
            homes[child.id] = (*path, child)
        else:
            _find_homes(child, path, homes)


def _boxes(box: Box) -> Iterable[Box]:
    yield box
    for child in box.children:
        if isinstance(child, Box):
            yield from _boxes(child)


def _parts(
    edge: Edge, homes: Mapping[int, tuple[Box | Step, ...]]
) -> Iterable[tuple[int, int, int]]:
    """Cut an edge at the borders it crosses: (box, from, to) by the ids of its children."""
    up, down = homes[edge.source], homes[edge.target]
    same = 0
    while up[same] is down[same]:
        same += 1
    yield up[same - 1].id, _key(up[same]), _key(down[same])
    for box, child in zip(up[same:-1], up[same + 1 :], strict=True):
        yield box.id, _key(child), _EXIT
    for box, child in zip(down[same:-1], down[same + 1 :], strict=True):
        yield box.id, _ENTRY, _key(child)


def _key(child: Box | Step) -> int:
    """Return one number for steps and boxes together; entry and exit have those below 0."""
    return 2 * child.id + (1 if isinstance(child, Box) else 0)


def _plan(box: Box, found: Mapping[tuple[int, int], tuple[bool, ...]]) -> Plan:
    items = [Item("box" if isinstance(c, Box) else "step", c.id) for c in box.children]
    number = {_key(child): index for index, child in enumerate(box.children)}
    if any(source == _ENTRY for source, _ in found):
        number[_ENTRY] = len(items)
        items.append(Item("entry"))
    if any(target == _EXIT for _, target in found):
        number[_EXIT] = len(items)
        items.append(Item("exit"))
    edges = sorted((number[s], number[t], sides) for (s, t), sides in found.items())
    layer = _layers(items, edges, len(box.children))
    links: list[tuple[int, ...]] = []
    room = _BENDS_PER_CHILD * len(items)
    for source, target, _ in edges:
        between = range(layer[source] + 1, layer[target])
        if len(between) > room:
            between = range(0)
        room -= len(between)
        bends = []
        for place in between:
            bends.append(len(items))
            items.append(Item("bend"))
            layer.append(place)
        links.append((source, *bends, target))
    rows: list[list[int]] = [[] for _ in range(max(layer, default=-1) + 1)]
    for index, place in enumerate(layer):
        rows[place].append(index)
    _order(rows, layer, links)
    return Plan(
        tuple(items), tuple(map(tuple, rows)), tuple(links), tuple(sides for *_, sides in edges)
    )


def _layers(
    items: Sequence[Item], edges: Sequence[tuple[int, int, tuple[bool, ...]]], children: int
) -> list[int]:
    """Return the layer of each item: one below the lowest that it reads."""
    entry = any(item.kind == "entry" for item in items)
    layer = [1 if entry and item.kind != "entry" else 0 for item in items]
    readers: dict[int, list[int]] = {}
    read = set()
    # Children are in topological order and edges sorted by source, so a source's layer is final.
    for source, target, _ in edges:
        if target < children:
            layer[target] = max(layer[target], layer[source] + 1)
            readers.setdefault(source, []).append(target)
            read.add(target)
    # What reads nothing stands close to what reads it, not at the top.
    for index in range(children - 1, -1, -1):
        if index not in read and index in readers:
            layer[index] = min(layer[reader] for reader in readers[index]) - 1
    last = max(layer, default=0)
    return [last + 1 if item.kind == "exit" else at for item, at in zip(items, layer, strict=True)]


def _order(rows: list[list[int]], layer: Sequence[int], links: Sequence[Sequence[int]]) -> None:
    """Order each row by the mean place of its neighbours in the row above, or below."""
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for link in links:
        for upper, lower in itertools.pairwise(link):
            if layer[lower] == layer[upper] + 1:
                above.setdefault(lower, []).append(upper)
                below.setdefault(upper, []).append(lower)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        place = {item: spot for row in rows for spot, item in enumerate(row)}
        for row in rows if down else reversed(rows):
            means = {}
            for spot, item in enumerate(row):
                near = [place[other] for other in neighbours.get(item, ())]
                means[item] = sum(near) / len(near) if near else float(spot)
            row.sort(key=lambda item: means[item])
            place.update((item, spot) for spot, item in enumerate(row))
