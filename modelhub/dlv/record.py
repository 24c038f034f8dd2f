"""Turn stored objects into catalog records: one place for commit, copy and rebuilding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from modelhub.catalog import WriteTxn
from modelhub.catalog.records import (
    AnnotationRecord,
    FileRecord,
    Location,
    SketchRecord,
    SnapshotRecord,
    TensorRecord,
    VersionRecord,
)
from modelhub.dlv import indexing
from modelhub.dlv.evaluations import EVAL, series_of
from modelhub.pas.manifest import Annotation, Manifest
from modelhub.pas.store import Place
from modelhub.pas.tree import Tree
from modelhub.tensors.arrays import TensorSpec
from modelhub.tensors.sketches import Sketch

__all__ = [
    "logical_bytes",
    "put_annotation",
    "put_places",
    "put_sketches",
    "put_tree",
    "put_version",
    "tensor_records",
]


def logical_bytes(manifest: Manifest) -> int:
    """Return the bytes of all files of a version, snapshots included, as the user knows them."""
    snapshots = sum(snapshot.logical_bytes for snapshot in manifest.snapshots)
    return snapshots + sum(file.size for file in manifest.files)


def tensor_records(tree: Tree) -> list[TensorRecord]:
    """Return the catalog's rows for a tree."""
    rows = []
    for tensor in tree.tensors:
        view = None
        if tensor.strides is not None:
            view = (tensor.offset_elements, tensor.strides)
        rows.append(
            TensorRecord(
                name=tensor.name,
                id=tree.storages[tensor.storage].id,
                dtype=tensor.dtype,
                shape=tensor.shape,
                nbytes=TensorSpec(tensor.dtype, tensor.shape).nbytes,
                view=view,
            )
        )
    return rows


def put_tree(txn: WriteTxn, tree_id: bytes, tree: Tree) -> None:
    """Write a tree's rows unless they are there."""
    if not txn.has_tree(tree_id):
        txn.put_tensors(tree_id, tensor_records(tree))
    for file in tree.files:
        txn.put_file(file.sha256, file.size, file.recipe)


def put_version(
    txn: WriteTxn,
    version_id: bytes,
    manifest: Manifest,
    sequence: int,
    stored_bytes: int,
    blob: Callable[[bytes], bytes],
) -> None:
    """Write a version's rows, those that queries ask by included.

    Args:
        blob: Reads an object by its id, those of this version too.
    """
    record = VersionRecord(
        id=version_id,
        name=manifest.name,
        sequence=sequence,
        created_ns=manifest.created_ns,
        author=manifest.author,
        message=manifest.message,
        parents=manifest.parents,
        network=manifest.network,
        snapshots=tuple(
            SnapshotRecord(snapshot.label, snapshot.tree, snapshot.logical_bytes)
            for snapshot in manifest.snapshots
        ),
        files=tuple(
            FileRecord(file.path, file.size, file.sha256, file.recipe) for file in manifest.files
        ),
        logical_bytes=logical_bytes(manifest),
        stored_bytes=stored_bytes,
    )
    txn.put_version(record, dict(manifest.metadata))
    indexing.index_version(txn, version_id, manifest.network, manifest.series, blob)
    for file in manifest.files:
        txn.put_file(file.sha256, file.size, file.recipe)


def put_annotation(txn: WriteTxn, annotation_id: bytes, annotation: Annotation) -> None:
    """Write an annotation's row, and what queries find a result of `eval` by."""
    txn.put_annotation(
        AnnotationRecord(
            id=annotation_id,
            version=annotation.version,
            key=annotation.key,
            value=annotation.value,
            created_ns=annotation.created_ns,
        )
    )
    if annotation.key == EVAL:
        series = series_of(txn.annotations(annotation.version))
        txn.put_series(annotation.version, indexing.extremes(series))


def put_places(
    txn: WriteTxn, places: Mapping[bytes, Place] | Iterable[tuple[bytes, Place]]
) -> None:
    """Write where objects are."""
    items = places.items() if isinstance(places, Mapping) else places
    txn.put_locations((object_id, Location(p.pack, p.index)) for object_id, p in items)


def put_sketches(txn: WriteTxn, found: Mapping[bytes, Sketch]) -> None:
    """Write the sketches of new tensor objects, in their order."""
    for object_id, sketch in found.items():
        txn.put_sketch(object_id, SketchRecord(sketch.signature, sketch.bands))
