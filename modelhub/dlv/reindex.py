"""Write the catalog anew from packs alone: versions and lineage from manifests, refs from notes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from modelhub import ids
from modelhub.catalog import Catalog, WriteTxn
from modelhub.dlv import record
from modelhub.errors import ModelHubError, RemoteError
from modelhub.fs import files
from modelhub.fs.layout import Layout
from modelhub.pas import manifest as manifests
from modelhub.pas import tree as trees
from modelhub.pas.manifest import Annotation, Manifest
from modelhub.pas.scan import PackIndex, scan
from modelhub.pas.store import Store
from modelhub.pas.tree import Tree
from modelhub.tensors.arrays import TensorSpec
from modelhub.tensors.sketches import ELEMENTS_MIN, sketch

__all__ = ["Reindexed", "reindex"]

# What a tensor is sketched by if the rest of it is out of reach: two bytes tell sign, exponent and
# seven bits of a float32, and all of what is shorter.
_LEADING_PLANES = 2


@dataclass(frozen=True, slots=True)
class Reindexed:
    """How many versions came back, and what could not, with the reason."""

    versions: int
    lost: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """A version found in the packs, with its trees and later facts."""

    id: bytes
    manifest: Manifest
    trees: dict[bytes, Tree]
    notes: list[tuple[bytes, Annotation]]


def reindex(layout: Layout) -> Reindexed:
    """Set the old catalog aside and make a new one; the writer's lock must be held.

    Removed versions stay removed where the note of their removal is still there. Sequence numbers
    and tags come from annotations.
    """
    index = scan(layout)
    store = Store(layout, index.locate)
    found, lost = _read_versions(store, index)
    Catalog.set_aside(layout.catalog_dir)
    with Catalog.create(layout.catalog_dir) as catalog, catalog.write() as txn:
        record.put_places(txn, index.places)
        for version in found:
            _put(txn, layout, index, version, store.blob)
        _put_sketches(txn, store, found)
    store.close()
    return Reindexed(len(found), tuple(lost))


def _read_versions(store: Store, index: PackIndex) -> tuple[list[_Found], list[tuple[str, str]]]:
    """Return versions from the oldest to the newest, and what could not be read."""
    lost: list[tuple[str, str]] = []
    notes: dict[bytes, list[tuple[bytes, Annotation]]] = defaultdict(list)
    for note_id in index.of_kind(ids.ANNOTATION):
        try:
            note = manifests.decode_annotation(store.blob(note_id))
            notes[note.version].append((note_id, note))
        except ModelHubError as error:
            lost.append((f"annotation {note_id.hex()}", str(error)))
    found = []
    for version_id in index.of_kind(ids.MANIFEST):
        later = sorted(notes[version_id], key=lambda item: item[1].created_ns)
        if any(note.key == "removed" for _, note in later):
            continue
        try:
            made = manifests.decode(store.blob(version_id))
            read = {s.tree: trees.decode(store.blob(s.tree)) for s in made.snapshots}
            found.append(_Found(version_id, made, read, later))
        except ModelHubError as error:
            lost.append((f"version {version_id.hex()}", str(error)))
    return sorted(found, key=lambda version: (version.manifest.created_ns, version.id)), lost


def _put(
    txn: WriteTxn,
    layout: Layout,
    index: PackIndex,
    version: _Found,
    blob: Callable[[bytes], bytes],
) -> None:
    made = version.manifest
    sequence = next((n.value for _, n in version.notes if n.key == "sequence"), None)
    if sequence is None or txn.version_by_sequence(made.name, sequence) is not None:
        sequence = txn.next_sequence(made.name)
    for tree_id, tree in version.trees.items():
        record.put_tree(txn, tree_id, tree)
    pack = layout.pack_path(index.places[version.id].pack.hex())
    record.put_version(txn, version.id, made, sequence, files.file_stat(pack).st_size, blob)
    for note_id, note in version.notes:
        record.put_annotation(txn, note_id, note)
        if note.key == "tag":
            txn.put_tag(made.name, note.value, version.id)
        elif note.key == "untag" and txn.tag(made.name, note.value) == version.id:
            txn.delete_tag(made.name, note.value)


def _put_sketches(txn: WriteTxn, store: Store, found: list[_Found]) -> None:
    """Read every tensor, in the order in which they came; one that cannot be read has no sketch."""
    storages = (
        storage
        for version in found
        for snapshot in version.manifest.snapshots
        for storage in version.trees[snapshot.tree].storages
    )
    for storage in {storage.id: storage for storage in storages}.values():
        spec = TensorSpec(storage.dtype, storage.shape)
        if spec.count < ELEMENTS_MIN:
            continue
        made = None
        # Leading bytes are as good as all to find a tensor by: a tier out of reach is no matter.
        for planes in (None, _LEADING_PLANES):
            try:
                made = sketch(spec, store.read(storage.id, planes=planes).data)
                break
            except RemoteError:
                continue
            except ModelHubError:
                break  # The check of packs says why.
        if made is not None:
            record.put_sketches(txn, {storage.id: made})
