"""Find out what packs hold without the catalog: packs describe themselves.

The *index* built here finds every object; manifests and annotations found on the way are enough to
write the catalog anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from modelhub import _core, ids
from modelhub.errors import ModelHubError
from modelhub.fs import files
from modelhub.fs.layout import Layout
from modelhub.pas.store import Place

__all__ = ["PackIndex", "pack_names", "scan"]

_PACK_NAME_DIGITS = 64


@dataclass(slots=True)
class PackIndex:
    """Where every object is, which are manifests and annotations, and packs that cannot be read."""

    places: dict[bytes, Place] = field(default_factory=dict)
    bases: dict[bytes, bytes] = field(default_factory=dict)
    kinds: dict[bytes, int] = field(default_factory=dict)
    depths: dict[bytes, int] = field(default_factory=dict)
    stored_bytes: dict[bytes, int] = field(default_factory=dict)
    unreadable: dict[bytes, ModelHubError] = field(default_factory=dict)

    def locate(self, object_id: bytes) -> Place | None:
        """Find an object; fits `pas.store.Locator`."""
        return self.places.get(object_id)

    def of_kind(self, kind: int) -> list[bytes]:
        """Return the objects of a kind of `ids`."""
        return [object_id for object_id, found in self.kinds.items() if found == kind]


def pack_names(layout: Layout) -> list[bytes]:
    """Return the content names of the packs in the folder, sorted."""
    names = []
    for entry in files.list_dir(layout.packs_dir):
        stem, _, suffix = str(entry).rpartition("/")[2].partition(".")
        if suffix == "pack" and len(stem) == _PACK_NAME_DIGITS:
            names.append(bytes.fromhex(stem))
    return sorted(names)


def scan(layout: Layout) -> PackIndex:
    """Read the index of every pack."""
    index = PackIndex()
    for name in pack_names(layout):
        try:
            with _core.PackReader(str(layout.pack_path(name.hex()))) as reader:
                _take(index, name, reader)
        except ModelHubError as error:
            index.unreadable[name] = error
    return index


def _take(index: PackIndex, name: bytes, reader: _core.PackReader) -> None:
    all_ids = reader.ids()
    for number in range(reader.count):
        object_id = all_ids[number * ids.ID_BYTES : (number + 1) * ids.ID_BYTES]
        entry = reader.entry(number)
        # Of two copies the one with the shorter chain counts: then a base always has a smaller
        # depth than what builds on it, and chains over mixed copies cannot run in a circle.
        if entry.depth >= index.depths.get(object_id, entry.depth + 1):
            continue
        index.places[object_id] = Place(name, number)
        index.kinds[object_id] = entry.kind
        index.depths[object_id] = entry.depth
        index.stored_bytes[object_id] = entry.stored_bytes
        index.bases.pop(object_id, None)
        if entry.base is not None:
            index.bases[object_id] = entry.base
