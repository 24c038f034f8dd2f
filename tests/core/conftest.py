"""Helpers of the core's tests: ids, packs on disk, and a reader written from the documents.

`plain` is the decoder of tests/core/plain/, which shares no code with the core and follows the
pages of docs/formats/ and the spec.md of each codec line by line, so that a mistake that writer and
reader make together still shows. It leaves checksums to the core's reader. `reseal` makes all
checksums of a patched pack right again, as an attacker would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelhub import _core
from tests.core.craft import reseal_pack
from tests.core.plain.packs import decode_pack

# (dtype code, width, value kind) of every dtype of docs/formats/pack.md's callers.
DTYPES = [
    (1, 1, 0), (2, 1, 1), (3, 1, 0), (4, 2, 0), (5, 2, 1), (6, 4, 0), (7, 4, 1), (8, 8, 0),
    (9, 8, 1), (10, 2, 2), (11, 2, 2), (12, 4, 2), (13, 8, 2), (14, 1, 2), (15, 1, 2), (16, 4, 2),
    (17, 8, 2), (18, 1, 2), (19, 1, 2), (20, 1, 2), (21, 1, 0), (22, 1, 0), (23, 1, 0),
]  # fmt: skip
TENSOR = 1


def object_id(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


class Lab:
    """Writes small packs into a folder of the test's own."""

    dtypes = DTYPES
    tensor = TENSOR
    object_id = staticmethod(object_id)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def path(self) -> Path:
        self.count += 1
        return self.folder / f"{self.count}.pack"

    def pack(self, *arrays: np.ndarray, kind: int = TENSOR, width: int = 1, value_kind: int = 0,
             threads: int = 1, preset: str = "default") -> _core.PackReader:  # fmt: skip
        """Write arrays, each with the one before as base, and open the pack."""
        path = self.path()
        base = None
        with _core.PackWriter(str(path), preset=preset) as writer:
            for i, array in enumerate(arrays):
                raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
                name = object_id(str(i))
                _, delta = writer.add(
                    name, kind, 1, width, value_kind, array.shape, raw, base=base, threads=threads
                )
                base = (name, base[1] + 1 if base and delta else 0, raw)
            writer.finish()
        return _core.PackReader(str(path))

    def chain(self, reader: _core.PackReader, index: int) -> list[tuple[_core.PackReader, int]]:
        links = [(reader, index)]
        while (base := links[-1][0].entry(links[-1][1]).base) is not None:
            links.append((reader, reader.find(base)))
        return links

    def read(self, reader: _core.PackReader, index: int, **options: int) -> bytes:
        entry = reader.entry(index)
        size = entry.raw_bytes
        if "row_begin" in options or "row_end" in options:
            rows = entry.shape[0]
            taken = options.get("row_end", rows) - options.get("row_begin", 0)
            size = size // rows * taken if rows else 0
        out = np.full(size, 0xA5, np.uint8)
        _core.decode(self.chain(reader, index), out, **options)
        return out.tobytes()


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


@pytest.fixture
def plain() -> Callable[..., dict[bytes, bytes]]:
    return decode_pack


@pytest.fixture
def reseal() -> Callable[[Path], None]:
    return reseal_pack
