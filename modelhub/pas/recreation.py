"""Say what it costs to get a stored tensor back: the compressed bytes of its whole chain.

The same unit as `Read.bytes_read` of an exact read. A base of another precision may be read in part
only; it is counted whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelhub.pas.store import Store
from modelhub.tensors.arrays import TensorSpec
from modelhub.tensors.dtypes import by_code

__all__ = ["Chains", "Link"]


@dataclass(frozen=True, slots=True)
class Link:
    """An entry and what lies under it.

    Args:
        base: What the entry is a delta of; None if it stands alone.
        stored_bytes: Of its own segments.
        recreation_bytes: Of its own segments and of all below.
        depth: Entries below it.
    """

    id: bytes
    base: bytes | None
    spec: TensorSpec
    stored_bytes: int
    recreation_bytes: int
    depth: int


class Chains:
    """Chains of stored objects, each entry looked at once; for as long as one writer holds on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._links: dict[bytes, Link] = {}

    def link(self, object_id: bytes) -> Link:
        """Return an object's entry.

        Raises:
            NotFoundError: no pack holds it.
            CorruptionError: its pack is missing or damaged.
        """
        found = self._links.get(object_id)
        if found is None:
            for reader, index in reversed(self._store.chain(object_id)):
                entry = reader.entry(index)
                stored = sum(entry.segment_bytes)
                below = None if entry.base is None else self._links[entry.base]
                found = Link(
                    entry.id,
                    entry.base,
                    TensorSpec(by_code(entry.dtype_code).name, entry.shape),
                    stored,
                    stored + (0 if below is None else below.recreation_bytes),
                    0 if below is None else below.depth + 1,
                )
                self._links[entry.id] = found
            assert found is not None
        return found

    def chain(self, object_id: bytes) -> list[Link]:
        """Return an object, its base, its base's base... down to the one that stands alone."""
        links = [self.link(object_id)]
        while links[-1].base is not None:
            links.append(self._links[links[-1].base])
        return links
