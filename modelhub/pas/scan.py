"""Find out what packs hold without the catalog: packs describe themselves.

The *index* built here finds every object; manifests and annotations found on the way are enough to
write the catalog anew.
"""

from __future__ import annotations

from collections import defaultdict
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


@dataclass(frozen=True, slots=True)
class _Copy:
    """One of the entries that hold an object; `depth` is what the entry says."""

    place: Place
    kind: int
    depth: int
    stored_bytes: int
    base: bytes | None
    is_fixed: bool


def scan(layout: Layout) -> PackIndex:
    """Read the index of every pack."""
    index = PackIndex()
    copies: dict[bytes, list[_Copy]] = defaultdict(list)
    for name in pack_names(layout):
        try:
            with _core.PackReader(str(layout.pack_path(name.hex()))) as reader:
                _take(copies, name, reader)
        except ModelHubError as error:
            index.unreadable[name] = error
    _choose(index, copies)
    return index


def _take(copies: dict[bytes, list[_Copy]], name: bytes, reader: _core.PackReader) -> None:
    all_ids = reader.ids()
    for number in range(reader.count):
        object_id = all_ids[number * ids.ID_BYTES : (number + 1) * ids.ID_BYTES]
        entry = reader.entry(number)
        place = Place(name, number)
        copy = _Copy(place, entry.kind, entry.depth, entry.stored_bytes, entry.base, entry.is_fixed)
        copies[object_id].append(copy)


def _choose(index: PackIndex, copies: dict[bytes, list[_Copy]]) -> None:
    """Choose for each object one copy such that every chain ends that can.

    An archive run stores objects anew against other bases while old copies are still there, so
    that copies put together at random could run in a circle, and the depth that an entry tells may
    be that of a base which is stored in another way by now. Objects are taken step by step from
    those with a copy that stands alone: a copy is chosen once its base is. Of those a fixed one
    comes first, which somebody has asked for.
    """
    waiting: dict[bytes, list[bytes]] = defaultdict(list)
    todo: list[bytes] = []
    for object_id, found in copies.items():
        for copy in found:
            if copy.base is not None:
                waiting[copy.base].append(object_id)
        alone = [copy for copy in found if copy.base is None]
        if alone:
            _put(index, object_id, max(alone, key=lambda copy: copy.is_fixed), 0)
            todo.append(object_id)
    for depth in range(1, len(copies) + 1):
        above, todo = todo, []
        for base in above:
            for object_id in waiting.get(base, ()):
                if object_id in index.places:
                    continue
                copy = next(copy for copy in copies[object_id] if copy.base == base)
                _put(index, object_id, copy, depth)
                todo.append(object_id)
        if not todo:
            break
    for object_id, found in copies.items():
        # A base is missing or damaged; the reader that meets it says so.
        if object_id not in index.places:
            shortest = min(found, key=lambda copy: copy.depth)
            _put(index, object_id, shortest, shortest.depth)


def _put(index: PackIndex, object_id: bytes, copy: _Copy, depth: int) -> None:
    index.places[object_id] = copy.place
    index.kinds[object_id] = copy.kind
    index.depths[object_id] = depth
    index.stored_bytes[object_id] = copy.stored_bytes
    if copy.base is not None:
        index.bases[object_id] = copy.base
