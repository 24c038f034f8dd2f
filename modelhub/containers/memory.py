"""Present arrays in memory as the safetensors file they would make.

One path then serves files and arrays: the same structure, the same recipe, the same bytes at
checkout. Arrays that share memory are written twice in the file, as the format demands, and are
tied again by `tie`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from modelhub.containers import safetensors
from modelhub.containers.model import Parsed
from modelhub.errors import BadInputError
from modelhub.tensors.arrays import spec_of, to_bytes

__all__ = ["ArrayFile"]


class ArrayFile:
    """A read-only file over arrays; mirrors what readers use of `fs.files.InputFile`."""

    def __init__(self, arrays: Mapping[str, Any], name: str) -> None:
        for key in arrays:
            if not isinstance(key, str):
                raise BadInputError(
                    f"tensor name {key!r}", expected="a string", where=name, kind="bad_name"
                )
        self._arrays = dict(arrays)
        specs = [(key, spec_of(array)) for key, array in self._arrays.items()]
        header = safetensors.header_bytes(specs, {})
        self._parts: list[tuple[int, str | None]] = [(0, None)]
        position = len(header)
        for key, spec in specs:
            if spec.nbytes:
                self._parts.append((position, key))
            position += spec.nbytes
        self._starts = [start for start, _ in self._parts]
        self._header = np.frombuffer(header, np.uint8)
        self.path = Path(name)
        self.size = position

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
        """Do nothing: the arrays belong to the caller."""

    def changed(self) -> bool:
        """Return False: a writer in another thread cannot be seen."""
        return False

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes [offset, offset + size).

        Raises:
            BadInputError: kind `truncated`, the file is shorter.
        """
        data = bytearray(size)
        self.read_into(offset, memoryview(data))
        return bytes(data)

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill `view` with the bytes from `offset` on.

        Raises:
            BadInputError: kind `truncated`, the file is shorter.
        """
        if offset < 0 or offset + view.nbytes > self.size:
            raise BadInputError(
                f"{view.nbytes} bytes from {offset} pass the end at {self.size}",
                where=str(self.path),
                kind="truncated",
            )
        out = np.frombuffer(view, np.uint8)
        done = 0
        part = bisect_right(self._starts, offset) - 1
        while done < out.size:
            start, key = self._parts[part]
            data = (
                self._header
                if key is None
                else np.frombuffer(to_bytes(self._arrays[key]), np.uint8)
            )
            run = data[offset + done - start :][: out.size - done]
            out[done : done + run.size] = run
            done += run.size
            part += 1

    def tie(self, parsed: Parsed) -> Parsed:
        """Return the structure with names whose arrays share memory on one storage."""
        first: dict[tuple[int, str, tuple[int, ...]], int] = {}
        tensors = []
        for tensor in parsed.tensors:
            pointer = _pointer(self._arrays[tensor.name])
            storage = tensor.storage
            if pointer and parsed.storages[storage].nbytes:
                key = (pointer, tensor.dtype, tuple(tensor.shape))
                storage = first.setdefault(key, storage)
            tensors.append(replace(tensor, storage=storage))
        return replace(parsed, tensors=tensors)


def _pointer(array: Any) -> int:
    """Return where an array's memory begins, for contiguous numpy arrays and torch tensors."""
    if isinstance(array, np.ndarray):
        return int(array.ctypes.data) if array.flags.c_contiguous else 0
    pointer = getattr(array, "data_ptr", None)
    contiguous = getattr(array, "is_contiguous", None)
    return int(pointer()) if pointer and contiguous and contiguous() else 0
