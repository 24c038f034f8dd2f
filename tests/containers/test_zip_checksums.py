"""Checksums are found wherever a writer puts them: after a change the archive is whole again."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from modelhub.containers.zip_checksums import CHECKSUM, checksums, is_zip
from modelhub.containers.zip_index import read_members
from modelhub.fs.files import InputFile


class Unseekable(io.RawIOBase):
    """Makes zipfile write descriptors, as it does into a pipe."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.data += data
        return len(data)


def seekable(path: Path) -> None:
    with path.open("wb") as out:
        np.savez(out, a=np.arange(9), b=np.zeros(0))


def described(path: Path) -> None:
    sink = Unseekable()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("a.npy", b"first")
        archive.writestr("b.npy", b"")
    path.write_bytes(bytes(sink.data))


def bare(path: Path) -> None:
    """Descriptors without their magic, which the format allows."""
    described(path)
    data = bytearray(path.read_bytes())
    with InputFile(path) as file:
        members = read_members(file)
    shift = 0
    for member in members:
        at = member.offset + member.size - shift
        assert data[at : at + 4] == b"PK\x07\x08"
        del data[at : at + 4]
        shift += 4
    _fix_offsets(data, shift)
    path.write_bytes(bytes(data))


def _fix_offsets(data: bytearray, shift: int) -> None:
    """Move the directory's own offset, and that of the second member."""
    end = data.rindex(b"PK\x05\x06")
    (start,) = struct.unpack_from("<I", data, end + 16)
    struct.pack_into("<I", data, end + 16, start - shift)
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    (header,) = struct.unpack_from("<I", data, second + 42)
    struct.pack_into("<I", data, second + 42, header - 4)


def filled_in(path: Path) -> None:
    """A descriptor, and the checksum in the header too."""
    described(path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 14, zlib.crc32(b"first"))
    path.write_bytes(bytes(data))


def by_torch(path: Path) -> None:
    torch.save({"a": torch.arange(5.0), "b": torch.ones(2)}, path)


@pytest.mark.parametrize("write", [seekable, described, bare, filled_in, by_torch])
def test_every_place_is_found(tmp_path: Path, write) -> None:
    path = tmp_path / "w.zip"
    write(path)
    with InputFile(path) as file:
        assert is_zip(file)
        found = checksums(file)
        assert len(found) == len(read_members(file))
    data = bytearray(path.read_bytes())
    for each in found:
        old = CHECKSUM.pack(zlib.crc32(data[each.offset : each.offset + each.size]))
        for place in each.places:
            assert data[place : place + 4] == old
        for at in range(each.offset, each.offset + each.size):
            data[at] ^= 1
        new = CHECKSUM.pack(zlib.crc32(data[each.offset : each.offset + each.size]))
        for place in each.places:
            data[place : place + 4] = new
        # Nowhere else is the old one.
        assert each.size == 0 or old not in data
    path.write_bytes(bytes(data))
    assert zipfile.ZipFile(path).testzip() is None


def test_deflated_members_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    np.savez_compressed(path, a=np.zeros(99))
    with InputFile(path) as file:
        assert checksums(file) == []


def test_what_is_no_zip(tmp_path: Path) -> None:
    for data in (b"", b"PK", b"\x93NUMPY"):
        (tmp_path / "x").write_bytes(data)
        with InputFile(tmp_path / "x") as file:
            assert not is_zip(file)
