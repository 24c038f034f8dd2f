"""Find common subsequences of most weight: see `modelhub.net.align`, which says by what method."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

__all__ = ["Codes", "common", "encode", "increasing"]

Ints = np.ndarray[Any, np.dtype[np.int32]]

# What a pair weighs. One pair more always beats better agreement of a single one, up to about 3
# pairs for 1; a name alone never pulls two nodes together that differ in all else.
_PAIR = 8
# In the order of the parts that `encode` takes: op, attributes, shapes of parameters and of values,
# name, kinds before, kinds after. Shapes weigh more than names: in a deeper network the old names
# are on other layers.
_WEIGHTS = tuple(map(np.int8, (2, 3, 4, 3, 3, 1, 1)))
# Cells of a table that is kept whole (4 bytes each); larger ones are split.
_CELLS_MAX = 4_000_000


def encode(
    left: Sequence[Iterable[Hashable]], right: Sequence[Iterable[Hashable]]
) -> tuple[Codes, Codes]:
    """Return equal numbers for equal parts of the nodes of both sides.

    Args:
        left: For each part, in the order of the weights above, what it is for each node. Before
            them what must be equal for a pair.
        right: The same of the other side.
    """
    codes: tuple[list[Ints], list[Ints]] = ([], [])
    for parts in zip(left, right, strict=True):
        numbers: dict[Hashable, int] = {}
        for texts, mine in zip(parts, codes, strict=True):
            found = [numbers.setdefault(text, len(numbers)) for text in texts]
            mine.append(np.array(found, np.int32))
    return Codes(codes[0]), Codes(codes[1])


class Codes:
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

    def backwards(self) -> Codes:
        """Return the numbers in the other order."""
        return Codes([code[::-1] for code in self.codes])


def common(left: Codes, right: Codes) -> list[tuple[int, int]]:
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


def _agree(left: Codes, i: int, right: Codes, j: int) -> bool:
    return all(a[i] == b[j] for a, b in zip(left.codes, right.codes, strict=True))


def _next_row(above: Ints, left: Codes, i: int, right: Codes, b0: int, b1: int) -> Ints:
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


def _last_row(left: Codes, right: Codes, rows: range, b0: int, b1: int) -> Ints:
    row: Ints = np.zeros(b1 - b0 + 1, np.int32)
    for i in rows:
        row = _next_row(row, left, i, right, b0, b1)
    return row


def _table(left: Codes, right: Codes, a0: int, a1: int, b0: int, b1: int) -> list[tuple[int, int]]:
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


def increasing(places: Sequence[int]) -> set[int]:
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
