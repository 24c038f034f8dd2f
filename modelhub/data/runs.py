"""Read the values of an array from its first to its last, a few rows at a time."""

from __future__ import annotations

import math
import zlib
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from modelhub.containers.zip_index import Member
from modelhub.errors import BadInputError
from modelhub.fs.files import InputFile
from modelhub.tensors.dtypes import by_name, numpy_dtype

__all__ = ["FileRun", "Run", "ZipRun", "take_rows"]

# Compressed bytes taken at a time: some milliseconds of inflating.
_CHUNK = 1 << 20


class Run(Protocol):
    """Bytes that are read once, in order."""

    def take(self, size: int) -> bytes | bytearray:
        """Return the next bytes; raises BadInputError if there are fewer or they are damaged."""


class FileRun:
    """Bytes that lie in a file as they are."""

    def __init__(self, file: InputFile, offset: int) -> None:
        self._file = file
        self._offset = offset

    def take(self, size: int) -> bytearray:
        """Return the next bytes."""
        data = bytearray(size)
        self._file.read_into(self._offset, memoryview(data))
        self._offset += size
        return data


class ZipRun:
    """The bytes of a member of a zip archive, stored or deflated; its checksum is checked."""

    def __init__(self, file: InputFile, member: Member) -> None:
        self._file = file
        self._member = member
        self._where = f"{file.path}: {member.name}"
        self._read = self._given = self._crc = 0
        self._inflater = None if member.stored else zlib.decompressobj(-zlib.MAX_WBITS)

    def take(self, size: int) -> bytes | bytearray:
        """Return the next bytes; the last ones only if the whole member has its checksum."""
        data = self._stored(size) if self._inflater is None else self._inflated(size)
        self._given += len(data)
        self._crc = zlib.crc32(data, self._crc)
        if len(data) < size or (self._given == self._member.size and self._crc != self._member.crc):
            raise self._damaged(f"{self._given} bytes of checksum {self._crc:08x}")
        return data

    def _stored(self, size: int) -> bytes:
        size = min(size, self._member.size - self._given)
        return self._file.read(self._member.offset + self._given, size)

    def _inflated(self, size: int) -> bytearray:
        inflater: Any = self._inflater
        out = bytearray()
        try:
            while len(out) < size and not inflater.eof:
                data = inflater.unconsumed_tail
                if not data:
                    wanted = min(_CHUNK, self._member.compressed - self._read)
                    data = self._file.read(self._member.offset + self._read, wanted)
                    self._read += wanted
                chunk = inflater.decompress(data, size - len(out))
                out += chunk
                if not data and not chunk:
                    break
        except zlib.error as error:
            raise self._damaged(f"compressed data that is damaged ({error})") from error
        return out

    def _damaged(self, found: str) -> BadInputError:
        return BadInputError(
            found,
            expected=f"{self._member.size} bytes of checksum {self._member.crc:08x}",
            where=self._where,
            kind="bad_header",
        )


def take_rows(
    run: Run, dtype: str, shape: tuple[int, ...], count: int, *, swapped: bool = False
) -> npt.NDArray[Any]:
    """Return the next `count` rows of a run as an array (count, *shape).

    Args:
        dtype: By our names.
        swapped: Whether the bytes are big-endian.
    """
    data = run.take(count * math.prod(shape) * by_name(dtype).itemsize)
    array = np.frombuffer(data, numpy_dtype(dtype)).reshape((count, *shape))
    return array.byteswap() if swapped else array
