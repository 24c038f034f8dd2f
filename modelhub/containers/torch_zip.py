"""Read a torch file of the zip kind: a pickle that names storages, and one member a storage."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from modelhub.containers.limits import PICKLE_BYTES_MAX
from modelhub.containers.model import Parsed, Readable
from modelhub.containers.pickle_safe import PickleReader, PickleStream
from modelhub.containers.torch_build import Record, build
from modelhub.containers.torch_table import TABLE, StorageRef, storage_dtype
from modelhub.containers.torch_tree import walk
from modelhub.containers.zip_index import Member, read_member, read_members
from modelhub.errors import BadInputError

__all__ = ["has_pickle", "parse"]

_PICKLE = re.compile(r"([^/]+)/data\.pkl")
_BYTE_ORDERS = (b"little", b"big")


class _Part:
    """A member as a file of its own."""

    def __init__(self, file: Readable, member: Member) -> None:
        self.path = file.path
        if member.size > PICKLE_BYTES_MAX:
            raise BadInputError(
                f"{member.name} of {member.size} bytes",
                expected=f"at most {PICKLE_BYTES_MAX}",
                where=str(file.path),
                kind="bad_header",
            )
        self._data = read_member(file, member)
        self.size = len(self._data)

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes [offset, offset + size)."""
        return self._data[offset : offset + size]


def has_pickle(file: Readable) -> bool:
    """Tell whether a zip archive has the pickle of a torch file.

    Raises:
        BadInputError: it is no whole zip archive.
    """
    return any(_PICKLE.fullmatch(member.name) for member in read_members(file))


def _persistent(identifier: object) -> object:
    if not isinstance(identifier, tuple) or len(identifier) != 5 or identifier[0] != "storage":
        raise TypeError("a persistent id that is no storage")
    _, kind, key, _, count = identifier
    if not isinstance(key, str) or type(count) is not int or count < 0:
        raise TypeError("a storage without a key or size")
    return StorageRef(key, storage_dtype(kind), count)


def parse(file: Readable) -> Parsed:
    """Return the structure of a torch zip file; its pickle is read, never run.

    Raises:
        BadInputError: kind unsafe_pickle, truncated, bad_header, bad_shape or duplicate_name.
    """
    where = str(file.path)
    members = {member.name: member for member in read_members(file)}
    pickles = [match for name in members if (match := _PICKLE.fullmatch(name))]
    if len(pickles) != 1:
        raise BadInputError(
            f"a zip archive with {len(pickles)} members called data.pkl",
            expected="one, as torch.save writes it",
            where=where,
            hint="to keep the file unread, run `modelhub add --as-file PATH`",
            kind="bad_header",
        )
    prefix = pickles[0].group(1)
    stream = PickleStream(_Part(file, members[pickles[0].group()]))
    found = walk(PickleReader(TABLE, _persistent, where).read(stream), where)
    order = _byte_order(file, members.get(f"{prefix}/byteorder"), where)
    return build(file, found, _locator(file, members, prefix, where), order == b"big")


def _byte_order(file: Readable, member: Member | None, where: str) -> bytes:
    # Files older than this member are little-endian.
    order = b"little" if member is None else read_member(file, member, 0, 16)
    if order not in _BYTE_ORDERS:
        raise BadInputError(
            f"byte order {order!r}", expected="little or big", where=where, kind="bad_header"
        )
    return order


def _locator(
    file: Readable, members: dict[str, Member], prefix: str, where: str
) -> Callable[[str], Record]:
    def locate(key: str) -> Record:
        member = members.get(f"{prefix}/data/{key}")
        if member is None:
            raise BadInputError(
                f"no member {f'{prefix}/data/{key}'[:120]!r}",
                expected="one for each storage that the pickle names",
                where=where,
                kind="bad_header",
            )
        if member.stored:
            return Record(member.offset, member.size)
        return Record(None, member.size, partial(read_member, file, member))

    return locate
