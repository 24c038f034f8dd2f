"""Read a stored file by position as it would be with other values in its tensors.

Nothing is written: literal runs come from the recipe, tensors from the store by way of a *change*.
Since that keeps sizes, every byte stays where it was; what depends on values (the checksums of a
zip archive) can be laid over with `patch`.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from modelhub import ids
from modelhub.errors import BadInputError
from modelhub.pas.rebuild import load_recipe
from modelhub.pas.recipe import Literal, Reference
from modelhub.pas.store import Store
from modelhub.pas.tree import StoredFile, StoredStorage
from modelhub.tensors.dtypes import by_code

__all__ = ["Change", "RewrittenFile"]

Bytes = npt.NDArray[np.uint8]
# Takes a storage and its raw bytes, returns as many; must return the same for the same storage.
Change = Callable[[StoredStorage, Bytes], Bytes]

# A checksum is computed in steps that stay in the second-level cache.
_STEP_BYTES = 1 << 18


class RewrittenFile:
    """A stored file with changed tensors; mirrors what readers use of `fs.files.InputFile`.

    One storage is held at a time, so reading in order changes each once.
    """

    def __init__(self, store: Store, file: StoredFile, change: Change) -> None:
        recipe = load_recipe(store, file.recipe)
        self._store = store
        self._change = change
        # Empty steps take no bytes; without them the starts differ.
        self._steps: list[Literal | Reference] = []
        self._starts: list[int] = []
        position = 0
        for step in recipe.operations:
            size = len(step.data) if isinstance(step, Literal) else step.length
            if size:
                self._steps.append(step)
                self._starts.append(position)
            position += size
        self._held_id = b""
        self._held: Bytes = np.empty(0, np.uint8)
        self._patches: dict[int, bytes] = {}
        self._patched: list[int] = []
        self._patch_longest = 0
        self.path = Path(file.path)
        self.size = recipe.size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the storage in hand."""
        self._held_id, self._held = b"", np.empty(0, np.uint8)

    def changed(self) -> bool:
        """Return False: what is stored stays as it is."""
        return False

    def patch(self, offset: int, data: bytes) -> None:
        """Let `data` stand at an offset, over whatever else is there."""
        if offset not in self._patches:
            insort(self._patched, offset)
        self._patches[offset] = data
        self._patch_longest = max(self._patch_longest, len(data))

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes [offset, offset + size).

        Raises:
            BadInputError: kind `truncated`, the file ends before.
        """
        data = bytearray(self._checked(offset, size))
        self.read_into(offset, memoryview(data))
        return bytes(data)

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill `view` with the bytes from `offset` on.

        Raises:
            BadInputError: kind `truncated`, the file ends before.
        """
        size = self._checked(offset, view.nbytes)
        if size == 0:
            return
        out = np.frombuffer(view, np.uint8)
        number = bisect_right(self._starts, offset) - 1
        done = 0
        while done < size:
            data = self._data(self._steps[number])
            run = data[offset + done - self._starts[number] :][: size - done]
            out[done : done + run.size] = run
            done += run.size
            if offset + done == self._starts[number] + data.size:
                # Read to its end: in order, nobody comes back for it.
                self.close()
            number += 1
        self._lay_over(offset, out)

    def holds_tensors(self, offset: int, size: int) -> bool:
        """Say whether bytes of a tensor lie in [offset, offset + size)."""
        first = max(bisect_right(self._starts, offset) - 1, 0)
        steps = self._steps[first : bisect_left(self._starts, offset + size)]
        return any(isinstance(step, Reference) and self._is_tensor(step) for step in steps)

    def checksum(self, offset: int, size: int) -> int:
        """Return the CRC-32 of the bytes [offset, offset + size)."""
        crc = 0
        for start in range(0, size, _STEP_BYTES):
            crc = zlib.crc32(self.read(offset + start, min(_STEP_BYTES, size - start)), crc)
        return crc

    def _checked(self, offset: int, size: int) -> int:
        if offset < 0 or size < 0 or offset + size > self.size:
            raise BadInputError(
                f"{size} bytes from {offset} pass the end at {self.size}",
                where=str(self.path),
                kind="truncated",
            )
        return size

    def _is_tensor(self, step: Reference) -> bool:
        return self._store.entry(step.object_id).kind == ids.TENSOR

    def _data(self, step: Literal | Reference) -> Bytes:
        if isinstance(step, Literal):
            return np.frombuffer(step.data, np.uint8)
        if step.object_id != self._held_id:
            # First let go, so that two storages are never held at once.
            self.close()
            entry = self._store.entry(step.object_id)
            data = self._store.read(step.object_id).data
            if entry.kind == ids.TENSOR:
                dtype = by_code(entry.dtype_code).name
                storage = StoredStorage(step.object_id, dtype, tuple(entry.shape))
                data = self._change(storage, data)
            self._held_id, self._held = step.object_id, data
        return self._held[step.start : step.start + step.length]

    def _lay_over(self, offset: int, out: Bytes) -> None:
        end = offset + out.size
        # One that begins before may still reach in.
        first = bisect_left(self._patched, offset - self._patch_longest)
        for start in self._patched[first : bisect_left(self._patched, end)]:
            data = np.frombuffer(self._patches[start], np.uint8)
            begin, stop = max(start, offset), min(start + data.size, end)
            if begin < stop:
                out[begin - offset : stop - offset] = data[begin - start : stop - start]
