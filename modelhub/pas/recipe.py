"""Describe how a file is put together again from stored objects.

A *recipe* is a list of operations in file order: a *literal* run of bytes, or a *reference* to a
range of a stored object's raw bytes (a tensor storage, or a blob). One kind of recipe serves every
container. The format is specified in docs/formats/objects.md.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from modelhub.errors import CorruptionError

__all__ = ["LITERAL_BYTES_MAX", "Literal", "Recipe", "Reference", "decode", "encode"]

_MAGIC = b"MHRC"
_VERSION = 1
_HEAD = struct.Struct("<4sB3xQ32sI")
_REFERENCE = struct.Struct("<B32sQQ")
_LITERAL = struct.Struct("<BI")
_TAG_LITERAL = 0
_TAG_REFERENCE = 1

# Longer runs become blobs of their own, so that a recipe stays small enough to be held whole and a
# changed run costs one blob, not a new recipe of megabytes.
LITERAL_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Literal:
    """A run of bytes that stands in the recipe itself."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Reference:
    """The bytes [start, start + length) of a stored object."""

    object_id: bytes
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """A file's size in bytes, its SHA-256, and the operations that rebuild it in order."""

    size: int
    sha256: bytes
    operations: tuple[Literal | Reference, ...]

    @property
    def object_ids(self) -> list[bytes]:
        """The objects it refers to, each once, in the order of first use."""
        references = (step for step in self.operations if isinstance(step, Reference))
        return list(dict.fromkeys(step.object_id for step in references))


def encode(size: int, sha256: bytes, operations: Sequence[Literal | Reference]) -> bytes:
    """Return the recipe's bytes."""
    parts = [_HEAD.pack(_MAGIC, _VERSION, size, sha256, len(operations))]
    for step in operations:
        if isinstance(step, Literal):
            parts += [_LITERAL.pack(_TAG_LITERAL, len(step.data)), step.data]
        else:
            parts.append(_REFERENCE.pack(_TAG_REFERENCE, step.object_id, step.start, step.length))
    return b"".join(parts)


def _corrupt(found: str) -> CorruptionError:
    return CorruptionError(found, where="recipe", hint="run `modelhub fsck`")


def decode(data: bytes) -> Recipe:
    """Read a recipe.

    Raises:
        CorruptionError: the bytes are not a recipe, or its operations do not add up to its size.
    """
    try:
        magic, version, size, sha256, count = _HEAD.unpack_from(data, 0)
        if magic != _MAGIC:
            raise _corrupt(f"magic {magic!r} is not {_MAGIC!r}")
        if version != _VERSION:
            raise CorruptionError(
                f"recipe version {version}",
                expected=str(_VERSION),
                hint="upgrade modelhub",
                kind="unsupported_version",
            )
        operations, total = _operations(data, count)
    except struct.error as error:
        raise _corrupt(f"ends early ({error})") from error
    if total != size:
        raise _corrupt(f"operations cover {total} bytes of {size}")
    return Recipe(size, sha256, tuple(operations))


def _operations(data: bytes, count: int) -> tuple[list[Literal | Reference], int]:
    operations: list[Literal | Reference] = []
    position, total = _HEAD.size, 0
    for _ in range(count):
        tag = data[position] if position < len(data) else -1
        if tag == _TAG_LITERAL:
            _, length = _LITERAL.unpack_from(data, position)
            position += _LITERAL.size
            run = data[position : position + length]
            if len(run) != length:
                raise _corrupt(f"a literal of {length} bytes ends early")
            operations.append(Literal(run))
            position += length
        elif tag == _TAG_REFERENCE:
            _, object_id, start, length = _REFERENCE.unpack_from(data, position)
            operations.append(Reference(object_id, start, length))
            position += _REFERENCE.size
        else:
            raise _corrupt(f"operation tag {tag} at byte {position}")
        total += length
    if position != len(data):
        raise _corrupt(f"{len(data) - position} bytes after the last operation")
    return operations, total
