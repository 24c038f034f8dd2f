"""Take a file into the store: tensors as tensors, the rest as literal runs, a recipe over both.

A file is read once, in order, with bounded buffers: its SHA-256 is computed in a second thread
while the tensor just read is hashed and encoded. Memory is that of the largest tensor, not of the
file: two read buffers, a decoded base and the encoder's output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from modelhub import ids
from modelhub.containers.model import Parsed, Readable, Storage
from modelhub.errors import ConflictError
from modelhub.pas import recipe
from modelhub.pas.recipe import LITERAL_BYTES_MAX, Literal, Reference
from modelhub.pas.session import Session
from modelhub.pas.tree import StoredStorage, StoredTensor
from modelhub.tensors.arrays import Bytes, TensorSpec

__all__ = ["FindBase", "Ingested", "Progress", "Source", "ingest", "stored_tensors"]

# Runs of a plain file are cut into blobs of this size: small enough to stream, large enough that
# the 32-byte reference and the index row of each do not count.
BLOB_BYTES = 16 << 20

Progress = Callable[[int], None]
# Finds a base for a storage that is not stored yet: (tensor name, its id, dtype and shape, raw
# bytes) -> id of a stored object, or None.
FindBase = Callable[[str, bytes, TensorSpec, Bytes], bytes | None]


class Source(Readable, Protocol):
    """A file that is read in order into memory of ours."""

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill `view` with the bytes from `offset` on."""

    def changed(self) -> bool:
        """Say whether the file is not what it was when it was opened."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """A stored file: size, SHA-256, the recipe's id, and the storages in the container's order."""

    size: int
    sha256: bytes
    recipe: bytes
    storages: tuple[StoredStorage, ...]


class _Digest:
    """Computes a SHA-256 in a thread of its own, one buffer behind the reader."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._sha = ids.sha256()
        self._last: Future[None] | None = None

    def update(self, data: np.ndarray) -> None:
        """Hash a buffer; the buffer of the call before is free again when this returns."""
        if self._last is not None:
            self._last.result()
        self._last = self._pool.submit(self._sha.update, data.data)

    def digest(self) -> bytes:
        """Wait for the last buffer and return the digest."""
        if self._last is not None:
            self._last.result()
        return self._sha.digest()


class _Buffers:
    """Two buffers used in turn, grown as needed: one is hashed while the other is filled."""

    def __init__(self) -> None:
        self._pair = [np.empty(0, np.uint8), np.empty(0, np.uint8)]
        self._turn = 0

    def take(self, size: int) -> np.ndarray:
        """Return `size` bytes of scratch memory, valid until the next call but one."""
        self._turn ^= 1
        if self._pair[self._turn].size < size:
            self._pair[self._turn] = np.empty(0, np.uint8)
            self._pair[self._turn] = np.empty(size, np.uint8)
        return self._pair[self._turn][:size]


def _runs(size: int, step: int) -> Iterator[tuple[int, int]]:
    for start in range(0, size, step):
        yield start, min(step, size - start)


def ingest(
    session: Session,
    file: Source,
    parsed: Parsed,
    find_base: FindBase,
    progress: Progress | None = None,
) -> Ingested:
    """Store an open file whose structure has been parsed.

    Raises:
        ConflictError: the file changed while it was read; nothing refers to what was stored.
    """
    names = _first_names(parsed)
    operations: list[Literal | Reference] = []
    object_ids: dict[int, bytes] = {}
    buffers = _Buffers()
    with ThreadPoolExecutor(1, thread_name_prefix="modelhub-sha256") as pool:
        digest = _Digest(pool)
        for kind, *where in parsed.pieces():
            if kind == "storage":
                index, offset, size = where
                data = _read(file, offset, size, buffers, digest)
                storage = parsed.storages[index]
                object_ids[index] = _store(session, storage, data, names.get(index), find_base)
                operations.append(Reference(object_ids[index], 0, size))
                _advance(progress, size)
            else:
                offset, total = where
                step = LITERAL_BYTES_MAX if total <= LITERAL_BYTES_MAX else BLOB_BYTES
                for start, size in _runs(total, step):
                    data = _read(file, offset + start, size, buffers, digest)
                    if total <= LITERAL_BYTES_MAX:
                        operations.append(Literal(data.tobytes()))
                    else:
                        blob = session.add_object(ids.BLOB, data)
                        operations.append(Reference(blob, 0, size))
                    _advance(progress, size)
        sha256 = digest.digest()
    if file.changed():
        raise ConflictError(
            "the file changed while it was being read",
            where=str(file.path),
            hint="wait until it is written, then add and commit it again",
            kind="changed_since_add",
        )
    for storage in parsed.storages:
        if storage.offset is None:
            data = np.frombuffer(parsed.load_detached(storage.index), np.uint8)
            name = names.get(storage.index)
            object_ids[storage.index] = _store(session, storage, data, name, find_base)
    storages = tuple(
        StoredStorage(object_ids[storage.index], storage.dtype, tuple(storage.shape))
        for storage in parsed.storages
    )
    recipe_id = session.add_object(ids.RECIPE, recipe.encode(file.size, sha256, operations))
    return Ingested(file.size, sha256, recipe_id, storages)


def stored_tensors(parsed: Parsed, prefix: str = "", first_storage: int = 0) -> list[StoredTensor]:
    """Return a file's tensors as a tree lists them, its storages counted from `first_storage`."""
    return [
        StoredTensor(
            prefix + tensor.name,
            first_storage + tensor.storage,
            tensor.dtype,
            tuple(tensor.shape),
            tensor.offset_elements,
            None if tensor.strides is None else tuple(tensor.strides),
        )
        for tensor in parsed.tensors
    ]


def _first_names(parsed: Parsed) -> dict[int, str]:
    """Map each storage to the first name on it, by which its base is looked up."""
    names: dict[int, str] = {}
    for tensor in sorted(parsed.tensors, key=lambda entry: entry.name):
        names.setdefault(tensor.storage, tensor.name)
    return names


def _read(file: Source, offset: int, size: int, buffers: _Buffers, digest: _Digest) -> np.ndarray:
    data = buffers.take(size)
    file.read_into(offset, data.data)
    digest.update(data)
    return data


def _store(
    session: Session,
    storage: Storage,
    data: np.ndarray,
    name: str | None,
    find_base: FindBase,
) -> bytes:
    shape = tuple(storage.shape)
    object_id = ids.tensor_id(storage.dtype, shape, data)
    base = None
    if name is not None and not session.known(object_id):
        base = find_base(name, object_id, TensorSpec(storage.dtype, shape), data)
    session.add_tensor(object_id, storage.dtype, shape, data, base)
    return object_id


def _advance(progress: Progress | None, size: int) -> None:
    if progress is not None:
        progress(size)
