"""Read stored objects by prefixes that are kept, compressed as they are, and completed.

A prefix is the leading segments of an entry, and of each base below what those need. Bytes that are
at hand are never read again: an object that several tensors are, or stand on, is fetched once, and
a finer prefix reads what the coarser one lacks.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelhub import _core
from modelhub.errors import CorruptionError, NotFoundError
from modelhub.fs.layout import companion_name
from modelhub.pas.ranges import Piece, RangeReader
from modelhub.pas.segments import Step, segments_needed, steps_of
from modelhub.pas.store import Store

__all__ = ["KeptPrefixes"]


@dataclass(slots=True)
class _Kept:
    """An entry, and what of it is at hand."""

    reader: _core.PackReader
    index: int
    entry: _core.Entry
    partial: _core.PartialEntry | None = None

    @property
    def record(self) -> Piece:
        return Piece(self.entry.offset, self.entry.record_bytes)

    @property
    def held(self) -> int:
        return 0 if self.partial is None else self.partial.segments

    @property
    def count(self) -> int:
        return len(self.entry.segment_bytes)

    @property
    def near(self) -> int:
        """Return how many leading segments lie on this disk."""
        return self.reader.near_segments(self.index)

    @property
    def where(self) -> str:
        return f"{self.reader.path}, entry {self.index} ({self.entry.id.hex()})"

    def segment(self, number: int) -> Piece:
        begin = self.entry.offset + self.entry.record_bytes
        sizes = self.entry.segment_bytes
        return Piece(begin + sum(sizes[:number]), sizes[number])

    def missing(self, until: int) -> Iterator[tuple[int, Piece]]:
        for number in range(self.held, until):
            if self.entry.segment_bytes[number]:
                yield number, self.segment(number)


def _partial(kept: _Kept, record: memoryview) -> _core.PartialEntry:
    """Return an entry of which nothing is held; its record must say what the index does."""
    partial = _core.PartialEntry(record, kept.where)
    if _told(partial.entry) != _told(kept.entry):
        raise CorruptionError("the record's head is not that of the index", where=kept.where)
    return partial


def _told(entry: _core.Entry) -> tuple[object, ...]:
    kind = (entry.id, entry.dtype_code, entry.width, entry.shape, entry.base, entry.is_mapped)
    return (*kind, entry.is_fixed, entry.group_elements, entry.segment_bits, entry.segment_bytes)


class KeptPrefixes:
    """Objects of a store that are read by prefixes; safe to use from several threads.

    Holds what was read, compressed, as long as it lives, and the packs it was read from open.

    Attributes:
        record_bytes: Bytes of records read: what tells how an entry's payload is laid out.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ranges = RangeReader(store)
        self._kept: dict[bytes, _Kept] = {}
        self._chains: dict[bytes, list[_Kept]] = {}
        self._mutex = threading.Lock()
        self.record_bytes = 0

    @property
    def bytes_read(self) -> int:
        """Bytes of payloads read so far, and what came along with them; see `RangeReader`."""
        return self._ranges.bytes_read - self.record_bytes

    @property
    def requests(self) -> int:
        """How often a file was read or a place asked."""
        return self._ranges.requests

    @property
    def seconds(self) -> float:
        """The time that reading took."""
        return self._ranges.seconds

    @property
    def far_rate(self) -> float | None:
        """Return the bytes of a second out of companions; None as long as none were read."""
        ranges = self._ranges
        return ranges.far_bytes_read / ranges.far_seconds if ranges.far_bytes_read else None

    def is_far(self, object_ids: Iterable[bytes]) -> bool:
        """Say whether bytes of some objects, or of what they stand on, lie in companions."""
        with self._mutex:
            chains = [self._chain(object_id) for object_id in object_ids]
        return any(kept.near < kept.count for chain in chains for kept in chain)

    def _chain(self, object_id: bytes) -> list[_Kept]:
        chain = self._chains.get(object_id)
        if chain is None:
            chain = []
            for reader, index in self._store.chain(object_id):
                entry = reader.entry(index)
                # An object may have been stored anew since another chain met it: what is at hand
                # stays, and its own chain goes on from there.
                known = self._kept.setdefault(entry.id, _Kept(reader, index, entry))
                chain.append(known)
                if known.entry.base != entry.base:
                    chain += [] if known.entry.base is None else self._chain(known.entry.base)
                    break
            self._chains[object_id] = chain
        return chain

    def entry(self, object_id: bytes) -> _core.Entry:
        """Return an object's entry; the index of its pack says it."""
        with self._mutex:
            return self._chain(object_id)[0].entry

    def steps(self, object_id: bytes, *, whole: bool = False) -> tuple[Step, ...]:
        """Return the prefixes that an object can be read by; nothing is read.

        Args:
            whole: There is but one step, the exact one.
        """
        with self._mutex:
            return steps_of([kept.entry for kept in self._chain(object_id)], whole=whole)

    def needed(self, wanted: Mapping[bytes, int]) -> dict[bytes, int]:
        """Return the leading segments of every object that those of some objects need."""
        found: dict[bytes, int] = {}
        with self._mutex:
            for object_id, segments in wanted.items():
                chain = self._chain(object_id)
                entries = [kept.entry for kept in chain]
                for kept, count in zip(chain, segments_needed(entries, segments), strict=True):
                    found[kept.entry.id] = max(count, found.get(kept.entry.id, 0))
        return found

    def nbytes(self, wanted: Mapping[bytes, int]) -> int:
        """Return the compressed bytes of prefixes of some objects, each counted once."""
        return sum(
            sum(self._kept[object_id].entry.segment_bytes[:segments])
            for object_id, segments in self.needed(wanted).items()
        )

    def held(self, object_id: bytes) -> int:
        """Return the leading segments of an object that can be decoded from what is at hand."""
        with self._mutex:
            chain = self._chain(object_id)
            entries = [kept.entry for kept in chain]
            if any(kept.partial is None for kept in chain):
                return 0
            for segments in range(len(entries[0].segment_bytes), 0, -1):
                needed = segments_needed(entries, segments)
                if all(k.held >= count for k, count in zip(chain, needed, strict=True)):
                    return segments
            return 0

    def fetch(self, wanted: Mapping[bytes, int]) -> int:
        """Read what is missing for the leading segments of some objects; return the bytes read.

        Raises:
            RemoteError: kind `tier`, bytes are far and cannot be had. What came before is kept.
            CorruptionError: bytes are not those that were written, or are missing.
            NotFoundError: an object was stored anew, and its old copy has gone.
        """
        demand = self.needed(wanted)
        with self._mutex:
            before = self.bytes_read
            try:
                self._fetch(demand)
            except NotFoundError:
                # A pack that was split cannot be read on once `gc` has taken its companion.
                self._find_again(demand)
                self._fetch(demand)
            return self.bytes_read - before

    def _fetch(self, demand: Mapping[bytes, int]) -> None:
        packs: dict[bytes, list[tuple[_Kept, int]]] = defaultdict(list)
        for object_id, segments in demand.items():
            kept = self._kept[object_id]
            if kept.partial is None or kept.held < segments:
                packs[kept.reader.name].append((kept, segments))
        for entries in packs.values():
            # One after the other, so that what is near is kept if what is far cannot be had.
            self._fetch_near(entries)
            self._fetch_far(entries)

    def _find_again(self, object_ids: Iterable[bytes]) -> None:
        """Look where objects are stored by now, and go on there with those that were copied.

        Raises:
            NotFoundError: one was stored anew: what is at hand does not go with the rest.
        """
        for kept in (self._kept[object_id] for object_id in object_ids):
            if kept.partial is not None and kept.held == kept.count:
                continue
            reader, index = self._store.find(kept.entry.id)
            entry = reader.entry(index)
            if (entry.base, entry.segment_bytes) != (kept.entry.base, kept.entry.segment_bytes):
                raise NotFoundError(
                    "the rest of a tensor that was stored anew meanwhile",
                    where=kept.where,
                    hint="begin again",
                )
            kept.reader, kept.index, kept.entry = reader, index, entry

    def _fetch_near(self, entries: Sequence[tuple[_Kept, int]]) -> None:
        """Read what is missing of entries of one pack, and lies on this disk."""
        wanted = [kept.record for kept, _ in entries if kept.partial is None]
        records = sum(piece.length for piece in wanted)
        for kept, segments in entries:
            wanted += [piece for _, piece in kept.missing(min(segments, kept.near))]
        found = self._ranges.read(entries[0][0].reader, wanted)
        self.record_bytes += records
        for kept, _ in entries:
            if kept.partial is None:
                kept.partial = _partial(kept, found[kept.record])
            self._take(kept, found)

    def _fetch_far(self, entries: Sequence[tuple[_Kept, int]]) -> None:
        """Read what is missing then, of companions."""
        wanted = [piece for kept, segments in entries for _, piece in kept.missing(segments)]
        if wanted:
            reader = entries[0][0].reader
            # What comes along of an entry read before is kept, too, asked for or not.
            there = [k for k in self._kept.values() if k.partial and k.reader.name == reader.name]
            every = [piece for kept in there for _, piece in kept.missing(kept.count)]
            found = self._ranges.read(reader, wanted, every)
            for kept in there:
                self._take(kept, found)

    def _take(self, kept: _Kept, found: Mapping[Piece, memoryview]) -> None:
        """Keep the segments that came, up to the first that did not."""
        assert kept.partial is not None
        for number, piece in list(kept.missing(kept.count)):
            payload = found.get(piece)
            if payload is None:
                break
            try:
                kept.partial.add(payload)
            except CorruptionError as error:
                raise self._damaged(kept, number, error) from error

    def _damaged(self, kept: _Kept, number: int, error: CorruptionError) -> CorruptionError:
        companions = self._store.companions
        if companions is None or number < kept.near:
            return error
        name = companion_name(kept.reader.name.hex())
        return CorruptionError(
            error.found,
            expected=error.expected,
            where=f"{companions.url}/{name}, {error.where}",
            hint="put back a copy of the companion; leading bytes can still be read",
            kind=error.kind,
        )

    def decode(self, object_id: bytes, segments: int) -> np.ndarray:
        """Return raw bytes (uint8) of the values, of which leading segments count; others are zero.

        Raises:
            UsageError: not all of the segments are at hand.
        """
        if self.is_cut(object_id, segments):
            return self.decode_cut(object_id, segments)[0]
        with self._mutex:
            chain = self._chain(object_id)
        entry = chain[0].entry
        out = np.empty(entry.raw_bytes, np.uint8)
        if entry.raw_bytes:
            links = [(kept.partial, 0) for kept in chain if kept.partial is not None]
            whole = segments == len(entry.segment_bytes)
            planes = None if whole else segments
            _core.decode(links, out, planes=planes, threads=self._store.threads)
        return out

    def is_cut(self, object_id: bytes, segments: int) -> bool:
        """Say whether so many segments tell of each value some bits of a number of fixed point."""
        entry = self.entry(object_id)
        return entry.is_fixed and segments < len(entry.segment_bytes)

    def decode_cut(self, object_id: bytes, segments: int) -> tuple[np.ndarray, np.ndarray]:
        """Decode leading segments of a fixed entry.

        Returns:
            Raw bytes (uint8) of the values truncated toward zero, and the exponent field of each
            group of values, uint8; csrc/mh/codec/fixed/spec.md says what follows from them.

        Raises:
            UsageError: not all of the segments are at hand.
        """
        with self._mutex:
            (kept,) = self._chain(object_id)
        assert kept.partial is not None
        entry = kept.entry
        out = np.empty(entry.raw_bytes, np.uint8)
        groups = -(-(entry.raw_bytes // entry.width) // entry.group_elements)
        exponents = np.empty(groups, np.uint8)
        threads = self._store.threads
        _core.decode_prefix((kept.partial, 0), out, exponents, segments, threads=threads)
        return out, exponents
