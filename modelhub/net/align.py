"""Align two networks: which node of one is which node of the other, and what became of it.

Both networks list their nodes in topological order. The alignment is the pair of common
subsequences of most weight: only nodes of one kind pair, and a pair weighs more the more of op,
attributes, parameter shapes, name and neighbours agree. The best one is found by dynamic
programming over rows (Needleman and Wunsch, J. Mol. Biol. 48, 1970, without a price for gaps),
split in halves where the table would be large, so that memory stays linear (Hirschberg, CACM 18(6),
1975). Time is that of comparing all pairs: a few seconds for 20,000 nodes on both sides. What is
left over is paired then if it only moved, or if it stands in the same place of the graph.
A pair that has nothing in common but its kind is none.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelhub.net.align_runs import moved, replaced, slide
from modelhub.net.align_side import Side, forms
from modelhub.net.graph import Network
from modelhub.net.kinds import AUX
from modelhub.net.subsequence import common, encode, increasing

__all__ = ["Alignment", "Edge", "Match", "align"]

Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Match:
    """A node of the left network and the node of the right one that it became.

    Attributes:
        changes: What differs: (attribute, left, right) for kind, op, mode, attributes and the
            shapes of parameters; a side that lacks it has None.
        moved: Whether it stands elsewhere in the order.
    """

    left: str
    right: str
    changes: tuple[tuple[str, Any, Any], ...] = ()
    moved: bool = False

    @property
    def renamed(self) -> bool:
        """Whether the names differ."""
        return self.left != self.right


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the right network differs from the left one.

    Attributes:
        matches: The pairs, in the order of the left network.
        removed: Nodes of the left network without a partner, in order.
        added: Nodes of the right network without a partner, in order.
        edges_removed: Edges of the left network that the right one lacks, by names on the left.
        edges_added: Edges of the right network that the left one lacks, by names on the right.
        inputs: Pairs of names of inputs, by name, else by place.
    """

    matches: tuple[Match, ...]
    removed: tuple[str, ...]
    added: tuple[str, ...]
    edges_removed: tuple[Edge, ...]
    edges_added: tuple[Edge, ...]
    inputs: tuple[tuple[str, str], ...] = ()

    @property
    def changed(self) -> tuple[Match, ...]:
        """The pairs with changes."""
        return tuple(match for match in self.matches if match.changes)

    @property
    def renamed(self) -> tuple[Match, ...]:
        """The pairs with different names."""
        return tuple(match for match in self.matches if match.renamed)

    @property
    def same(self) -> bool:
        """Whether nothing differs, names included."""
        rest = (self.removed, self.added, self.edges_removed, self.edges_added)
        return not any(rest) and not any(m.changes or m.renamed or m.moved for m in self.matches)


def align(left: Network, right: Network) -> Alignment:
    """Return the alignment of two networks; equal networks give equal results every time."""
    sides = Side(left), Side(right)
    pairs = common(*encode(_parts(sides[0]), _parts(sides[1])))
    a, b = sides
    match = {i: j for i, j in pairs if not _by_chance(sides[0], i, sides[1], j)}
    slide(a, b, match)
    back = {j: i for i, j in match.items()}
    slide(b, a, back)
    match = {i: j for j, i in back.items()}
    match |= moved(a, b, match)
    match |= replaced(a, b, match)
    ordered = sorted(match.items())
    in_order = increasing([j for _, j in ordered])
    matches = tuple(
        Match(a.nodes[i].name, b.nodes[j].name, _changes(a, b, i, j), moved=place not in in_order)
        for place, (i, j) in enumerate(ordered)
    )
    inputs = _inputs(left, right)
    names = {m.left: m.right for m in matches} | dict(inputs)
    names_back = {after: before for before, after in names.items()}
    taken = set(match.values())
    return Alignment(
        matches=matches,
        removed=tuple(node.name for i, node in enumerate(a.nodes) if i not in match),
        added=tuple(node.name for j, node in enumerate(b.nodes) if j not in taken),
        edges_removed=_edges_without(left, right, names),
        edges_added=_edges_without(right, left, names_back),
        inputs=inputs,
    )


def _parts(side: Side) -> list[Iterable[Hashable]]:
    """Return what a node is judged by, part by part, in the order that `subsequence` weighs."""
    places = range(len(side.nodes))
    return [
        [side.group(place) for place in places],
        [node.op for node in side.nodes],
        [repr(sorted(found.items())) for found in side.attributes],
        side.shapes,
        [forms(node) for node in side.nodes],
        [node.name for node in side.nodes],
        side.before,
        side.after,
    ]


def _by_chance(a: Side, i: int, b: Side, j: int) -> bool:
    """Whether a pair has nothing in common but its kind: other name, weights and neighbours."""
    return (
        a.nodes[i].name != b.nodes[j].name
        and a.shapes[i] != b.shapes[j]
        and not _alike(a.before[i], b.before[j])
        and not _alike(a.after[i], b.after[j])
    )


def _alike(mine: tuple[str, ...], its: tuple[str, ...]) -> bool:
    # That both have something beside them that only arranges values says nothing.
    return mine == its and any(kind != AUX for kind in mine)


def _changes(a: Side, b: Side, i: int, j: int) -> tuple[tuple[str, Any, Any], ...]:
    left, right = a.nodes[i], b.nodes[j]
    parts: list[tuple[str, Any, Any]] = [("kind", left.kind, right.kind)]
    base_a, base_b = left.op.split(".")[:2][-1], right.op.split(".")[:2][-1]
    if left.mode != right.mode:
        parts.append(("mode", left.mode or None, right.mode or None))
    elif left.kind == right.kind:
        parts.append(("op", base_a, base_b))
    sides = [(_learned(a, i), _learned(b, j))]
    if sides[0][0] == sides[0][1]:
        sides = [(dict(a.shapes[i]), dict(b.shapes[j]))]
    # Attributes that only one of two ops has say nothing beyond that the ops differ.
    if base_a == base_b:
        sides.insert(0, (a.attributes[i], b.attributes[j]))
    for mine, its in sides:
        parts += ((name, mine.get(name), its.get(name)) for name in dict.fromkeys((*mine, *its)))
    return tuple(part for part in parts if part[1] != part[2])


def _learned(side: Side, place: int) -> dict[str, Any]:
    """Return the shapes of parameters alone: buffers change with them, which says no more."""
    names = {
        name.rpartition(".")[2]
        for name in side.nodes[place].parameters
        if side.tensors[name].role in ("parameter", "frozen")
    }
    return {name: shape for name, shape in side.shapes[place] if name in names}


def _inputs(left: Network, right: Network) -> tuple[tuple[str, str], ...]:
    names = [name for name in left.inputs if name in right.inputs]
    rest_a = [name for name in left.inputs if name not in names]
    rest_b = [name for name in right.inputs if name not in names]
    return (*((name, name) for name in names), *zip(rest_a, rest_b, strict=False))


def _edges_without(network: Network, other: Network, names: Mapping[str, str]) -> tuple[Edge, ...]:
    """Return the edges whose image under `names` the other network lacks."""
    there = set(other.edges)
    return tuple(
        (source, target)
        for source, target in network.edges
        if (names.get(source), names.get(target)) not in there
    )
