"""Read a torch file of the kind before zip: pickles one after another, then the storages.

The pickles are a magic number, a version, facts of the machine, the object, and the list of storage
keys; then for each key the number of values, 8 bytes little-endian, and the values.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from modelhub.containers.model import Parsed, Readable
from modelhub.containers.pickle_safe import PickleReader, PickleStream
from modelhub.containers.pickle_values import Items
from modelhub.containers.torch_build import Record, build
from modelhub.containers.torch_table import TABLE, StorageRef, storage_dtype, storage_itemsize
from modelhub.containers.torch_tree import walk
from modelhub.errors import BadInputError

__all__ = ["MAGIC", "MAGIC_WITHIN", "parse"]

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_VERSION = 1001
# The magic number as any pickle protocol writes it, within so many bytes of the file's start.
MAGIC = _MAGIC_NUMBER.to_bytes(10, "little")
MAGIC_WITHIN = 32

_COUNT = struct.Struct("<q")


class _Storages:
    """Notes which storages the pickle names, and the bytes of one value of each."""

    def __init__(self) -> None:
        self.itemsize: dict[str, int] = {}

    def persistent(self, identifier: object) -> object:
        """Return the reference for a persistent id; one into a view points into its root."""
        if not isinstance(identifier, tuple) or len(identifier) not in (5, 6):
            raise TypeError("a persistent id that is no storage")
        tag, kind, key, _, count, *view = identifier
        if tag != "storage" or not isinstance(key, str) or type(count) is not int or count < 0:
            raise TypeError("a persistent id that is no storage")
        self.itemsize.setdefault(key, storage_itemsize(kind))
        start = 0
        if view and view[0] is not None:
            if not isinstance(view[0], tuple) or len(view[0]) != 3 or type(view[0][1]) is not int:
                raise TypeError("a view of a storage that is none")
            start = view[0][1]
        return StorageRef(key, storage_dtype(kind), count, start)


def parse(file: Readable) -> Parsed:
    """Return the structure of a legacy torch file; its pickles are read, never run.

    Raises:
        BadInputError: kind unsafe_pickle, truncated, bad_header or bad_shape.
    """
    where = str(file.path)
    storages = _Storages()
    stream = PickleStream(file)
    plain = PickleReader({}, None, where)
    if (magic := plain.read(stream)) != _MAGIC_NUMBER or not isinstance(magic, int):
        raise _bad("no magic number of a torch file", where)
    if plain.read(stream) != _VERSION:
        raise _bad("a torch file of unknown version", where, str(_VERSION))
    machine = plain.read(stream)
    if not isinstance(machine, Items):
        raise _bad("a torch file without facts of its machine", where)
    big_endian = any(key == "little_endian" and value is False for key, value in machine)
    root = PickleReader(TABLE, storages.persistent, where).read(stream)
    keys = plain.read(stream)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise _bad("a torch file without a list of storages", where)
    if len(set(keys)) != len(keys):
        raise _bad("a storage key that stands twice", where, kind="duplicate_name")
    found = walk(root, where)
    if big_endian:
        return build(file, found, _finder({}, where), big_endian=True)
    records = _records(file, stream.tell(), keys, storages.itemsize, where)
    return build(file, found, _finder(records, where))


def _bad(found: str, where: str, expected: str = "", kind: str = "bad_header") -> BadInputError:
    return BadInputError(found, expected=expected, where=where, kind=kind)


def _records(
    file: Readable, position: int, keys: list[str], itemsize: dict[str, int], where: str
) -> dict[str, Record]:
    """Walk over the storages, which follow the pickles in the order of their keys."""
    records: dict[str, Record] = {}
    for key in keys:
        if key not in itemsize:
            raise _bad(f"storage {key[:64]!r} that no tensor uses", where, "one that is used")
        if position + _COUNT.size > file.size:
            raise _bad(f"{file.size} bytes", where, f"storage {key[:64]!r}", "truncated")
        (count,) = _COUNT.unpack(file.read(position, _COUNT.size))
        position += _COUNT.size
        nbytes = count * itemsize[key]
        if count < 0 or position + nbytes > file.size:
            raise _bad(
                f"storage {key[:64]!r} of {count} values at byte {position}",
                where,
                f"to lie inside the file's {file.size} bytes",
                "truncated",
            )
        records[key] = Record(position, nbytes)
        position += nbytes
    return records


def _finder(records: dict[str, Record], where: str) -> Callable[[str], Record]:
    def locate(key: str) -> Record:
        if key not in records:
            raise _bad(f"no storage {key[:64]!r}", where, "each that the pickle names")
        return records[key]

    return locate
