"""Describe a model version: the manifest, whose digest is the version's id.

A manifest names the network N, the snapshots of the weights W (trees), the metadata M as committed
(scalars, and metric series by step), the associated files F, the parents, name, time, author and
message: a Merkle root over everything the version holds. What comes later is an *annotation*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelhub.errors import CorruptionError
from modelhub.pas import canonical
from modelhub.pas.tree import StoredFile, check_format, file_from_json, file_to_json

__all__ = [
    "Annotation",
    "Manifest",
    "Snapshot",
    "decode",
    "decode_annotation",
    "encode",
    "encode_annotation",
]

Scalar = str | int | float | bool

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A label, the id of its tree, and the bytes of its files as the user knows them."""

    label: str
    tree: bytes
    logical_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model version as committed; times in nanoseconds since 1970, UTC."""

    name: str
    created_ns: int
    author: str
    message: str
    parents: tuple[bytes, ...]
    network: bytes
    snapshots: tuple[Snapshot, ...]
    files: tuple[StoredFile, ...]
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    series: Mapping[str, list[tuple[float, float]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Annotation:
    """A later fact about a version, outside its id: a tag, a sequence number, a removal, a note."""

    version: bytes
    key: str
    value: Any
    created_ns: int


def encode(manifest: Manifest) -> bytes:
    """Return the manifest's canonical bytes."""
    return canonical.dump(
        {
            "format": _FORMAT,
            "name": manifest.name,
            "created_ns": manifest.created_ns,
            "author": manifest.author,
            "message": manifest.message,
            "parents": [parent.hex() for parent in manifest.parents],
            "network": manifest.network.hex(),
            "snapshots": [[s.label, s.tree.hex(), s.logical_bytes] for s in manifest.snapshots],
            "files": [file_to_json(file) for file in manifest.files],
            "metadata": dict(manifest.metadata),
            "series": {name: list(points) for name, points in manifest.series.items()},
        }
    )


def decode(data: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        CorruptionError: the bytes are not a manifest of this format.
    """
    value = canonical.load(data, "manifest")
    check_format(value, "manifest", _FORMAT)
    try:
        return Manifest(
            name=value["name"],
            created_ns=value["created_ns"],
            author=value["author"],
            message=value["message"],
            parents=tuple(bytes.fromhex(parent) for parent in value["parents"]),
            network=bytes.fromhex(value["network"]),
            snapshots=tuple(
                Snapshot(label, bytes.fromhex(tree), size)
                for label, tree, size in value["snapshots"]
            ),
            files=tuple(file_from_json(row) for row in value["files"]),
            metadata=value["metadata"],
            series={
                name: [(step, point) for step, point in points]
                for name, points in value["series"].items()
            },
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _malformed("manifest", error) from error


def encode_annotation(annotation: Annotation) -> bytes:
    """Return the annotation's canonical bytes."""
    return canonical.dump(
        {
            "format": _FORMAT,
            "version": annotation.version.hex(),
            "key": annotation.key,
            "value": annotation.value,
            "created_ns": annotation.created_ns,
        }
    )


def decode_annotation(data: bytes) -> Annotation:
    """Read an annotation.

    Raises:
        CorruptionError: the bytes are not an annotation of this format.
    """
    value = canonical.load(data, "annotation")
    check_format(value, "annotation", _FORMAT)
    try:
        version = bytes.fromhex(value["version"])
        return Annotation(version, value["key"], value["value"], value["created_ns"])
    except (KeyError, ValueError, TypeError) as error:
        raise _malformed("annotation", error) from error


def _malformed(what: str, error: Exception) -> CorruptionError:
    return CorruptionError(
        f"a field is missing or malformed ({error!r})", where=what, hint="run `modelhub fsck`"
    )
