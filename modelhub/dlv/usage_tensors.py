"""Measure what tensors take on disk: how each is stored, who uses it, what reading it costs.

A *use* is a tensor's name in a snapshot. Equal tensors are one stored object, so one row here may
stand for several names and many versions; what only serves as a base has no name.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from modelhub import ids
from modelhub.dlv.inventory import Inventory, Numbers
from modelhub.dlv.resolve import format_rev
from modelhub.tensors.dtypes import by_code

__all__ = ["ALONE", "DELTA", "FIXED", "MAPPED", "TensorUsage", "tensor_usage"]

# How a tensor is stored.
ALONE = "alone"
DELTA = "delta"
MAPPED = "mapped delta"
FIXED = "progressive"


@dataclass(frozen=True, slots=True)
class TensorUsage:
    """A stored tensor.

    Attributes:
        names: The names that it has, in the order of first use; empty if it only serves as a base.
        revs: The snapshots that name it, as revisions.
        stored_as: `ALONE`, `DELTA`, `MAPPED` or `FIXED`.
        base_name: A name of its base, empty without a base or where the base has none.
        base_rev: A snapshot with that name.
        depth: How many deltas are read to recreate it.
        recreation_bytes: What reading it exactly reads from packs, over its whole chain; at most
            this much where a base is cut to fit (a mapped delta).
        versions: How many versions need it, by name or as a base.
    """

    id: bytes
    names: tuple[str, ...]
    revs: tuple[str, ...]
    dtype: str
    shape: tuple[int, ...]
    logical_bytes: int
    stored_bytes: int
    stored_as: str
    base: bytes | None
    base_name: str
    base_rev: str
    depth: int
    recreation_bytes: int
    versions: int


def tensor_usage(
    stock: Inventory, pattern: str | None = None, limit: int | None = None
) -> tuple[list[TensorUsage], int]:
    """Return the tensors that versions need, most stored bytes first, and how many there are.

    Args:
        pattern: A glob on the tensors' names; what only serves as a base then stays away.
        limit: At most so many are returned; the others are counted.
    """
    wanted = (stock.kinds == ids.TENSOR) & (stock.users > 0)
    if pattern is not None:
        wanted &= _named(stock, pattern)
    found = np.flatnonzero(wanted)
    # Ties are in the order of the packs, which `lexsort` keeps.
    order = found[np.lexsort((found, -stock.stored[found]))]
    chosen = order if limit is None else order[:limit]
    bases = stock.bases[chosen]
    uses = _uses(stock, np.concatenate([chosen, bases[bases >= 0]]))
    depths = stock.along_chains((stock.bases >= 0).astype(np.int64))
    costs = stock.along_chains(stock.read)
    rows = [
        _row(stock, int(number), uses, int(depths[number]), int(costs[number])) for number in chosen
    ]
    return rows, len(order)


def _trees(stock: Inventory) -> Iterator[tuple[str, bytes]]:
    """Yield every snapshot as a revision, with its tree; a single one needs no label."""
    for version in stock.versions:
        for snapshot in version.snapshots:
            label = f"#{snapshot.label}" if len(version.snapshots) > 1 else ""
            yield format_rev(version) + label, snapshot.tree


def _named(stock: Inventory, pattern: str) -> np.ndarray:
    """Say of each object whether some tensor's name that fits the pattern looks at it."""
    found = np.zeros(len(stock.ids), bool)
    fits: dict[tuple[str, ...], np.ndarray] = {}
    for tree in stock.names_of_tree.values():
        if tree.names not in fits:
            matched = [fnmatch.fnmatchcase(name, pattern) for name in tree.names]
            fits[tree.names] = np.array(matched, bool)
        found[tree.numbers[fits[tree.names]]] = True
    return found


def _uses(stock: Inventory, numbers: Numbers) -> dict[int, list[tuple[str, str]]]:
    """Return the uses of some objects, each a name and a revision, in the versions' order."""
    asked = np.zeros(len(stock.ids), bool)
    asked[numbers] = True
    uses: dict[int, list[tuple[str, str]]] = {int(number): [] for number in numbers}
    for rev, tree_id in _trees(stock):
        tree = stock.names_of_tree[tree_id]
        for place in np.flatnonzero(asked[tree.numbers]).tolist():
            uses[int(tree.numbers[place])].append((tree.names[place], rev))
    return uses


def _row(
    stock: Inventory,
    number: int,
    uses: dict[int, list[tuple[str, str]]],
    depth: int,
    recreation_bytes: int,
) -> TensorUsage:
    entry = stock.entry(number)
    base = int(stock.bases[number])
    own = uses[number]
    names = tuple(dict.fromkeys(name for name, _ in own))
    of_base = uses[base] if base >= 0 else []
    # The base's own name where it has it: most deltas are on the same-named tensor.
    same = [use for use in of_base if use[0] in names]
    base_name, base_rev = next(iter(same or of_base), ("", ""))
    alone = FIXED if entry.is_fixed else ALONE
    stored_as = alone if base < 0 else MAPPED if entry.is_mapped else DELTA
    return TensorUsage(
        id=stock.ids[number],
        names=names,
        revs=tuple(dict.fromkeys(rev for _, rev in own)),
        dtype=by_code(entry.dtype_code).name,
        shape=tuple(entry.shape),
        logical_bytes=entry.raw_bytes,
        stored_bytes=entry.stored_bytes,
        stored_as=stored_as,
        base=stock.ids[base] if base >= 0 else None,
        base_name=base_name,
        base_rev=base_rev,
        depth=depth,
        recreation_bytes=recreation_bytes,
        versions=int(stock.users[number]),
    )
