"""Read byte ranges of packs wherever they lie, in as few requests as pay.

What lies on a disk is read in place: the pack, a near file, and its companion in a folder or in the
cache. What lies behind a URL is asked for by ranges. Nothing is kept here, and nothing compared:
who asks checks what came against the checksums of cells.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from modelhub import _core
from modelhub.errors import RemoteError
from modelhub.pas.store import Store

__all__ = ["GAP_BYTES_MAX", "Piece", "RangeReader"]

# Ranges of a companion that are no farther apart are one request, and what is between comes along:
# it is what a fresh connection may send before the first answer (ten segments, RFC 6928), so about
# what could have come while another request is on its way. On a disk nothing unasked is read.
GAP_BYTES_MAX = 14_600
# Neighbours are read together up to so much, so that little is held twice.
_JOINED_BYTES_MAX = 4 << 20
# Answers that are held at once.
_BATCH_BYTES_MAX = 64 << 20
# Before the runs of a companion, docs/formats/tier.md.
_LOW_HEADER_BYTES = 64


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of a pack, as the whole pack counts."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """Return where it ends."""
        return self.offset + self.length


class _Runs:
    """Where the far ranges of a pack lie in its companion."""

    def __init__(self, reader: _core.PackReader) -> None:
        runs = reader.runs() if reader.is_split else []
        self._begins = [offset for offset, _ in runs]
        self._ends = [offset + length for offset, length in runs]
        self._at: list[int] = []
        at = _LOW_HEADER_BYTES
        for _, length in runs:
            self._at.append(at)
            at += length
        self.far_bytes = at - _LOW_HEADER_BYTES

    def at(self, offset: int) -> int | None:
        """Return where the companion holds a byte of the pack; None if the near file does."""
        run = bisect_right(self._begins, offset) - 1
        if run < 0 or offset >= self._ends[run]:
            return None
        return self._at[run] + offset - self._begins[run]


def _joined(ranges: Iterable[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    """Return (begin, end) of what is read together, of (offset, length) in order."""
    spans: list[tuple[int, int]] = []
    for offset, length in ranges:
        end = offset + length
        if spans and offset - spans[-1][1] <= gap and end - spans[-1][0] <= _JOINED_BYTES_MAX:
            spans[-1] = spans[-1][0], end
        else:
            spans.append((offset, end))
    return spans


class RangeReader:
    """Reads ranges of packs, and counts.

    Attributes:
        bytes_read: All that was read or sent: what was asked for, what came along between, and
            companions sent whole by a place that knows no ranges.
        requests: How often a file was read, or a place asked.
        seconds: The time that took.
        far_bytes_read, far_seconds: Of these, what came out of companions.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._runs: dict[bytes, _Runs] = {}
        # Packs whose companion was sent whole: what is read of it since has been counted.
        self._sent: set[bytes] = set()
        self.bytes_read = 0
        self.requests = 0
        self.seconds = 0.0
        self.far_bytes_read = 0
        self.far_seconds = 0.0

    def read(
        self, reader: _core.PackReader, wanted: Sequence[Piece], welcome: Iterable[Piece] = ()
    ) -> dict[Piece, memoryview]:
        """Return ranges of a pack that do not overlap, each on one side of the border of a run.

        Args:
            welcome: Ranges that are returned too where they came along anyway.

        Raises:
            RemoteError: kind `tier`, the companion cannot be had.
            CorruptionError: a file ends before.
            NotFoundError: the pack has gone, and its companion with it.
        """
        begun = time.perf_counter()
        runs = self._runs.get(reader.name)
        if runs is None:
            runs = self._runs[reader.name] = _Runs(reader)
        near = [piece for piece in wanted if runs.at(piece.offset) is None]
        far = [piece for piece in wanted if runs.at(piece.offset) is not None]
        try:
            found = dict(self._local(reader, near))
            if far:
                middle, before = time.perf_counter(), self.bytes_read
                found.update(self._far(reader, runs, far, welcome))
                self.far_seconds += time.perf_counter() - middle
                self.far_bytes_read += self.bytes_read - before
        finally:
            self.seconds += time.perf_counter() - begun
        return found

    def _local(
        self, reader: _core.PackReader, pieces: Sequence[Piece], *, counted: bool = False
    ) -> Iterator[tuple[Piece, memoryview]]:
        """Read what is at hand by the offsets of the pack."""
        ordered = sorted(pieces, key=lambda piece: piece.offset)
        spans = _joined(((piece.offset, piece.length) for piece in ordered), 0)
        at = 0
        for begin, end in spans:
            data = memoryview(reader.read_range(begin, end - begin))
            self.requests += 1
            self.bytes_read += 0 if counted else len(data)
            while at < len(ordered) and ordered[at].end <= end:
                piece = ordered[at]
                yield piece, data[piece.offset - begin : piece.end - begin]
                at += 1

    def _far(
        self,
        reader: _core.PackReader,
        runs: _Runs,
        far: Sequence[Piece],
        welcome: Iterable[Piece],
    ) -> dict[Piece, memoryview]:
        companions = self._store.companions
        if companions is None or not companions.by_ranges(reader):
            return dict(self._in_place(reader, far))
        found: dict[Piece, memoryview] = {}
        try:
            for batch in _batches(_placed(runs, far)):
                spans = _joined(((at, piece.length) for at, piece in batch), GAP_BYTES_MAX)
                answers = companions.ranges(reader, [(a, b - a) for a, b in spans])
                if answers is None:
                    self._sent.add(reader.name)
                    self.bytes_read += runs.far_bytes + _LOW_HEADER_BYTES
                    self.requests += 1
                    left = [piece for piece in far if piece not in found]
                    return {**found, **dict(self._in_place(reader, left))}
                self.requests += len(spans)
                self.bytes_read += sum(map(len, answers))
                placed = [*batch, *_placed(runs, welcome)]
                found.update(_cut(spans, answers, placed))
        except RemoteError:
            # The pack may have been made whole meanwhile, its companion removed.
            path = str(reader.path)
            with _core.PackReader(path) as fresh:
                if fresh.is_split:
                    raise
            left = [piece for piece in far if piece not in found]
            return {**found, **dict(self._in_place(reader, left))}
        return found

    def _in_place(
        self, reader: _core.PackReader, far: Sequence[Piece]
    ) -> Iterator[tuple[Piece, memoryview]]:
        """Read far ranges of a companion on this disk, or of a pack made whole meanwhile."""
        whole = self._store.whole_reader(reader.name)
        return self._local(whole, far, counted=reader.name in self._sent)


def _placed(runs: _Runs, pieces: Iterable[Piece]) -> list[tuple[int, Piece]]:
    """Return far pieces with their place in the companion, in order."""
    found = [(at, piece) for piece in pieces if (at := runs.at(piece.offset)) is not None]
    return sorted(found, key=lambda pair: pair[0])


def _batches(placed: Sequence[tuple[int, Piece]]) -> Iterator[list[tuple[int, Piece]]]:
    batch: list[tuple[int, Piece]] = []
    size = 0
    for pair in placed:
        if batch and size + pair[1].length > _BATCH_BYTES_MAX:
            yield batch
            batch, size = [], 0
        batch.append(pair)
        size += pair[1].length
    if batch:
        yield batch


def _cut(
    spans: Sequence[tuple[int, int]],
    answers: Sequence[bytes],
    placed: Iterable[tuple[int, Piece]],
) -> Iterator[tuple[Piece, memoryview]]:
    """Yield the pieces that lie in answers whole."""
    begins = [begin for begin, _ in spans]
    for at, piece in placed:
        span = bisect_right(begins, at) - 1
        if span >= 0 and at + piece.length <= spans[span][1]:
            start = at - begins[span]
            yield piece, memoryview(answers[span])[start : start + piece.length]
