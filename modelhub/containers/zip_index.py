"""Read a zip archive's directory, and its members by position.

A *member* is *stored* (its bytes lie in the file as they are) or compressed. The rules are tighter
than `zipfile`'s: one disk, nothing encrypted, no name twice, no two members on the same bytes, and
the directory right before the end record, so that every reader sees the same members.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from typing import NoReturn

from modelhub.containers.limits import CENTRAL_BYTES_MAX, INFLATE_FREE_BYTES, INFLATE_RATIO_MAX
from modelhub.containers.model import Readable
from modelhub.errors import BadInputError

__all__ = ["MAGIC", "Member", "read_member", "read_members"]

MAGIC = b"PK\x03\x04"

_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_LOCATOR64 = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQHHIIQQQQ")
_END_MAGIC, _LOCATOR_MAGIC, _END64_MAGIC = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_CENTRAL_MAGIC = b"PK\x01\x02"
_COMMENT_BYTES_MAX = 0xFFFF
_IN_ZIP64 = 0xFFFFFFFF
_ENCRYPTED, _UTF8 = 0x1, 0x800
_STORED, _DEFLATED = 0, 8
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive; `offset` is where its bytes begin, past its own header.

    `header` and `entry` are where its own header and its entry in the directory begin.
    """

    name: str
    method: int
    offset: int
    compressed: int
    size: int
    crc: int
    header: int = 0
    entry: int = 0

    @property
    def stored(self) -> bool:
        """Whether its bytes lie in the archive as they are."""
        return self.method == _STORED

    @property
    def readable(self) -> bool:
        """Whether it is stored or deflated; other methods stay unread."""
        return self.method in (_STORED, _DEFLATED)


def _bad(found: str, where: str, expected: str = "", kind: str = "bad_header") -> NoReturn:
    raise BadInputError(found, expected=expected, where=where, kind=kind)


def read_members(file: Readable) -> list[Member]:
    """Return the members in the order of their bytes; reads the directory and each local header.

    Raises:
        BadInputError: kind truncated, bad_header or duplicate_name.
    """
    where = str(file.path)
    start, size, count = _find_directory(file, where)
    raw = file.read(start, size)
    rows: list[tuple[int, bytes, Member]] = []
    position = 0
    for _ in range(count):
        header, name, member, used = _central(raw, position, where)
        rows.append((header, name, replace(member, header=header, entry=start + position)))
        position += used
    if position != size:
        _bad(f"{size - position} bytes after the last entry of the zip directory", where)
    return _located(file, rows, start, where)


def _find_directory(file: Readable, where: str) -> tuple[int, int, int]:
    """Return where the directory begins, its bytes and its entries."""
    tail_size = min(file.size, _END.size + _COMMENT_BYTES_MAX)
    tail_start = file.size - tail_size
    tail = file.read(tail_start, tail_size)
    at = tail.rfind(_END_MAGIC)
    while at >= 0:
        if at + _END.size <= len(tail):
            end = _END.unpack_from(tail, at)
            if at + _END.size + end[7] == len(tail):
                break
        at = tail.rfind(_END_MAGIC, 0, at)
    if at < 0:
        _bad("no end record of a zip archive", where, "one; the file is cut short", "truncated")
    _, disk, first_disk, here, count, size, start, _ = end
    stop = tail_start + at
    locator_at = stop - _LOCATOR64.size
    locator = file.read(locator_at, _LOCATOR64.size) if locator_at >= 0 else b""
    if locator.startswith(_LOCATOR_MAGIC):
        _, _, stop, disks = _LOCATOR64.unpack(locator)
        if stop + _END64.size > locator_at:
            _bad("a zip64 end record outside the file", where)
        magic, _, _, _, disk, first_disk, here, count, size, start = _END64.unpack(
            file.read(stop, _END64.size)
        )
        if magic != _END64_MAGIC or disks > 1:
            _bad("a damaged zip64 end record", where)
    if disk or first_disk or here != count:
        _bad("a zip archive in several parts", where, "one file")
    if start + size != stop:
        _bad(f"a zip directory at {start} of {size} bytes", where, f"to end at {stop}")
    if size > CENTRAL_BYTES_MAX or count * _CENTRAL.size > size:
        _bad(f"a zip directory of {count} entries in {size} bytes", where)
    return start, size, count


def _central(raw: bytes, position: int, where: str) -> tuple[int, bytes, Member, int]:
    """Read one entry of the directory.

    Returns:
        Where its local header begins, its name as written, the member with an offset still to be
        found, and the entry's own bytes.
    """
    if position + _CENTRAL.size > len(raw):
        _bad("a zip directory that ends early", where, kind="truncated")
    (magic, _, _, flags, method, _, _, crc, compressed, size, name_size, extra_size, comment_size,
     disk, _, _, header) = _CENTRAL.unpack_from(raw, position)  # fmt: skip
    used = _CENTRAL.size + name_size + extra_size + comment_size
    if magic != _CENTRAL_MAGIC or position + used > len(raw):
        _bad("a damaged entry in the zip directory", where)
    begin = position + _CENTRAL.size
    name_bytes = raw[begin : begin + name_size]
    name = name_bytes.decode("utf-8" if flags & _UTF8 else "cp437", "backslashreplace")
    if flags & _ENCRYPTED or disk not in (0, 0xFFFF):
        _bad(f"zip member {name!r} is encrypted or on another disk", where)
    extra = raw[begin + name_size : begin + name_size + extra_size]
    size, compressed, header = _zip64_fields(extra, [size, compressed, header], name, where)
    if method == _STORED and size != compressed:
        _bad(f"stored zip member {name!r} of two sizes, {size} and {compressed}", where)
    return header, name_bytes, Member(name, method, 0, compressed, size, crc), used


def _zip64_fields(extra: bytes, fields: list[int], name: str, where: str) -> list[int]:
    """Replace the fields that say "look in the zip64 extra" by what stands there."""
    if _IN_ZIP64 not in fields:
        return fields
    position = 0
    while position + 4 <= len(extra):
        tag, size = struct.unpack_from("<HH", extra, position)
        if tag == 1:
            body = extra[position + 4 : position + 4 + size]
            wide = iter(struct.unpack(f"<{len(body) // 8}Q", body[: len(body) // 8 * 8]))
            found = [next(wide, -1) if field == _IN_ZIP64 else field for field in fields]
            if -1 not in found:
                return found
        position += 4 + size
    _bad(f"zip member {name!r} without its zip64 sizes", where)


def _located(
    file: Readable, rows: list[tuple[int, bytes, Member]], limit: int, where: str
) -> list[Member]:
    """Read each local header, and make sure that the members lie apart and before `limit`."""
    members: list[Member] = []
    names: set[str] = set()
    position = 0
    for header, name_bytes, member in sorted(rows, key=lambda row: row[0]):
        if member.name in names:
            _bad(
                f"zip member {member.name!r} stands twice",
                where,
                "names that differ",
                "duplicate_name",
            )
        names.add(member.name)
        if header < position:
            _bad(f"zip member {member.name!r} overlaps the one before", where)
        if header + _LOCAL.size > limit:
            _bad(f"zip member {member.name!r} outside the file", where, kind="truncated")
        local = _LOCAL.unpack(file.read(header, _LOCAL.size))
        offset = header + _LOCAL.size + local[9] + local[10]
        position = offset + member.compressed
        if position > limit:
            _bad(
                f"zip member {member.name!r} ends at {position}",
                where,
                f"at most {limit}",
                "truncated",
            )
        name = file.read(header + _LOCAL.size, local[9])
        if local[0] != MAGIC or name != name_bytes or local[3] != member.method:
            _bad(f"zip member {member.name!r} differs from its local header", where)
        members.append(replace(member, offset=offset))
    return members


def read_member(file: Readable, member: Member, start: int = 0, stop: int | None = None) -> bytes:
    """Return bytes [start, stop) of a member as it was before compression.

    A whole deflated member is checked against its checksum; a prefix costs only its own part.

    Raises:
        BadInputError: the member is damaged, or expands so far that it can be no weights.
    """
    stop = member.size if stop is None else min(stop, member.size)
    if member.stored:
        return file.read(member.offset + start, max(stop - start, 0))
    where = f"{file.path}: {member.name}"
    if member.method != _DEFLATED:
        _bad(f"zip compression method {member.method}", where, "stored or deflated")
    if member.size > max(INFLATE_FREE_BYTES, member.compressed * INFLATE_RATIO_MAX):
        _bad(
            f"{member.compressed} bytes that expand to {member.size}",
            where,
            f"at most {INFLATE_RATIO_MAX} times as many",
        )
    return _inflate(file, member, start, stop, where)


def _inflate(file: Readable, member: Member, start: int, stop: int, where: str) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    out = bytearray()
    produced = taken = crc = 0
    try:
        while produced < stop and not inflater.eof:
            data = inflater.unconsumed_tail
            if not data:
                size = min(_CHUNK, member.compressed - taken)
                data = file.read(member.offset + taken, size)
                taken += size
            chunk = inflater.decompress(data, min(_CHUNK, member.size - produced + 1))
            if not data and not chunk:
                break
            crc = zlib.crc32(chunk, crc)
            out += chunk[max(start - produced, 0) : max(stop - produced, 0)]
            produced += len(chunk)
    except zlib.error as error:
        raise BadInputError(f"damaged compressed data ({error})", where=where) from error
    whole = stop == member.size
    if produced < stop or (whole and (produced != member.size or crc != member.crc)):
        _bad(
            "compressed data that does not give the bytes it was made from",
            where,
            f"{member.size} bytes of checksum {member.crc:08x}",
            "bad_header",
        )
    return bytes(out)
