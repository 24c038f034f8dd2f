"""Find where a zip archive keeps the checksums of its members, so that they can be set anew.

A member's CRC-32 stands in its entry of the directory and, as the writer liked, in the header
before its bytes or in a *descriptor* after them. Sizes and places do not change when bytes of a
stored member are replaced by as many others: with the checksums the archive is whole again.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from modelhub.containers import zip_index
from modelhub.containers.model import Readable
from modelhub.containers.zip_index import Member

__all__ = ["CHECKSUM", "Checksum", "checksums", "is_zip"]

CHECKSUM = struct.Struct("<I")

_ENTRY_AT = 16  # in an entry of the directory
_HEADER_AT = 14  # in a member's own header
_FLAGS = struct.Struct("<H")
_FLAGS_AT = 6
_DESCRIBED = 0x8  # a descriptor follows the bytes
_DESCRIPTOR_MAGIC = b"PK\x07\x08"  # which some writers leave out


@dataclass(frozen=True, slots=True)
class Checksum:
    """The bytes that a checksum is of, and the offsets at which it stands."""

    offset: int
    size: int
    places: tuple[int, ...]


def is_zip(file: Readable) -> bool:
    """Tell whether a file begins as a zip archive does."""
    magic = zip_index.MAGIC
    return file.size >= len(magic) and file.read(0, len(magic)) == magic


def checksums(file: Readable) -> list[Checksum]:
    """Return the checksums of the stored members, in the order of their bytes.

    Raises:
        BadInputError: as `zip_index.read_members`.
    """
    return [
        Checksum(member.offset, member.size, tuple(_places(file, member)))
        for member in zip_index.read_members(file)
        if member.stored
    ]


def _places(file: Readable, member: Member) -> list[int]:
    written = CHECKSUM.pack(member.crc)
    places = [member.entry + _ENTRY_AT]
    in_header = member.header + _HEADER_AT
    (flags,) = _FLAGS.unpack(file.read(member.header + _FLAGS_AT, _FLAGS.size))
    if not flags & _DESCRIBED:
        return [*places, in_header]
    # Some writers fill the header in as well; zero means that they did not.
    if member.crc and file.read(in_header, CHECKSUM.size) == written:
        places.append(in_header)
    after = member.offset + member.compressed
    # The directory follows the last descriptor, so these bytes are there.
    descriptor = file.read(after, len(_DESCRIPTOR_MAGIC) + CHECKSUM.size)
    if descriptor.startswith(_DESCRIPTOR_MAGIC) and descriptor.endswith(written):
        places.append(after + len(_DESCRIPTOR_MAGIC))
    elif descriptor.startswith(written):
        places.append(after)
    return places
