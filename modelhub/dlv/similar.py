"""Rank the bases that `archive` may try for a tensor, and find more of them by content.

An imported fine-tune has no lineage, and its tensors may have other names: the catalog's sketches
find what it came from. They also tell which of the bases found by name are worth measuring.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelhub.dlv.candidates import ALIKE_MAX, RELATED_BITS
from modelhub.dlv.state import Repo
from modelhub.pas.measure import Similar
from modelhub.tensors.sketches import comparable, difference_bits

__all__ = ["similar_to"]


def similar_to(repo: Repo) -> Similar:
    """Return a function (tensor, its dtype, bases by name) that returns bases, the nearest first.

    Those by name are all there, where nothing is known of their content in their order and last.
    """

    def similar(object_id: bytes, dtype: str, named: Sequence[bytes]) -> Sequence[bytes]:
        with repo.catalog.read() as txn:
            own = txn.sketch(object_id)
            if own is None:
                return named
            in_bands = txn.objects_in_bands(own.bands)
            alike = dict.fromkeys(other for band in in_bands for other in reversed(band))
            alike.pop(object_id, None)
            others = list(dict.fromkeys([*named, *list(alike)[:ALIKE_MAX]]))
            sketches = zip(others, txn.sketches(others), strict=True)
            signatures = {
                other: found.signature
                for other, found in sketches
                if found is not None and comparable(own.bands, found.bands)
            }
        if not signatures:
            return named
        told, chance = difference_bits(dtype, own.signature, [*signatures.values()])
        bits = dict(zip(signatures, told.tolist(), strict=True))
        known = set(named)
        near = [o for o in bits if o in known or bits[o] < chance - RELATED_BITS]
        near.sort(key=lambda other: bits[other])
        return [*near, *(other for other in named if other not in bits)]

    return similar
