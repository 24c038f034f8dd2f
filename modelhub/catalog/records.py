"""Define what the catalog keeps: plain values, one class per relation of the paper and its index.

Ids are 32 bytes; sizes are bytes; times are nanoseconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = [
    "AnnotationRecord",
    "Extremes",
    "FileRecord",
    "Location",
    "Scalar",
    "SketchRecord",
    "SnapshotRecord",
    "TensorRecord",
    "VersionRecord",
]

Scalar = str | int | float | bool
# Of a metric series the first value, the best (None if none is a number), and the last.
Extremes = tuple[float, float | None, float]


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    """A snapshot of a version: its label, the tree of its tensors, and what its files take."""

    label: str
    tree: bytes
    logical_bytes: int


@dataclass(frozen=True, slots=True)
class FileRecord:
    """An associated file of a version; the recipe says how to put it together."""

    path: str
    size: int
    sha256: bytes
    recipe: bytes


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """A model version.

    Args:
        sequence: Its number among the versions of its name, from 1, never used twice.
        parents: What it was made from; an id stays here when that version is removed.
        network: The object that holds N; empty if there is none.
        logical_bytes: All its files, snapshots included, as the user knows them.
        stored_bytes: What its commit added to the packs.
    """

    id: bytes
    name: str
    sequence: int
    created_ns: int
    author: str
    message: str
    parents: tuple[bytes, ...]
    network: bytes
    snapshots: tuple[SnapshotRecord, ...]
    files: tuple[FileRecord, ...]
    logical_bytes: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class TensorRecord:
    """A named tensor of a tree.

    Args:
        id: The stored tensor object.
        view: None if the tensor is the whole of that object, else its offset and strides in
            elements.
    """

    name: str
    id: bytes
    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    view: tuple[int, tuple[int, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """Where an object is stored: the pack's content name and the entry's number in it."""

    pack: bytes
    index: int


@dataclass(frozen=True, slots=True)
class SketchRecord:
    """What a tensor object is found again by when one like it arrives; see `tensors.sketches`.

    Args:
        signature: Some of its values.
        bands: Keys that it shares with tensors like it.
    """

    signature: bytes
    bands: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AnnotationRecord:
    """A later fact about a version: any value that JSON can hold, under a key."""

    id: bytes
    version: bytes
    key: str
    value: Any
    created_ns: int
