"""Describe what a weights file holds, without its values.

A *storage* is a stored run of values: a range of the file's bytes, or *detached*, when the file
holds the values in a form (compressed, big-endian) from which they must be computed. A *tensor* is
a name on a storage: all of it, or a strided view. A *literal* is a run of bytes between storages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from modelhub.errors import BadInputError

__all__ = ["Parsed", "Piece", "Readable", "Scalar", "Storage", "TensorEntry"]

Scalar = str | int | float | bool

# ("literal", offset, size) or ("storage", index, offset, size); sizes and offsets in bytes.
Piece = tuple[str, int, int] | tuple[str, int, int, int]


class Readable(Protocol):
    """A file of known size that is read by position."""

    @property
    def path(self) -> Path:
        """The file's path, for messages."""

    @property
    def size(self) -> int:
        """Bytes."""

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes from `offset` on; raises BadInputError when short."""


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of values: `nbytes` bytes at `offset`, or detached where the offset is None.

    `dtype` and `shape` are those of the tensor that is the whole storage, else the values lie flat.
    """

    index: int
    offset: int | None
    nbytes: int
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """A named tensor on a storage.

    With `strides` None it is the whole storage, of the same dtype and shape. Else it is a view:
    offset and strides count values of the tensor's own dtype, over the storage's bytes.
    """

    name: str
    storage: int
    dtype: str
    shape: tuple[int, ...]
    offset_elements: int = 0
    strides: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file's structure: storages by index, tensors, scalars that it carries, and remarks.

    `detached` maps the index of each detached storage to what computes its raw bytes; it reads the
    file, which must still be open then.
    """

    kind: str
    size: int
    storages: list[Storage]
    tensors: list[TensorEntry]
    metadata: dict[str, Scalar] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    detached: Mapping[int, Callable[[], bytes | bytearray]] = field(default_factory=dict)

    def pieces(self) -> Iterator[Piece]:
        """Yield the file's pieces in order, covering each byte once.

        Empty storages are yielded too, with size 0; empty literals are not.
        """
        position = 0
        for offset, size, index in self._ranges():
            if offset > position:
                yield ("literal", position, offset - position)
            yield ("storage", index, offset, size)
            position = offset + size
        if position < self.size:
            yield ("literal", position, self.size - position)

    def _ranges(self) -> list[tuple[int, int, int]]:
        # Sorted by size within an offset: an empty storage comes before the one that begins there.
        return sorted((s.offset, s.nbytes, s.index) for s in self.storages if s.offset is not None)

    def load_detached(self, index: int) -> bytes | bytearray:
        """Return the raw bytes of a detached storage; costs its decompression or conversion.

        Raises:
            BadInputError: the file does not hold what its structure says.
        """
        data = self.detached[index]()
        if len(data) != self.storages[index].nbytes:
            raise BadInputError(
                f"{len(data)} bytes of values for tensor {self._name(index)!r}",
                expected=str(self.storages[index].nbytes),
                kind="bad_header",
            )
        return data

    def in_place(self) -> Parsed:
        """Return the structure without detached storages and the tensors on them.

        The pieces still cover every byte: what a detached storage was computed from is literal.
        """
        kept = [storage for storage in self.storages if storage.offset is not None]
        if len(kept) == len(self.storages):
            return self
        number = {storage.index: index for index, storage in enumerate(kept)}
        return replace(
            self,
            storages=[replace(storage, index=number[storage.index]) for storage in kept],
            tensors=[
                replace(tensor, storage=number[tensor.storage])
                for tensor in self.tensors
                if tensor.storage in number
            ],
            detached={},
        )

    def _name(self, index: int) -> str:
        return next((tensor.name for tensor in self.tensors if tensor.storage == index), "")

    def check(self, where: str) -> None:
        """Make sure that storages lie inside the file and apart, and that names are unique.

        Raises:
            BadInputError: kind truncated, bad_header or duplicate_name.
        """
        position, before = 0, -1
        for offset, size, index in self._ranges():
            if offset + size > self.size:
                raise BadInputError(
                    f"tensor {self._name(index)!r} ends at byte {offset + size}",
                    expected=f"at most the file's {self.size} bytes",
                    where=where,
                    hint="the file is cut short; fetch or save it again",
                    kind="truncated",
                )
            if offset < position:
                raise BadInputError(
                    f"tensors {self._name(before)!r} and {self._name(index)!r} overlap",
                    expected="ranges that lie apart",
                    where=where,
                    kind="bad_header",
                )
            position, before = offset + size, index
        seen: set[str] = set()
        for tensor in self.tensors:
            if tensor.name in seen:
                raise BadInputError(
                    f"tensor name {tensor.name!r} stands twice",
                    expected="names that differ",
                    where=where,
                    kind="duplicate_name",
                )
            seen.add(tensor.name)
