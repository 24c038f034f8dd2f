"""Align two networks: which node of one is which node of the other, and what became of it.

Both networks list their nodes in topological order. The alignment is the pair of common
subsequences of most weight: only nodes of one kind pair, and a pair weighs more the more of op,
attributes, parameter shapes, name and neighbours agree. The best one is found by dynamic
programming over rows (Needleman and Wunsch, J. Mol. Biol. 48, 1970, without a price for gaps),
split in halves where the table would be large, so that memory stays linear (Hirschberg, CACM 18(6),
1975). Time is that of comparing all pairs: a few seconds for 20,000 nodes on both sides. What is
left over is paired then if it only moved, or if it stands in the same place of the graph.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelhub.net.arguments import Argument
from modelhub.net.arguments import to_json as argument_to_json
from modelhub.net.graph import Network, Node
from modelhub.net.kinds import AUX

__all__ = ["Alignment", "Edge", "Match", "align"]

Ints = np.ndarray[Any, np.dtype[np.int32]]
Edge = tuple[str, str]

# What a pair weighs. One pair more always beats better agreement of a single one, up to about 3
# pairs for 1; a name alone never pulls two nodes together that differ in all else.
_PAIR = 8
# In the order of `_encode`: op, attributes, shapes of parameters and of values, name, kinds before,
# kinds after. Shapes weigh more than names: in a deeper network the old names are on other layers.
_WEIGHTS = tuple(map(np.int8, (2, 3, 4, 3, 3, 1, 1)))
# Cells of a table that is kept whole (4 bytes each); larger ones are split.
_CELLS_MAX = 4_000_000
# Places that a run of nodes without a partner is moved by, at most: more than a block has.
_SHIFT_MAX = 256
# Kinds that hold many different operations: of these only nodes of the same op pair.
_BY_OP = frozenset({AUX, "FUNC", "REDUCE", "OTHER"})


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
    sides = _Side(left), _Side(right)
    codes = _encode(*sides)
    pairs = _common(*codes)
    a, b = sides
    match = dict(pairs)
    _slide(a, b, match)
    back = {j: i for i, j in match.items()}
    _slide(b, a, back)
    match = {i: j for j, i in back.items()}
    match |= _moved(a, b, match)
    match |= _replaced(a, b, match)
    ordered = sorted(match.items())
    in_order = _increasing([j for _, j in ordered])
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


class _Side:
    """What pairs are judged by: for each node the texts of its parts."""

    def __init__(self, network: Network) -> None:
        self.nodes = network.nodes
        self.index = {node.name: place for place, node in enumerate(network.nodes)}
        self.tensors = {tensor.name: tensor for tensor in network.tensors}
        self.kinds = [node.kind for node in network.nodes]
        self.attributes = [_attributes(node) for node in network.nodes]
        self.shapes = [self._shapes(node) for node in network.nodes]
        readers: list[list[str]] = [[] for _ in network.nodes]
        self.before: list[Hashable] = []
        for node in network.nodes:
            sources = [self.index[name] for name in node.inputs if name in self.index]
            self.before.append(tuple(self.kinds[source] for source in sources))
            for source in sources:
                readers[source].append(node.kind)
        self.after: list[Hashable] = [tuple(kinds) for kinds in readers]

    def _shapes(self, node: Node) -> tuple[tuple[str, tuple[int, ...]], ...]:
        found = (self.tensors[name] for name in node.parameters)
        return tuple((t.name.rpartition(".")[2], t.shape) for t in found)

    def form(self, place: int) -> Hashable:
        """Return all that two nodes have in common if one can stand for the other."""
        node = self.nodes[place]
        attributes = repr(sorted(self.attributes[place].items()))
        return self.group(place), node.op, attributes, self.shapes[place], _forms(node)

    def group(self, place: int) -> Hashable:
        """Return what must be equal for a pair."""
        kind = self.kinds[place]
        return (kind, self.nodes[place].op.split(".")[:2][-1]) if kind in _BY_OP else kind


def _attributes(node: Node) -> dict[str, Any]:
    return {name: _plain(argument_to_json(argument)) for name, argument in node.attributes.items()}


def _forms(node: Node) -> Hashable:
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


def _encode(a: _Side, b: _Side) -> tuple[_Codes, _Codes]:
    """Return for both sides the same numbers for the same kinds, ops, attributes and so on."""
    lists: list[Callable[[_Side], Iterable[Hashable]]] = [
        lambda side: [side.group(place) for place in range(len(side.nodes))],
        lambda side: [node.op for node in side.nodes],
        lambda side: [repr(sorted(found.items())) for found in side.attributes],
        lambda side: side.shapes,
        lambda side: [_forms(node) for node in side.nodes],
        lambda side: [node.name for node in side.nodes],
        lambda side: side.before,
        lambda side: side.after,
    ]
    left: list[Ints] = []
    right: list[Ints] = []
    for texts in lists:
        numbers: dict[Hashable, int] = {}
        for side, codes in ((a, left), (b, right)):
            found = [numbers.setdefault(text, len(numbers)) for text in texts(side)]
            codes.append(np.array(found, np.int32))
    return _Codes(left), _Codes(right)


class _Codes:
    """The numbers of one side, forwards or backwards, and where each group of nodes stands."""

    def __init__(self, codes: Sequence[Ints]) -> None:
        self.codes = codes
        order = np.argsort(codes[0], kind="stable")
        groups, begins = np.unique(codes[0][order], return_index=True)
        places = np.split(order, begins[1:]) if len(groups) else []
        # Of each group the places and, side by side in memory, the other numbers there.
        self.groups = {
            int(group): (there, [code[there] for code in codes[1:]])
            for group, there in zip(groups, places, strict=True)
        }

    def __len__(self) -> int:
        return len(self.codes[0])

    def backwards(self) -> _Codes:
        """Return the numbers in the other order."""
        return _Codes([code[::-1] for code in self.codes])


def _common(left: _Codes, right: _Codes) -> list[tuple[int, int]]:
    """Return the pairs of the heaviest common subsequence, by places."""
    pairs: list[tuple[int, int]] = []
    low, high_a, high_b = 0, len(left), len(right)
    # What agrees in everything at both ends is in a best alignment anyway.
    while low < min(high_a, high_b) and _agree(left, low, right, low):
        pairs.append((low, low))
        low += 1
    while min(high_a, high_b) > low and _agree(left, high_a - 1, right, high_b - 1):
        high_a, high_b = high_a - 1, high_b - 1
        pairs.append((high_a, high_b))
    backwards = left.backwards(), right.backwards()
    stack = [(low, high_a, low, high_b)]
    while stack:
        a0, a1, b0, b1 = stack.pop()
        if a0 == a1 or b0 == b1:
            continue
        if (a1 - a0 + 1) * (b1 - b0 + 1) <= _CELLS_MAX or a1 - a0 == 1:
            pairs += _table(left, right, a0, a1, b0, b1)
            continue
        middle = (a0 + a1) // 2
        upper = _last_row(left, right, range(a0, middle), b0, b1)
        rows = range(len(left) - a1, len(left) - middle)
        lower = _last_row(*backwards, rows, len(right) - b1, len(right) - b0)[::-1]
        split = b0 + int(np.argmax(upper + lower))
        stack += [(middle, a1, split, b1), (a0, middle, b0, split)]
    return pairs


def _agree(left: _Codes, i: int, right: _Codes, j: int) -> bool:
    return all(a[i] == b[j] for a, b in zip(left.codes, right.codes, strict=True))


def _next_row(above: Ints, left: _Codes, i: int, right: _Codes, b0: int, b1: int) -> Ints:
    """Return the next row of the table: the best weights with one node of the left more."""
    row = above.copy()
    group = right.groups.get(int(left.codes[0][i]))
    if group is None:
        return row
    places, codes = group
    part = slice(*np.searchsorted(places, (b0, b1)))
    spots = places[part] - b0
    weights = np.full(len(spots), _PAIR, np.int8)
    for weight, mine, its in zip(_WEIGHTS, left.codes[1:], codes, strict=True):
        weights += (its[part] == mine[i]) * weight
    row[spots + 1] = np.maximum(row[spots + 1], above[spots] + weights)
    return np.asarray(np.maximum.accumulate(row), np.int32)


def _last_row(left: _Codes, right: _Codes, rows: range, b0: int, b1: int) -> Ints:
    row: Ints = np.zeros(b1 - b0 + 1, np.int32)
    for i in rows:
        row = _next_row(row, left, i, right, b0, b1)
    return row


def _table(
    left: _Codes, right: _Codes, a0: int, a1: int, b0: int, b1: int
) -> list[tuple[int, int]]:
    table: Ints = np.zeros((a1 - a0 + 1, b1 - b0 + 1), np.int32)
    for row in range(a1 - a0):
        table[row + 1] = _next_row(table[row], left, a0 + row, right, b0, b1)
    pairs = []
    i, j = a1 - a0, b1 - b0
    while i and j:
        here = table[i, j]
        if here == table[i - 1, j]:
            i -= 1
        elif here == table[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((a0 + i, b0 + j))
    return pairs


def _slide(side: _Side, other: _Side, match: dict[int, int]) -> None:
    """Move runs of nodes without a partner so that they begin and end where modules do.

    Of `A B A B A B` with a new `A B` in it any `A B` or `B A` could be the new one; people mean a
    whole block. What stands behind such a run then changes places with what it begins with.
    """
    place, count = 0, len(side.nodes)
    while place < count:
        if place in match:
            place += 1
            continue
        begin = place
        while place < count and place not in match:
            place += 1
        shift = _best_shift(side, other, match, begin, place)
        for step in range(shift):
            match[begin + step] = match.pop(place + step)
        for step in range(-shift):
            match[place - 1 - step] = match.pop(begin - 1 - step)
        place += max(shift, 0)


def _best_shift(side: _Side, other: _Side, match: Mapping[int, int], begin: int, end: int) -> int:
    best, least = 0, _cut_depth(side, begin, end)
    for direction in (1, -1):
        for step in range(1, _SHIFT_MAX + 1):
            shift = step * direction
            # The node that the run takes in, and the one that it gives free instead.
            taken, freed = (
                (end + shift - 1, begin + shift - 1)
                if direction > 0
                else (begin + shift, end + shift)
            )
            if taken not in match or side.form(taken) != side.form(freed):
                break
            # Nodes that kept their name are who they are.
            if side.nodes[taken].name == other.nodes[match[taken]].name:
                break
            depth = _cut_depth(side, begin + shift, end + shift)
            if depth < least:
                best, least = shift, depth
    return best


def _cut_depth(side: _Side, begin: int, end: int) -> int:
    """Return how many modules the two ends of a run cut through."""

    def shared(place: int) -> int:
        if not 0 < place < len(side.nodes):
            return 0
        above, below = (node.module.split(".") for node in side.nodes[place - 1 : place + 1])
        same = zip(above, below, strict=False)
        return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], same))

    return shared(begin) + shared(end)


def _moved(a: _Side, b: _Side, match: Mapping[int, int]) -> dict[int, int]:
    """Pair what is left over by name and kind: it only stands elsewhere in the order."""
    taken = set(match.values())
    found = {}
    for i, node in enumerate(a.nodes):
        j = b.index.get(node.name)
        if i not in match and j is not None and j not in taken and a.group(i) == b.group(j):
            found[i] = j
    return found


def _replaced(a: _Side, b: _Side, match: Mapping[int, int]) -> dict[int, int]:
    """Pair what is left over and reads the same nodes, if nothing else left over does.

    So a GELU in the place of a ReLU is a change of kind, not one node less and one more.
    """
    taken = set(match.values())
    if len(match) == len(a.nodes) or len(taken) == len(b.nodes):
        return {}
    names = {a.nodes[i].name: b.nodes[j].name for i, j in match.items()}
    places: dict[tuple[str, ...], list[int]] = {}
    for j, node in enumerate(b.nodes):
        if j not in taken and node.inputs:
            places.setdefault(node.inputs, []).append(j)
    wished: dict[int, list[int]] = {}
    for i, node in enumerate(a.nodes):
        if i in match or not node.inputs:
            continue
        there = places.get(tuple(names.get(name, "") for name in node.inputs), ())
        # A node with parameters and one without do different work.
        alike = [
            j for j in there if bool(a.shapes[i]) == bool(b.shapes[j]) and _plainly(a, i, b, j)
        ]
        if len(alike) == 1:
            wished.setdefault(alike[0], []).append(i)
    return {places[0]: j for j, places in wished.items() if len(places) == 1}


def _plainly(a: _Side, i: int, b: _Side, j: int) -> bool:
    """Whether two nodes of different kinds may be one that was replaced."""
    return (
        (a.kinds[i] == AUX) == (b.kinds[j] == AUX)
        and bool(a.after[i]) == bool(b.after[j])
        and (a.after[i] == b.after[j] or a.nodes[i].name == b.nodes[j].name)
    )


def _increasing(places: Sequence[int]) -> set[int]:
    """Return the indices of a longest increasing run of numbers: what has not moved."""
    tails: list[int] = []
    before: list[int] = []
    values: list[int] = []
    for index, place in enumerate(places):
        spot = int(np.searchsorted(values, place)) if values and values[-1] > place else len(values)
        before.append(tails[spot - 1] if spot else -1)
        if spot == len(values):
            values.append(place)
            tails.append(index)
        else:
            values[spot], tails[spot] = place, index
    found = set()
    index = tails[-1] if tails else -1
    while index >= 0:
        found.add(index)
        index = before[index]
    return found


def _changes(a: _Side, b: _Side, i: int, j: int) -> tuple[tuple[str, Any, Any], ...]:
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


def _learned(side: _Side, place: int) -> dict[str, Any]:
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
