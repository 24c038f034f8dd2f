"""Split packs between two places, and put them together again.

A *near file* takes a pack's place and name: records, index and leading segments. Its *companion*
holds the *runs* of the pack that are not there, the low-order segments, and lies in a tier.
Specified in docs/formats/tier.md. While a pack is split or merged there is no moment without all
its bytes: the other file is durable and compared before one rename lets go of the first.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelhub import _core, ids
from modelhub.errors import BadInputError, CorruptionError, RemoteError
from modelhub.fs import files
from modelhub.fs.files import InputFile, OutputFile
from modelhub.fs.layout import Layout, companion_name
from modelhub.pas.tiers import Companions, Tier

__all__ = [
    "RUN_BYTES_MIN",
    "PlacedBytes",
    "companion_blocks",
    "entry_bytes",
    "is_near",
    "merge_pack",
    "near_segments",
    "read_companion",
    "runs_of",
    "split_pack",
    "write_companion",
    "write_near",
]

_NEAR_MAGIC = b"\x8dMHNEAR\n"
_LOW_MAGIC = b"\x8dMHLOWB\n"
_LOW_HEADER = struct.Struct("<8sII32sQ")
_VERSION = 1
# A shorter run stays: to fetch it would cost a round trip, to keep it costs a page of a disk.
RUN_BYTES_MIN = 4096
# Elements of so many bytes or fewer stay whole.
_WHOLE_WIDTH = 2
# Copied in steps that keep the disk busy and fit the caches.
_STEP_BYTES = 4 << 20

Run = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PlacedBytes:
    """Stored bytes by place: record and leading segments near, the others far."""

    near: int
    far: int


def near_segments(width: int, planes: int) -> int:
    """Return how many segments of an element of `width` bytes stay near when `planes` shall.

    Whole levels stay, because a delta is decoded by levels: so reading the leading bytes needs
    nothing far through any chain of deltas of one type.
    """
    level = width if width <= 2 else width // 2
    return min(width, -(-planes // level) * level)


def _near(entry: _core.Entry, planes: int) -> int:
    """Return how many segments of an entry stay near when `planes` bytes of each value shall.

    Of a fixed entry as many as have so many bits together, and the tail only where all stays: it
    is read by prefixes, of which the coarse ones then need nothing far.
    """
    if not entry.is_fixed:
        return near_segments(entry.width, planes)
    if entry.width <= _WHOLE_WIDTH or planes >= entry.width:
        return len(entry.segment_bytes)
    bits = itertools.accumulate(entry.segment_bits[:-1])
    return sum(total <= 8 * planes for total in bits)


def entry_bytes(entry: _core.Entry, planes: int) -> PlacedBytes:
    """Return which stored bytes of an entry are near and far in a pack split at `planes`.

    Far bytes may be priced at another rate than near ones, as an edge of the storage graph per
    place (Miao et al., ICDE 2017, section IV-C).
    """
    far = sum(entry.segment_bytes[_near(entry, planes) :])
    far = far if entry.kind == ids.TENSOR and far >= RUN_BYTES_MIN else 0
    return PlacedBytes(entry.stored_bytes - far, far)


def runs_of(reader: _core.PackReader, planes: int) -> list[Run]:
    """Return (offset, bytes) of what of a pack shall be far, in file order."""
    runs = []
    for index in range(reader.count):
        entry = reader.entry(index)
        far = entry_bytes(entry, planes).far
        if far:
            end = entry.offset + entry.stored_bytes
            runs.append((end - far, far))
    return runs


def is_near(head: bytes) -> bool:
    """Say whether a file that begins with these bytes is a near file."""
    return head.startswith(_NEAR_MAGIC)


def read_companion(path: Path) -> tuple[bytes, int]:
    """Return the pack's name and the bytes of runs that a companion's header tells.

    Raises:
        BadInputError: it is no companion.
        CorruptionError: its header is damaged, or the file has another length.
    """
    with InputFile(path) as file:
        header = file.read(0, min(file.size, _LOW_HEADER.size + 8))
        if not header.startswith(_LOW_MAGIC):
            raise BadInputError("other first bytes", expected="a companion", where=str(path))
        if len(header) < _LOW_HEADER.size + 8:
            raise CorruptionError("a header cut short", where=str(path))
        _, version, reserved, name, far = _LOW_HEADER.unpack_from(header)
        checksum = _core.checksum(header[: _LOW_HEADER.size])
        if (version, reserved) != (_VERSION, 0) or header[-8:] != checksum.to_bytes(8, "little"):
            raise CorruptionError("a header that is damaged or newer", where=str(path))
        if file.size != len(header) + far:
            raise CorruptionError(
                f"{file.size} bytes", expected=str(len(header) + far), where=str(path)
            )
    return name, far


def split_pack(layout: Layout, tier: Tier, name: bytes, planes: int) -> int:
    """Move a pack's low-order segments to a tier; return their bytes, 0 if there is nothing to do.

    Raises:
        RemoteError: the tier fails, or gives back other bytes; the pack is then as it was.
    """
    path = layout.pack_path(name.hex())
    with _core.PackReader(str(path)) as reader:
        runs = [] if reader.is_split else runs_of(reader, planes)
        size = reader.bytes
    if not runs:
        return 0
    far = sum(length for _, length in runs)
    with InputFile(path) as source:
        digest = _sha256(companion_blocks(source, name, runs))
        write_companion(tier, source, name, runs, digest)
        temporary = layout.temporary_pack_path()
        with OutputFile(temporary, sync=True) as out:
            write_near(out, source, name, size, runs, digest)
            out.commit()
    _take_place(temporary, path, name)
    return far


def merge_pack(layout: Layout, companions: Companions, name: bytes) -> int:
    """Make a split pack whole again; return the bytes that came back, 0 if it is whole.

    The companion stays where it is.

    Raises:
        RemoteError: kind `tier`, the companion cannot be had.
        CorruptionError: it is not the one that was written; the pack is then as it was.
    """
    path = layout.pack_path(name.hex())
    with _core.PackReader(str(path)) as reader:
        if not reader.is_split:
            return 0
        low = companions.path(reader)
    with _core.PackReader(str(path), str(low)) as reader:
        runs, size, far = reader.runs(), reader.bytes, reader.far_bytes
        digest = reader.low_sha256
    temporary = layout.temporary_pack_path()
    with InputFile(path) as near, InputFile(low) as source, OutputFile(temporary, sync=True) as out:
        near_at, far_at = near.size - (size - far), source.size - far
        sha = ids.sha256()
        sha.update(source.read(0, far_at))
        end = 0
        for offset, length in [*runs, (size, 0)]:
            _copy(near, near_at, offset - end, out)
            near_at += offset - end
            for block in _blocks(source, far_at, length):
                sha.update(block)
                out.write(block)
            far_at += length
            end = offset + length
        if sha.digest() != digest:
            raise CorruptionError(
                f"a companion of SHA-256 {sha.hexdigest()}",
                expected=digest.hex(),
                where=str(low),
                hint="put back a copy of the companion; leading bytes can still be read",
            )
        out.commit()
    _take_place(temporary, path, name)
    return far


def companion_blocks(source: InputFile, name: bytes, runs: Sequence[Run]) -> Iterator[bytes]:
    """Yield the bytes of a pack's companion: a header, and the runs back to back."""
    far = sum(length for _, length in runs)
    header = _LOW_HEADER.pack(_LOW_MAGIC, _VERSION, 0, name, far)
    yield header + struct.pack("<Q", _core.checksum(header))
    for offset, length in runs:
        yield from _blocks(source, offset, length)


def write_companion(
    tier: Tier, source: InputFile, name: bytes, runs: Sequence[Run], digest: bytes
) -> None:
    """Write a companion to a tier, unless the very one is there, and read it back.

    Raises:
        RemoteError: what the tier gives back is not what was written.
    """
    title = companion_name(name.hex())
    if tier.size(title) is not None and _sha256(tier.blocks(title)) == digest:
        return
    tier.write(title, companion_blocks(source, name, runs))
    found = _sha256(tier.blocks(title))
    if found != digest:
        raise RemoteError(
            f"{title} comes back with SHA-256 {found.hex()}",
            expected=digest.hex(),
            where=tier.url,
            hint="the pack is kept whole; check the tier, then run `modelhub tier push` again",
        )


def write_near(
    out: OutputFile, source: InputFile, name: bytes, size: int, runs: Sequence[Run], digest: bytes
) -> None:
    """Write a near file: a header, the table of runs, and the pack without them."""
    table = struct.pack("<8sII32sQ32sQ", _NEAR_MAGIC, _VERSION, 0, name, size, digest, len(runs))
    table += b"".join(struct.pack("<QQ", *run) for run in runs)
    out.write(table + struct.pack("<Q", _core.checksum(table)))
    begins = [0, *(offset + length for offset, length in runs)]
    ends = [*(offset for offset, _ in runs), size]
    for begin, end in zip(begins, ends, strict=True):
        _copy(source, begin, end - begin, out)


def _take_place(temporary: Path, path: Path, name: bytes) -> None:
    """Check a file just written, and let it take the pack's place."""
    with _core.PackReader(str(temporary)) as reader:
        if reader.name != name:
            raise CorruptionError(f"pack {reader.name.hex()}", expected=name.hex(), where=str(path))
    files.rename(temporary, path)
    files.sync_dir(path.parent)


def _blocks(source: InputFile, offset: int, length: int) -> Iterator[bytes]:
    for start in range(0, length, _STEP_BYTES):
        yield source.read(offset + start, min(_STEP_BYTES, length - start))


def _copy(source: InputFile, offset: int, length: int, out: OutputFile) -> None:
    for block in _blocks(source, offset, length):
        out.write(block)


def _sha256(blocks: Iterator[bytes]) -> bytes:
    sha = ids.sha256()
    for block in blocks:
        sha.update(block)
    return sha.digest()
