"""Packs and blobs made by hand: any payload in any cell, with the checksums right.

What the core's writer would never write, to see that its reader refuses it, and the worked examples
of the documents, to see that it reads them.
"""

from __future__ import annotations

import contextlib
import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from modelhub import _core
from modelhub.errors import ModelHubError

BLOB_HEADER = bytes.fromhex("8D4D48424C4F420A0100000000000000")
PACK_HEADER = bytes.fromhex("8D4D485041434B0A0100000000000000")
PACK_END = bytes.fromhex("8D4D4850454E440A")

RAW, LZ4, ZSTD, RANS, BITS, FIELD, CLASSES, PALETTE, JOINED = range(1, 10)


@dataclass(frozen=True)
class Cell:
    codec: int
    payload: bytes = b""
    param: int = 0
    form: int = 0
    version: int = 1


@dataclass(frozen=True)
class Mapping:
    conversion: int
    dtype_code: int
    width: int
    value_kind: int
    raw_bytes: int
    shape: tuple[int, ...]
    reserved: bytes = bytes(3)


@dataclass(frozen=True)
class Fixed:
    """What a fixed entry's head says of its segments."""

    group_elements: int
    mantissa: int
    bits: tuple[int, ...]
    reserved: bytes = bytes(6)


@dataclass(frozen=True)
class Entry:
    """An entry as it is written; `cells` are by segment, then block."""

    width: int
    cells: tuple[Cell, ...]
    shape: tuple[int, ...]
    value_kind: int = 0
    dtype_code: int = 1
    kind: int = 1
    raw_bytes: int = -1  # What the shape says.
    block_log2: int = 16
    depth: int = -1  # What the base says.
    id: bytes = bytes(32)
    base: bytes | None = None
    mapping: Mapping | None = None
    fixed: Fixed | None = None
    scheme: int = -1  # What base, mapping and layout say.
    scheme_version: int = 1
    segment_bytes: tuple[int, ...] = ()  # What the cells say.

    def head(self) -> bytes:
        raw = self.raw_bytes
        if raw < 0:
            raw = self.width
            for dim in self.shape:
                raw *= dim
        scheme = self.scheme
        if scheme < 0:
            scheme = 0 if self.base is None else 1 if self.mapping is None else 2
            scheme = scheme if self.fixed is None else 3
        depth = (0 if self.base is None else 1) if self.depth < 0 else self.depth
        count = self.width if self.fixed is None else len(self.fixed.bits) + 1
        blocks = max(1, len(self.cells) // count)
        segments = self.segment_bytes or tuple(
            sum(len(cell.payload) for cell in self.cells[s * blocks : (s + 1) * blocks])
            for s in range(count)
        )
        rest = b"".join(struct.pack("<Q", dim) for dim in self.shape)
        rest += self.base or b""
        if self.mapping is not None:
            m = self.mapping
            rest += bytes([m.conversion, m.dtype_code, m.width, m.value_kind, len(m.shape)])
            rest += m.reserved + struct.pack(f"<{1 + len(m.shape)}Q", m.raw_bytes, *m.shape)
        if self.fixed is not None:
            f = self.fixed
            rest += struct.pack("<QBB", f.group_elements, f.mantissa, len(f.bits))
            rest += f.reserved + bytes(f.bits)
        rest += b"".join(struct.pack("<Q", size) for size in segments)
        fixed = struct.pack(
            "<8BIQ", self.kind, self.dtype_code, self.width, self.value_kind, scheme,
            self.scheme_version, self.block_log2, len(self.shape), depth, raw,
        )  # fmt: skip
        return struct.pack("<I", 56 + len(rest)) + fixed + self.id + rest

    def record(self) -> bytes:
        data = self.head()
        for cell in self.cells:
            data += struct.pack(
                "<I4BQ", len(cell.payload), cell.codec, cell.version, cell.param, cell.form,
                _core.checksum(cell.payload),
            )  # fmt: skip
        return data + struct.pack("<Q", _core.checksum(data))

    def payloads(self) -> bytes:
        return b"".join(cell.payload for cell in self.cells)

    def blob(self) -> bytes:
        return BLOB_HEADER + self.record() + self.payloads()

    def but(self, **changes: object) -> Entry:
        return replace(self, **changes)  # type: ignore[arg-type]


def pack(entries: list[Entry]) -> bytes:
    """Return a whole pack."""
    body = PACK_HEADER
    index = b""
    for entry in entries:
        record = entry.record()
        index += struct.pack("<QQ", len(body), len(record)) + record[-8:] + entry.head()
        body += record + entry.payloads()
    trailer = struct.pack("<QQQ", len(body), len(index), len(entries))
    trailer += struct.pack("<Q", _core.checksum(index))
    trailer += struct.pack("<Q", _core.checksum(trailer))
    return body + index + trailer + PACK_END


def pack_name(data: bytes) -> bytes:
    offset, size = struct.unpack_from("<QQ", data, len(data) - 48)
    return hashlib.sha256(data[:16] + data[offset : offset + size]).digest()


def reseal_record(data: bytearray, at: int, record_bytes: int) -> None:
    """Recompute the checksums of the payloads that a record names, and its own."""
    size, _, _, width, _, _, _, _, _ = struct.unpack_from("<I8B", data, at)
    payload = at + record_bytes
    if not 56 <= size < record_bytes or width == 0:
        return
    for cell in range(at + size, at + record_bytes - 8 - 15, 16):
        stored = struct.unpack_from("<I", data, cell)[0]
        body = bytes(data[payload : payload + stored])
        struct.pack_into("<Q", data, cell + 8, _core.checksum(body))
        payload += stored
    tail = at + record_bytes - 8
    struct.pack_into("<Q", data, tail, _core.checksum(bytes(data[at:tail])))


def reseal_blob(data: bytes) -> bytes:
    """Recompute every checksum of a blob, as far as its structure can be followed."""
    copy = bytearray(data)
    size, _, _, width, _, scheme, _, log2, dims = struct.unpack_from("<I8B", copy, 16)
    (raw,) = struct.unpack_from("<Q", copy, 32)
    blocks = -(-(raw // max(width, 1)) // (1 << log2 % 64))
    parts = 16 + 56 + 8 * dims + 9
    segments = copy[parts] + 1 if scheme == 3 and parts < len(copy) else width
    record_bytes = size + 16 * segments * blocks + 8
    if 16 + record_bytes <= len(copy):
        reseal_record(copy, 16, record_bytes)
    return bytes(copy)


def reseal_pack(path: Path) -> None:
    """Recompute every checksum of a pack, as far as its structure can be followed."""
    data = bytearray(path.read_bytes())
    end = len(data) - 48
    offset, size = struct.unpack_from("<QQ", data, end)
    at = offset
    while at + 28 <= offset + size:
        record, record_bytes = struct.unpack_from("<QQ", data, at)
        if record_bytes >= 56 and record + record_bytes <= offset:
            reseal_record(data, record, record_bytes)
            tail = record + record_bytes - 8
            data[at + 16 : at + 24] = data[tail : tail + 8]
        at += 24 + max(struct.unpack_from("<I", data, at + 24)[0], 1)
    index = bytes(data[offset : offset + size])
    struct.pack_into("<Q", data, end + 24, _core.checksum(index))
    struct.pack_into("<Q", data, end + 32, _core.checksum(bytes(data[end : end + 32])))
    path.write_bytes(data)


@contextlib.contextmanager
def only_refusals() -> Iterator[None]:
    """Let a block pass, or fail as a damaged pack may fail."""
    try:
        yield
    except ModelHubError as error:
        if error.kind not in {"corruption", "unsupported_version", "usage"}:
            raise
