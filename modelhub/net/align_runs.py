"""What is done for nodes that the common subsequence left alone: see `modelhub.net.align`.

A *match* goes from places of one side to places of the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from modelhub.net.align_side import Side
from modelhub.net.kinds import AUX

__all__ = ["moved", "replaced", "slide"]

# Places that a run of nodes without a partner is moved by, at most: more than a block has.
_SHIFT_MAX = 256


def slide(side: Side, other: Side, match: dict[int, int]) -> None:
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


def _best_shift(side: Side, other: Side, match: Mapping[int, int], begin: int, end: int) -> int:
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


def _cut_depth(side: Side, begin: int, end: int) -> int:
    """Return how many modules the two ends of a run cut through."""

    def shared(place: int) -> int:
        if not 0 < place < len(side.nodes):
            return 0
        above, below = (node.module.split(".") for node in side.nodes[place - 1 : place + 1])
        same = zip(above, below, strict=False)
        return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], same))

    return shared(begin) + shared(end)


def moved(a: Side, b: Side, match: Mapping[int, int]) -> dict[int, int]:
    """Pair what is left over by name and kind: it only stands elsewhere in the order."""
    taken = set(match.values())
    found = {}
    for i, node in enumerate(a.nodes):
        j = b.index.get(node.name)
        if i not in match and j is not None and j not in taken and a.group(i) == b.group(j):
            found[i] = j
    return found


def replaced(a: Side, b: Side, match: Mapping[int, int]) -> dict[int, int]:
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


def _plainly(a: Side, i: int, b: Side, j: int) -> bool:
    """Whether two nodes of different kinds may be one that was replaced."""
    return (
        (a.kinds[i] == AUX) == (b.kinds[j] == AUX)
        and bool(a.after[i]) == bool(b.after[j])
        and (a.after[i] == b.after[j] or a.nodes[i].name == b.nodes[j].name)
    )
