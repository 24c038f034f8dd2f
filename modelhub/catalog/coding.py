"""Turn the records of versions, tensors and annotations into rows' values and back."""

from __future__ import annotations

from typing import Any

from modelhub.catalog.records import (
    AnnotationRecord,
    FileRecord,
    SketchRecord,
    SnapshotRecord,
    TensorRecord,
    VersionRecord,
)
from modelhub.catalog.rows import REPAIR_HINT, Key
from modelhub.errors import CorruptionError

__all__ = [
    "annotation_of",
    "annotation_row",
    "signature_of",
    "sketch_of",
    "sketch_row",
    "tensor_of",
    "tensor_row",
    "version_of",
    "version_row",
]


def version_row(version: VersionRecord) -> tuple[Any, ...]:
    """Return what is kept of a version under its id."""
    return (
        version.name,
        version.sequence,
        version.created_ns,
        version.author,
        version.message,
        version.parents,
        version.network,
        tuple((s.label, s.tree, s.logical_bytes) for s in version.snapshots),
        tuple((f.path, f.size, f.sha256, f.recipe) for f in version.files),
        version.logical_bytes,
        version.stored_bytes,
    )


def version_of(version_id: bytes, row: Any) -> VersionRecord:
    """Return the version that a row describes.

    Raises:
        CorruptionError: the row is of another shape.
    """
    try:
        name, sequence, created_ns, author, message, parents, network, *rest = row
        snapshots, files, logical_bytes, stored_bytes = rest
        return VersionRecord(
            version_id,
            name,
            sequence,
            created_ns,
            author,
            message,
            tuple(parents),
            network,
            tuple(SnapshotRecord(*snapshot) for snapshot in snapshots),
            tuple(FileRecord(*file) for file in files),
            logical_bytes,
            stored_bytes,
        )
    except (TypeError, ValueError) as error:
        raise _damaged("version", error) from error


def tensor_row(tensor: TensorRecord) -> tuple[Any, ...]:
    """Return what is kept of a tensor under its tree and name."""
    return tensor.id, tensor.dtype, tuple(tensor.shape), tensor.nbytes, tensor.view


def tensor_of(name: Any, row: Any) -> TensorRecord:
    """Return the tensor that a row describes.

    Raises:
        CorruptionError: the row is of another shape.
    """
    try:
        return TensorRecord(name, *row)
    except TypeError as error:
        raise _damaged("tensor", error) from error


def sketch_row(sketch: SketchRecord) -> tuple[Any, ...]:
    """Return what is kept of a sketch under its object: the bands' keys are one run of bytes."""
    return sketch.signature, len(sketch.bands), b"".join(sketch.bands)


def sketch_of(row: Any) -> SketchRecord:
    """Return the sketch that a row describes.

    Raises:
        CorruptionError: the row is of another shape.
    """
    try:
        signature, count, joined = row
        size = len(joined) // count
        bands = tuple([joined[at : at + size] for at in range(0, size * count, size)])
        return SketchRecord(signature, bands)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise _damaged("sketch", error) from error


def signature_of(row: Any) -> tuple[bytes, bytes]:
    """Return of a sketch what lookups need, the signature and the first band.

    Raises:
        CorruptionError: the row is of another shape.
    """
    try:
        signature, count, joined = row
        return signature, joined[: len(joined) // count]
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise _damaged("sketch", error) from error


def annotation_row(annotation: AnnotationRecord) -> tuple[Any, ...]:
    """Return what is kept of an annotation beside its key."""
    return annotation.key, annotation.value


def annotation_of(items: Key, row: Any) -> AnnotationRecord:
    """Return the annotation that a row describes.

    Raises:
        CorruptionError: the row is of another shape.
    """
    try:
        version, created_ns, annotation_id = items
        key, value = row
        return AnnotationRecord(
            annotation_id,  # type: ignore[arg-type]
            version,  # type: ignore[arg-type]
            key,
            value,
            created_ns,  # type: ignore[arg-type]
        )
    except (TypeError, ValueError) as error:
        raise _damaged("annotation", error) from error


def _damaged(what: str, error: Exception) -> CorruptionError:
    return CorruptionError(
        f"a row of another shape ({error})", where=f"catalog, {what}", hint=REPAIR_HINT
    )
