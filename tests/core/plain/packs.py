"""Packs and blobs: docs/formats/pack.md and docs/formats/blob.md.

Checksums, ids and the index are left to the core's reader: a pack is walked by its records.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.core.plain.blocks import Cell, decode_block, leading_bytes, level_bytes
from tests.core.plain.fixed import Layout, check_layout, decode_fixed
from tests.core.plain.mapping import convert, cut
from tests.core.plain.strings import refuse_unless

BLOB_MAGIC = bytes.fromhex("8D4D48424C4F420A")


@dataclass(frozen=True)
class Mapping:
    conversion: int
    width: int
    value_kind: int
    raw_bytes: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Entry:
    id: bytes
    width: int
    value_kind: int
    raw_bytes: int
    shape: tuple[int, ...]
    log2: int
    base: bytes | None
    mapping: Mapping | None
    fixed: Layout | None
    blocks: list[list[Cell]]  # By block, then segment.

    @property
    def elements(self) -> int:
        return self.raw_bytes // self.width


def _dims(data: bytes, at: int, count: int) -> tuple[int, ...]:
    return struct.unpack_from(f"<{count}Q", data, at)


def _check_array(width: int, value_kind: int, raw_bytes: int, shape: tuple[int, ...]) -> None:
    refuse_unless(width in (1, 2, 4, 8) and value_kind <= 2, "a type")
    refuse_unless(raw_bytes < 1 << 63 and raw_bytes % width == 0, "a length")
    refuse_unless(len(shape) <= 64 and all(dim < 1 << 63 for dim in shape), "a shape")
    refuse_unless((0 in shape) == (raw_bytes == 0), "a shape that is empty, or bytes that are")


def _parse_mapping(data: bytes, at: int) -> tuple[Mapping, int, int]:
    """Parse what a mapped delta says of its base; return the base's dtype code and the end too."""
    conversion, code, width, value_kind, dims = struct.unpack_from("<5B", data, at)
    (raw_bytes,) = struct.unpack_from("<Q", data, at + 8)
    refuse_unless(data[at + 5 : at + 8] == bytes(3) and conversion <= 4, "a mapping")
    shape = _dims(data, at + 16, dims)
    _check_array(width, value_kind, raw_bytes, shape)
    return Mapping(conversion, width, value_kind, raw_bytes, shape), code, at + 16 + 8 * dims


def _parse_layout(data: bytes, at: int) -> tuple[Layout, int]:
    group_elements, mantissa, parts = struct.unpack_from("<QBB", data, at)
    refuse_unless(data[at + 10 : at + 16] == bytes(6), "a reserved byte")
    end = at + 16 + parts
    return Layout(group_elements, mantissa, tuple(data[at + 16 : end])), end


WIDTHS = {1: (4, 2), 2: (4, 2), 3: (2, 4), 4: (2, 4)}  # Of conversions: before and after.


def parse_entry(data: bytes, at: int) -> tuple[Entry, int]:
    """Parse the entry at an offset; return it and where the next one begins."""
    begin = at
    size, _, code, width, value_kind, scheme, version = struct.unpack_from("<I6B", data, at)
    log2, dims, depth, raw_bytes = struct.unpack_from("<BBIQ", data, at + 10)
    refuse_unless(scheme <= 3 and version == 1, "a scheme")
    refuse_unless((depth > 0) == (scheme in (1, 2)) and depth <= 65535, "a depth")
    refuse_unless(8 <= log2 <= 20, "blocks")
    name = data[at + 24 : at + 56]
    shape = _dims(data, at + 56, dims)
    _check_array(width, value_kind, raw_bytes, shape)
    at += 56 + 8 * dims
    base = mapping = fixed = None
    if scheme in (1, 2):
        base = data[at : at + 32]
        refuse_unless(base != name, "an entry that stands on itself")
        at += 32
    if scheme == 2:
        mapping, base_code, at = _parse_mapping(data, at)
        theirs, ours = (mapping.width, mapping.value_kind), (width, value_kind)
        if mapping.conversion == 0:
            refuse_unless((*theirs, base_code) == (*ours, code), "the type of a base")
        else:
            before, after = WIDTHS[mapping.conversion]
            refuse_unless((*theirs, *ours) == (before, 2, after, 2), "the type of a base")
    segments = width
    if scheme == 3:
        fixed, at = _parse_layout(data, at)
        check_layout(fixed, width, value_kind)
        segments = len(fixed.bits) + 1
    segment_bytes = _dims(data, at, segments)
    at += 8 * segments
    refuse_unless(at == begin + size, "the head's length")
    count = -(-(raw_bytes // width) // (1 << log2))
    payload = at + 16 * segments * count + 8
    refuse_unless(payload <= len(data), "a record that is cut short")
    blocks: list[list[Cell]] = [[] for _ in range(count)]
    most = raw_bytes + (8 * count if scheme == 3 else 0)
    for s in range(segments):
        total = 0
        for b in range(count):
            stored, codec, codec_version, param, form = struct.unpack_from("<I4B", data, at)
            refuse_unless(codec <= 9 and codec_version == 1, "a codec")
            refuse_unless(param == 0 or codec in (0, 5), "a parameter")
            blocks[b].append(Cell(codec, param, form, data[payload : payload + stored]))
            at += 16
            payload += stored
            total += stored
        refuse_unless(total == segment_bytes[s] <= most, "the sum of a segment")
    entry = Entry(name, width, value_kind, raw_bytes, shape, log2, base, mapping, fixed, blocks)
    return entry, payload


def decode_entry(entry: Entry, base: bytes | None = None, planes: int | None = None) -> bytes:
    """Decode an entry against the whole bytes of its base, or their leading planes."""
    width = entry.width
    planes = planes or width
    kept = planes
    before = None
    if entry.base is not None:
        refuse_unless(base is not None, "no base")
        kept = level_bytes(width) if planes <= level_bytes(width) else width
        if entry.mapping is None:
            before = np.frombuffer(base or b"", f"<u{width}")
        else:
            mapping = entry.mapping
            given = np.frombuffer(base or b"", f"<u{mapping.width}")
            converted = convert(mapping.conversion, given)
            before = cut(converted, mapping.shape, entry.shape, entry.elements)
        before = leading_bytes(before, kept)
    parts = [np.empty(0, f"<u{width}")]
    for b, cells in enumerate(entry.blocks):
        begin = b << entry.log2
        n = min(1 << entry.log2, entry.elements - begin)
        if entry.fixed is not None:
            parts.append(decode_fixed(cells, begin, n, width, entry.fixed))
            continue
        part = None if before is None else before[begin : begin + n]
        parts.append(decode_block(cells, n, width, entry.value_kind, kept, part))
    return leading_bytes(np.concatenate(parts), planes).astype(f"<u{width}").tobytes()


def entries_of(path: Path) -> dict[bytes, Entry]:
    """Walk the records of a pack."""
    data = path.read_bytes()
    (end,) = struct.unpack_from("<Q", data, len(data) - 48)
    at = 16
    entries = {}
    while at < end:
        entry, at = parse_entry(data, at)
        entries[entry.id] = entry
    return entries


def decode_pack(path: Path, planes: int | None = None) -> dict[bytes, bytes]:
    """Decode every entry of a pack whose bases come before in the same pack."""
    done: dict[bytes, bytes] = {}
    leading: dict[bytes, bytes] = {}
    for name, entry in entries_of(path).items():
        base = done[entry.base] if entry.base is not None else None
        done[name] = decode_entry(entry, base)
        kept = None if planes is None else min(planes, entry.width)
        leading[name] = decode_entry(entry, base, kept)
    return done if planes is None else leading


def parse_blob(blob: bytes) -> Entry:
    magic, version, reserved = struct.unpack_from("<8sII", blob)
    refuse_unless((magic, version, reserved) == (BLOB_MAGIC, 1, 0), "a blob's header")
    entry, end = parse_entry(blob, 16)
    refuse_unless(end == len(blob), "a blob's length")
    return entry


def decode_blob(blob: bytes, base: bytes | None = None, planes: int | None = None) -> bytes:
    return decode_entry(parse_blob(blob), base, planes)
