"""Rank the bases that `archive` may try for a tensor, and find more of them by content.

An imported fine-tune has no lineage, and its tensors may have other names: the catalog's sketches
find what it came from. They also tell which of the bases found by name are worth measuring.
"""

from __future__ import annotations

from collections import Counter
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
            shared = Counter(o for band in txn.objects_in_bands(own.bands) for o in reversed(band))
            del shared[object_id]
            alike = sorted(shared, key=shared.__getitem__, reverse=True)[:ALIKE_MAX]
            others = list(dict.fromkeys([*named, *alike]))
            told = zip(others, txn.signatures(others), strict=True)
            # Those of another shape are sampled elsewhere.
            signatures = {
                other: pair[0]
                for other, pair in told
                if pair is not None and comparable(own.bands[0], pair[1])
            }
        if not signatures:
            return named
        lengths, chance = difference_bits(dtype, own.signature, [*signatures.values()])
        bits = dict(zip(signatures, lengths.tolist(), strict=True))
        known = set(named)
        near = [o for o in bits if o in known or bits[o] < chance - RELATED_BITS]
        near.sort(key=lambda other: bits[other])
        return [*near, *(other for other in named if other not in bits)]

    return similar
