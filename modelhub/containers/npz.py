"""Read an .npz, a zip archive of .npy members, stored or deflated."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from modelhub.containers.model import Parsed, Readable
from modelhub.containers.npy import PREFIX_BYTES, add_array, read_header
from modelhub.containers.zip_index import Member, read_member, read_members
from modelhub.errors import BadInputError

__all__ = ["parse"]

_SUFFIX = ".npy"


def parse(file: Readable) -> Parsed:
    """Return the structure of an .npz: one tensor a member, named without its ".npy".

    Stored members are ranges of the file. Deflated ones are literal, and detached for the store.

    Raises:
        BadInputError: as `zip_index.read_members` and `npy.read_header`.
    """
    detached: dict[int, Callable[[], bytes | bytearray]] = {}
    parsed = Parsed("npz", file.size, [], [], {}, [], detached)
    for member in read_members(file):
        if member.name.endswith(_SUFFIX) and member.readable:
            _add(file, member, parsed, detached)
        elif not member.name.endswith("/"):
            parsed.notes.append(f"{member.name}: kept as bytes, not as a tensor")
    parsed.check(str(file.path))
    return parsed


def _add(
    file: Readable,
    member: Member,
    parsed: Parsed,
    detached: dict[int, Callable[[], bytes | bytearray]],
) -> None:
    where = f"{file.path}: {member.name}"
    header = read_header(read_member(file, member, 0, PREFIX_BYTES), where)
    stop = header.start + header.nbytes
    if header.dtype and stop > member.size:
        raise BadInputError(
            f"a member of {member.size} bytes", expected=str(stop), where=where, kind="truncated"
        )
    add_array(
        parsed,
        detached,
        member.name.removesuffix(_SUFFIX),
        header,
        member.offset + header.start if member.stored else None,
        partial(read_member, file, member, header.start, stop),
    )
