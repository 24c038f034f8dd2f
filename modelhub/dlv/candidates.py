"""Find stored tensors that a new one may be like: by its name in related versions, by its content.

A *candidate* is a stored tensor that may serve as a base. Names are looked up in the snapshot just
before and in those that the version is made from; content by the catalog's sketches, so that an
imported fine-tune finds what it was tuned from, whatever its tensors are called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from modelhub.catalog import Catalog, ReadTxn
from modelhub.catalog.write import BAND_OBJECTS_MAX
from modelhub.pas.tree import Tree
from modelhub.tensors.arrays import TensorSpec
from modelhub.tensors.sketches import Sketch, comparable, difference_bits

__all__ = ["Candidate", "Candidates", "related_trees"]

# Of siblings and cousins the newest are as good as all.
TREES_MAX = 4
# Versions made from one parent that are looked at to find the newest.
SIBLINGS_MAX = 64
# Of a large family that shares some bands, as many are compared.
ALIKE_MAX = 8
# What is really like a tensor shares most bands; a look at so many suffices if there is something.
BANDS_FIRST = 3
# A tensor is like another if an element of the difference takes so many bits less than if values
# had been dealt anew. Of unrelated layers of one network 1 pair in 5,000 gets 2.0; the first
# epochs of a training from nothing, which hardly pay as deltas, get 5.
RELATED_BITS = 2.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored tensor that may serve as a base.

    Args:
        bits: What an element would take as a difference, roughly; None if nobody can tell.
        by_name: Whether it has the name of the tensor in a related snapshot.
    """

    id: bytes
    bits: float | None
    by_name: bool


class Candidates:
    """What the tensors of one snapshot after the other may be stored against."""

    def __init__(
        self,
        catalog: Catalog,
        trees: Sequence[Tree] = (),
        cousins: Sequence[bytes] = (),
        *,
        by_content: bool = True,
    ) -> None:
        """Look by name in `trees`, then in the catalog's trees `cousins`, then by content."""
        self._catalog = catalog
        self._by_content = by_content
        self._cousins = tuple(cousins)
        self._before: list[dict[str, bytes]] = []
        self._trees = [_by_name(tree) for tree in trees]
        # Tensors of the snapshot in hand, and of those before it in this commit.
        self._fresh: dict[bytes, Sketch] = {}
        self._own: dict[bytes, Sketch] = {}
        self._own_bands: dict[bytes, list[bytes]] = {}

    def add(self, object_id: bytes, sketch: Sketch) -> None:
        """Remember a new tensor; it is a candidate from the next snapshot on."""
        self._fresh[object_id] = sketch

    def next_snapshot(self, before: Tree | None) -> None:
        """Begin a snapshot; the one before it, if there is one, is the first place to look in."""
        if before is not None:
            self._before = [_by_name(before)]
        for object_id, sketch in self._fresh.items():
            self._own[object_id] = sketch
            for band in sketch.bands:
                objects = self._own_bands.setdefault(band, [])
                objects.append(object_id)
                del objects[:-BAND_OBJECTS_MAX]
        self._fresh.clear()

    def find(self, name: str, spec: TensorSpec, sketch: Sketch | None) -> list[Candidate]:
        """Return candidates, best first: the fewest bits, those that nobody can tell at the end.

        Costs some 0.05 ms, and 0.01 for each of up to eight that are alike. Whether they can be a
        base by dtype and shape is not looked at, but for those found by content.
        """
        signatures: dict[bytes, bytes] = {}
        with self._catalog.read() as txn:
            named = dict.fromkeys(self._named(txn, name))
            if sketch is not None:
                alike = self._alike(txn, sketch) if self._by_content else []
                every = list(dict.fromkeys((*named, *alike)))
                signatures = self._signatures(txn, every, sketch)
        scored: list[tuple[float, bytes]] = []
        if sketch is not None and signatures:
            told, chance = difference_bits(spec.dtype, sketch.signature, [*signatures.values()])
            for object_id, bits in zip(signatures, told.tolist(), strict=True):
                if object_id in named or bits < chance - RELATED_BITS:
                    scored.append((bits, object_id))
        scored.sort(key=itemgetter(0))
        found = [Candidate(object_id, bits, object_id in named) for bits, object_id in scored]
        return found + [Candidate(i, None, True) for i in named if i not in signatures]

    def bits(self, spec: TensorSpec, sketch: Sketch | None, object_id: bytes) -> float | None:
        """Return what an element would take as a difference to a stored tensor, if one can tell."""
        if sketch is None:
            return None
        with self._catalog.read() as txn:
            other = self._signatures(txn, [object_id], sketch).get(object_id)
        if other is None:
            return None
        return float(difference_bits(spec.dtype, sketch.signature, [other])[0][0])

    def _named(self, txn: ReadTxn, name: str) -> list[bytes]:
        found = [tree[name] for tree in (*self._before, *self._trees) if name in tree]
        for tree in self._cousins:
            record = txn.tensor(tree, name)
            if record is not None:
                found.append(record.id)
        return found

    def _alike(self, txn: ReadTxn, sketch: Sketch) -> list[bytes]:
        """Return tensors in the bands of a tensor, else in those next to them.

        Those that share the most bands come first, of these the newest.
        """
        shared: Counter[bytes] = Counter()
        for bands in (sketch.bands[:BANDS_FIRST], sketch.bands[BANDS_FIRST:], sketch.probes):
            for band, stored in zip(bands, txn.objects_in_bands(bands), strict=True):
                shared.update(reversed(self._own_bands.get(band, ())))
                shared.update(reversed(stored))
            if shared:
                break
        return sorted(shared, key=shared.__getitem__, reverse=True)[:ALIKE_MAX]

    def _signatures(
        self, txn: ReadTxn, object_ids: Sequence[bytes], sketch: Sketch
    ) -> dict[bytes, bytes]:
        """Return the signatures that can be compared with a sketch's."""
        own = self._own
        stored = [object_id for object_id in object_ids if object_id not in own]
        told = dict(zip(stored, txn.signatures(stored), strict=True))
        found = {}
        for object_id in object_ids:
            kept = own.get(object_id)
            pair = told[object_id] if kept is None else (kept.signature, kept.bands[0])
            if pair is not None and comparable(sketch.bands[0], pair[1]):
                found[object_id] = pair[0]
        return found


def _by_name(tree: Tree) -> dict[str, bytes]:
    return {tensor.name: tree.storages[tensor.storage].id for tensor in tree.tensors}


def related_trees(txn: ReadTxn, name: str, parents: Sequence[bytes]) -> list[bytes]:
    """Return trees of versions near one that is to be made, nearest first, its parents left out.

    Those made from the same parents, newest first, and the newest of the same model; of each the
    last snapshot.
    """
    versions = []
    newest = txn.latest(name)
    if newest is not None:
        versions.append(newest)
    for parent in parents:
        siblings = [txn.version(child) for child in txn.children(parent)[:SIBLINGS_MAX]]
        versions += sorted(
            (sibling for sibling in siblings if sibling is not None),
            key=lambda version: version.created_ns,
            reverse=True,
        )
    trees = (v.snapshots[-1].tree for v in versions if v.id not in parents and v.snapshots)
    return list(dict.fromkeys(trees))[:TREES_MAX]
