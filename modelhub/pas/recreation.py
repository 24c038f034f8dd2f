"""Say what it costs to get a stored tensor back: the compressed bytes of its whole chain.

The same unit as `Read.bytes_read` of an exact read.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelhub._core import Entry
from modelhub.codec.presets import LEADING_PLANES, needs_leading
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
        leading_bytes: As much of them as a half-precision twin needs, were it stored against this.
        depth: Entries below it.
    """

    id: bytes
    base: bytes | None
    spec: TensorSpec
    stored_bytes: int
    recreation_bytes: int
    leading_bytes: int
    depth: int

    def bytes_below(self, own: TensorSpec) -> int:
        """Return what a delta of this entry would cost to read, before its own segments."""
        leading = needs_leading(self.spec, own)
        return self.leading_bytes if leading else self.recreation_bytes


def _link(entry: Entry, below: Link | None) -> Link:
    spec = TensorSpec(by_code(entry.dtype_code).name, entry.shape)
    stored = sum(entry.segment_bytes)
    if below is None:
        # Its half-precision twin needs three bytes of each value. A delta is read whole for it, for
        # its lower level is one piece, and so is what lies under that.
        # Of a fixed entry every segment is.
        cut = spec.dtype == "float32" and not entry.is_fixed
        leading = sum(entry.segment_bytes[:LEADING_PLANES]) if cut else stored
        return Link(entry.id, None, spec, stored, stored, leading, 0)
    total = stored + below.bytes_below(spec)
    return Link(entry.id, entry.base, spec, stored, total, total, below.depth + 1)


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
                below = None if entry.base is None else self._links[entry.base]
                found = _link(entry, below)
                self._links[entry.id] = found
            assert found is not None
        return found

    def chain(self, object_id: bytes) -> list[Link]:
        """Return an object, its base, its base's base... down to the one that stands alone."""
        links = [self.link(object_id)]
        while links[-1].base is not None:
            links.append(self._links[links[-1].base])
        return links
