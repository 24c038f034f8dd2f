"""Read stored objects out of packs.

A *store* finds an object's pack through a *locator* (the catalog's index, or one built by scanning
packs), follows its *chain* of bases and decodes it. Packs are immutable; a pack that has been
rewritten meanwhile is found again through the locator, so readers never block a writer. Of a split
pack the near file is opened first, and its companion once bytes of it are needed.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from modelhub import _core, ids
from modelhub.errors import CorruptionError, NotFoundError, RemoteError

__all__ = ["Locator", "PackPaths", "Place", "Read", "Store", "cores_available"]

# File descriptors held open at once; the common limit of a process is 1024, shared with everything
# else the user's program opens.
_READERS_MAX = 256
# A chain longer than this is a cycle or damage: writers keep chains far shorter (config.toml's
# chain_depth_max).
_CHAIN_MAX = 4096
# How often an object whose pack is gone is looked up again: each time somebody has moved it between
# the look-up and the opening, which `gc` takes longer to do again than a reader to look.
_LOOKUPS_MAX = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object is: the pack's 32-byte content name and the entry's number in it."""

    pack: bytes
    index: int


Link = tuple[_core.PackReader, int]
Chain = list[Link]
Locator = Callable[[bytes], Place | None]


class PackPaths(Protocol):
    """Where packs lie; a repository's `Layout` is one."""

    def pack_path(self, name: str) -> Path:
        """Return the path of a pack by its content name in hexadecimal."""


class CompanionPaths(Protocol):
    """Where the companions of split packs are; `pas.tiers.Companions` is one."""

    url: str

    def path(self, reader: _core.PackReader) -> Path:
        """Return a file with the companion of a split pack; RemoteError if it cannot be had."""

    def by_ranges(self, reader: _core.PackReader) -> bool:
        """Say whether a companion is read by `ranges`, and not in place or from the cache."""

    def ranges(
        self, reader: _core.PackReader, wanted: Sequence[tuple[int, int]]
    ) -> list[bytes] | None:
        """Return ranges of a companion; None if it is in the cache now, sent whole."""


@dataclass(frozen=True, slots=True)
class Read:
    """Raw little-endian bytes of an object, and the compressed bytes read from packs for them."""

    data: np.ndarray
    bytes_read: int


@dataclass(frozen=True, slots=True)
class ReadBits(Read):
    """Leading bits of each value of a fixed entry: what was decoded, and where the bits stand.

    Args:
        exponents: The exponent field of each group of values, uint8; none if values are whole.
        group: Values of a group.
        bits: Bits known of each value, the sign counted.
    """

    exponents: np.ndarray
    group: int
    bits: int


def _lacks(reader: _core.PackReader, index: int) -> bool:
    """Say whether bytes of an entry lie in a companion that is not open."""
    if not reader.is_split or reader.has_far:
        return False
    return reader.near_segments(index) < len(reader.entry(index).segment_bytes)


def _planes_near(chain: Chain) -> int:
    """Return how many leading bytes of each value can be read without companions; 0 if none."""
    if any(_lacks(*link) for link in chain if link[0].entry(link[1]).is_fixed):
        return 0
    width = near = chain[0][0].entry(chain[0][1]).width
    for position, (reader, index) in enumerate(chain):
        if reader.entry(index).width != width:
            # Converted from another type, which takes all of its values, or nearly.
            return 0 if any(_lacks(*link) for link in chain[position:]) else near
        if not reader.entry(index).is_fixed:
            near = min(near, reader.near_segments(index))
    return near


def cores_available() -> int:
    """Return the number of cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Store:
    """Read access to the objects of a repository; safe to use from several threads.

    Args:
        companions: Where what a near file lacks is; without it, its exact values cannot be read.
    """

    def __init__(
        self,
        layout: PackPaths,
        locate: Locator,
        *,
        threads: int = 0,
        companions: CompanionPaths | None = None,
    ) -> None:
        self._layout = layout
        self._locate = locate
        self.companions = companions
        self._readers: OrderedDict[bytes, _core.PackReader] = OrderedDict()
        self._mutex = threading.Lock()
        self.threads = threads or cores_available()

    def close(self) -> None:
        """Close every pack; reading again opens them anew."""
        with self._mutex:
            self._readers.clear()

    def reader(self, pack: bytes) -> _core.PackReader:
        """Return the reader of a pack, opening it if need be."""
        with self._mutex:
            reader = self._readers.get(pack)
            if reader is None:
                reader = _core.PackReader(str(self._layout.pack_path(pack.hex())))
                self._readers[pack] = reader
                while len(self._readers) > _READERS_MAX:
                    # Not closed by hand: another thread may be reading from it.
                    self._readers.popitem(last=False)
            self._readers.move_to_end(pack)
            return reader

    def whole_reader(self, pack: bytes) -> _core.PackReader:
        """Return a reader of all bytes of a pack, its companion opened too if it is split.

        Raises:
            RemoteError: kind `tier`, the companion cannot be had.
            CorruptionError: it is not that of the pack.
            NotFoundError: the pack has gone.
        """
        path = str(self._layout.pack_path(pack.hex()))
        reader = self.reader(pack)
        # A pack may be made whole, and its companion removed, between two looks.
        for last in (False, True):
            if not reader.is_split or reader.has_far:
                break
            reader = _core.PackReader(path)
            if reader.is_split:
                try:
                    reader = self._with_companion(reader, path)
                except (RemoteError, NotFoundError):
                    if last:
                        raise
        with self._mutex:
            self._readers[pack] = reader
        return reader

    def _with_companion(self, reader: _core.PackReader, path: str) -> _core.PackReader:
        if self.companions is None:
            raise RemoteError(
                "low-order bytes lie in a tier, and none is given", where=path, kind="tier"
            )
        return _core.PackReader(path, str(self.companions.path(reader)))

    def contains(self, object_id: bytes) -> bool:
        """Say whether the object is stored."""
        return self._locate(object_id) is not None

    def find(self, object_id: bytes) -> Link:
        """Return the reader and entry number of an object.

        Raises:
            NotFoundError: no pack holds it.
            CorruptionError: its pack is missing or damaged.
        """
        gone: Place | None = None
        for _ in range(_LOOKUPS_MAX):
            place = self._locate(object_id)
            if place is None:
                raise NotFoundError(
                    f"object {object_id.hex()} is not stored", hint="run `modelhub fsck`"
                )
            if place == gone:
                break
            try:
                return self.reader(place.pack), place.index
            except NotFoundError:
                gone = place
        assert gone is not None
        raise CorruptionError(
            f"pack {gone.pack.hex()} is missing",
            where=f"object {object_id.hex()}",
            hint="run `modelhub fsck`",
        )

    def entry(self, object_id: bytes) -> _core.Entry:
        """Return an object's entry: kind, dtype, shape, base, depth and stored sizes in bytes."""
        reader, index = self.find(object_id)
        return reader.entry(index)

    def chain(self, object_id: bytes) -> Chain:
        """Return the entries needed to decode an object: itself, its base, its base's base...

        Objects may be stored anew meanwhile. Bases are named by content, so a chain that was found
        partly before and partly after is as good as any; and it ends, as each state's chains do.
        """
        chain = [self.find(object_id)]
        base = chain[0][0].entry(chain[0][1]).base
        while base is not None:
            if len(chain) == _CHAIN_MAX:
                raise CorruptionError(
                    f"a chain of more than {_CHAIN_MAX} deltas", where=f"object {object_id.hex()}"
                )
            chain.append(self.find(base))
            base = chain[-1][0].entry(chain[-1][1]).base
        return chain

    def read(
        self,
        object_id: bytes,
        *,
        out: np.ndarray | None = None,
        planes: int | None = None,
        rows: tuple[int, int] | None = None,
    ) -> Read:
        """Decode an object, or the leading `planes` bytes of each value, or a range of rows.

        Args:
            out: Memory to decode into (uint8, at least as long as what is asked for); the result's
                data is a view of it.
            rows: First and last-plus-one row, counted in the first dimension.

        Raises:
            CorruptionError: a checksum fails; nothing is returned.
            RemoteError: kind `tier`, low-order bytes are needed and cannot be had.
        """
        chain = self.chain(object_id)
        entry = chain[0][0].entry(chain[0][1])
        begin, end = rows if rows is not None else (0, None)
        size = entry.raw_bytes
        if rows is not None:
            size = size // max(entry.shape[0], 1) * (rows[1] - rows[0])
        data = np.empty(size, np.uint8) if out is None else out[:size]

        def decode(links: Chain) -> int:
            return _core.decode(
                links, data, planes=planes, row_begin=begin, row_end=end, threads=self.threads
            )

        if planes is not None:
            try:
                return Read(data, decode(chain))
            except RemoteError as error:
                if error.kind != "tier":
                    raise
        return Read(data, decode(self._with_far(object_id, chain, planes)))

    def read_prefix(self, object_id: bytes, bits: int) -> ReadBits:
        """Decode the leading bits of each value of a fixed entry; values are cut toward zero.

        Args:
            bits: At least so many, the sign counted; as the entry is cut, it may be some more.

        Raises:
            CorruptionError, RemoteError: as for `read`.
        """
        chain = self.chain(object_id)
        entry = chain[0][0].entry(chain[0][1])
        told = list(itertools.accumulate(entry.segment_bits[:-1]))
        segments = 1 + next((n for n, known in enumerate(told) if known >= bits), len(told))
        if not entry.is_fixed or segments > len(told):
            read = self.read(object_id)
            return ReadBits(read.data, read.bytes_read, np.empty(0, np.uint8), 0, 8 * entry.width)
        data = np.empty(entry.raw_bytes, np.uint8)
        groups = -(-(entry.raw_bytes // entry.width) // entry.group_elements)
        exponents = np.empty(groups, np.uint8)

        def decode(link: Link) -> int:
            return _core.decode_prefix(link, data, exponents, segments, threads=self.threads)

        try:
            size = decode(chain[0])
        except RemoteError as error:
            if error.kind != "tier":
                raise
            size = decode(self._with_far(object_id, chain, None)[0])
        return ReadBits(data, size, exponents, entry.group_elements, told[segments - 1])

    def _with_far(self, object_id: bytes, chain: Chain, planes: int | None) -> Chain:
        """Return a chain whose low-order bytes can be read too."""
        if not any(_lacks(*link) for link in chain):
            return chain
        reader, index = chain[0]
        near, width = _planes_near(chain), reader.entry(index).width
        where = f"object {object_id.hex()} in pack {reader.name.hex()}"
        try:
            try:
                return [self._whole_link(*link) for link in chain]
            except NotFoundError:
                # A pack was rewritten: its objects are elsewhere.
                return [self._whole_link(*link) for link in self.chain(object_id)]
        except RemoteError as error:
            if 0 < near < (planes or width):
                bf16 = " (or `--precision bf16`)" if (near, width) == (2, 4) else ""
                hint = f"bring the tier back, or read with `--planes {near}`{bf16}, without it"
            else:
                hint = (
                    "bring the tier back: the tensor is in the progressive layout, or a difference "
                    "from wider values, and their low-order bits lie there"
                )
            raise RemoteError(error.found, where=where, hint=hint, kind=error.kind) from error
        except CorruptionError as error:
            raise CorruptionError(
                error.found,
                expected=error.expected,
                where=f"{where}, {error.where}",
                hint=error.hint,
                kind=error.kind,
            ) from error

    def _whole_link(self, reader: _core.PackReader, index: int) -> Link:
        if _lacks(reader, index):
            reader = self.whole_reader(reader.name)
        return reader, index

    def blob(self, object_id: bytes, *, verify_id: bool = True) -> bytes:
        """Return a small object whole; its id is checked too, since it names further objects."""
        reader, index = self.find(object_id)
        kind = reader.entry(index).kind
        data = self.read(object_id).data.tobytes()
        if verify_id and ids.object_id(kind, data) != object_id:
            raise CorruptionError(
                "content does not match its id",
                where=f"object {object_id.hex()}",
                hint="run `modelhub fsck`",
            )
        return data
