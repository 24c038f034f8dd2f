"""Helpers of the core's tests: ids, packs on disk, and a reader written from the format's page.

`plain_decode` shares no code with the core and follows docs/formats/pack.md line by line, so that a
mistake that writer and reader make together still shows. It leaves checksums to the core's reader.
`reseal` makes all checksums of a patched pack right again, as an attacker would.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import lz4.block
import numpy as np
import pytest
import zstandard

from modelhub import _core

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
             threads: int = 1) -> _core.PackReader:  # fmt: skip
        """Write arrays, each with the one before as base, and open the pack."""
        path = self.path()
        base = None
        with _core.PackWriter(str(path)) as writer:
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


def _levels(values: np.ndarray, width: int) -> np.ndarray:
    """View elements as their levels, the leading one last (little-endian)."""
    return values.view(f"<u{max(1, width // 2)}")


def _ordered(values: np.ndarray, value_kind: int) -> np.ndarray:
    if value_kind != 2:
        return values
    top = values.dtype.type(1 << (8 * values.itemsize - 1))
    return np.where(values & top != 0, ~values, values | top)


def _unordered(values: np.ndarray, value_kind: int) -> np.ndarray:
    if value_kind != 2:
        return values
    top = values.dtype.type(1 << (8 * values.itemsize - 1))
    return np.where(values & top != 0, values ^ top, ~values)


def _entries(data: bytes) -> Iterator[tuple[bytes, int, int, int, bytes | None, list[bytes]]]:
    """Walk the records of a pack; yield id, width, value kind, elements, base and segments."""
    end = struct.unpack_from("<Q", data, len(data) - 48)[0]
    at = 16
    while at < end:
        size, _, _, width, value_kind, scheme, _, log2, dims = struct.unpack_from("<I8B", data, at)
        raw = struct.unpack_from("<Q", data, at + 16)[0]
        base_at = at + 56 + 8 * dims
        base = data[base_at : base_at + 32] if scheme else None
        elements = raw // width
        blocks = -(-elements // (1 << log2))
        cell_at = at + size
        payload = cell_at + 16 * width * blocks + 8
        segments = []
        for _ in range(width):
            segment = b""
            for block in range(blocks):
                n = min(1 << log2, elements - (block << log2))
                stored, codec, _, fill = struct.unpack_from("<I3B", data, cell_at)
                body = data[payload : payload + stored]
                segment += _expand(codec, fill, body, n)
                cell_at += 16
                payload += stored
            segments.append(segment)
        yield data[at + 24 : at + 56], width, value_kind, elements, base, segments
        at = payload


def _expand(codec: int, fill: int, body: bytes, n: int) -> bytes:
    if codec == 0:
        return bytes([fill]) * n
    if codec == 1:
        return body
    if codec == 2:
        return lz4.block.decompress(body, uncompressed_size=n)
    return zstandard.ZstdDecompressor().decompress(body)


def plain_decode(path: Path) -> dict[bytes, bytes]:
    """Decode every entry of a pack whose bases come before in the same pack."""
    done: dict[bytes, bytes] = {}
    for name, width, value_kind, elements, base, segments in _entries(path.read_bytes()):
        planes = [np.frombuffer(segment, np.uint8) for segment in segments]
        stacked = np.stack(planes[::-1], axis=1) if elements else np.zeros((0, width), np.uint8)
        values = np.ascontiguousarray(stacked).reshape(-1).view(f"<u{width}")
        if base is not None:
            one = _levels(values, width)
            step = (one >> 1) ^ (0 - (one & 1)).astype(one.dtype)
            before = _ordered(np.frombuffer(done[base], f"<u{width}"), value_kind).copy()
            values = _unordered((_levels(before, width) + step).view(f"<u{width}"), value_kind)
        done[name] = values.astype(f"<u{width}").tobytes()
    return done


@pytest.fixture
def plain() -> Callable[[Path], dict[bytes, bytes]]:
    return plain_decode


def _reseal_cells(data: bytearray, at: int, record_bytes: int) -> None:
    """Recompute the checksums of payloads that lie where the record says."""
    size, _, _, width, _, _, _, _, _ = struct.unpack_from("<I8B", data, at)
    payload = at + record_bytes
    if not 56 <= size < record_bytes or width == 0:
        return
    for cell in range(at + size, at + record_bytes - 8 - 15, 16):
        stored = struct.unpack_from("<I", data, cell)[0]
        body = bytes(data[payload : payload + stored])
        struct.pack_into("<Q", data, cell + 8, _core.checksum(body))
        payload += stored


def reseal_pack(path: Path) -> None:
    """Recompute every checksum of a pack, as far as its structure can be followed."""
    data = bytearray(path.read_bytes())
    end = len(data) - 48
    offset, size = struct.unpack_from("<QQ", data, end)
    at = offset
    while at + 28 <= offset + size:
        record, record_bytes = struct.unpack_from("<QQ", data, at)
        if record_bytes >= 56 and record + record_bytes <= offset:
            _reseal_cells(data, record, record_bytes)
            tail = record + record_bytes - 8
            struct.pack_into("<Q", data, tail, _core.checksum(bytes(data[record:tail])))
            data[at + 16 : at + 24] = data[tail : tail + 8]
        at += 24 + max(struct.unpack_from("<I", data, at + 24)[0], 1)
    index = bytes(data[offset : offset + size])
    struct.pack_into("<Q", data, end + 24, _core.checksum(index))
    struct.pack_into("<Q", data, end + 32, _core.checksum(bytes(data[end : end + 32])))
    path.write_bytes(data)


@pytest.fixture
def reseal() -> Callable[[Path], None]:
    return reseal_pack
