"""PartialEntry: leading segments in memory, in chains as a pack is; ranges of packs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelhub import _core
from modelhub.errors import CorruptionError, RemoteError, UsageError
from modelhub.fs.layout import Layout, companion_name
from modelhub.pas import tiers
from modelhub.pas.split import split_pack


def floats(count: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(count) * 0.05).astype(np.float32)


def partial_of(reader: _core.PackReader, index: int, segments: int) -> _core.PartialEntry:
    entry = reader.entry(index)
    record = reader.read_range(entry.offset, entry.record_bytes)
    made = _core.PartialEntry(record, f"entry {index}")
    begin = entry.offset + entry.record_bytes
    for number, size in enumerate(entry.segment_bytes):
        if made.segments == number < segments:
            made.add(reader.read_range(begin, size))
        begin += size
    return made


@pytest.fixture
def pack(lab: Any) -> _core.PackReader:
    """Return a pack of floats of several blocks, and a delta on them."""
    first = floats(150_000)
    return lab.pack(first, first + floats(150_000, 1) * np.float32(1e-3), width=4, value_kind=2)


@pytest.mark.parametrize("planes", [1, 2, 3, 4])
@pytest.mark.parametrize("index", [0, 1])
def test_leading_segments_decode_as_the_pack_does(
    lab: Any, pack: _core.PackReader, planes: int, index: int
) -> None:
    expected = lab.read(pack, index, planes=planes)
    needed = planes if index == 0 else 2 * -(-planes // 2)
    chain = [(partial_of(pack, i, needed), 0) for i in range(index, -1, -1)]
    out = np.empty(len(expected), np.uint8)
    read = _core.decode(chain, out, planes=planes)
    assert out.tobytes() == expected
    segments = [pack.entry(i).segment_bytes[:needed] for i in range(index + 1)]
    assert read == sum(map(sum, segments))
    # Either kind of link may stand in any place.
    if index == 1:
        mixed = [chain[0], (pack, 0)]
        assert _core.decode(mixed, out, planes=planes) == read
        assert out.tobytes() == expected


def test_what_is_not_held_is_refused(pack: _core.PackReader) -> None:
    held = partial_of(pack, 0, 2)
    assert held.segments == 2
    assert held.entry.id == pack.entry(0).id
    assert held.entry.segment_bytes == pack.entry(0).segment_bytes
    assert held.entry.stored_bytes == pack.entry(0).stored_bytes
    out = np.empty(600_000, np.uint8)
    with pytest.raises(UsageError, match="segment 2, which is not held"):
        _core.decode([(held, 0)], out)
    with pytest.raises(UsageError, match="entry 1"):
        _core.decode([(held, 1)], out)
    with pytest.raises(TypeError):
        _core.decode([(None, 0)], out)  # type: ignore[list-item]
    with pytest.raises(UsageError, match="an entry without base"):
        _core.decode([(held, 0), (held, 0)], out)


def test_segments_without_payload_are_held_at_once(lab: Any) -> None:
    # Of bfloat16 values in float32, the low planes are constant.
    cut = (floats(5000).view(np.uint32) & 0xFFFF0000).view(np.float32)
    pack = lab.pack(cut, width=4, value_kind=2)
    assert pack.entry(0).segment_bytes[2:] == (0, 0)
    assert partial_of(pack, 0, 2).segments == 4
    empty = lab.pack(np.empty(0, np.float32), width=4, value_kind=2)
    assert partial_of(empty, 0, 0).segments == 4


def test_payloads_are_verified_as_they_come(pack: _core.PackReader) -> None:
    entry = pack.entry(0)
    begin = entry.offset + entry.record_bytes
    good = pack.read_range(begin, entry.segment_bytes[0])
    held = partial_of(pack, 0, 0)
    for bad in (good[:-1], good + b"x", b"", bytes([good[0] ^ 1]) + good[1:]):
        with pytest.raises(CorruptionError, match="entry 0, segment 0"):
            held.add(bad)
        assert held.segments == 0
    with pytest.raises(CorruptionError, match=r"segment 0, block 2: the checksum"):
        held.add(good[:-1] + bytes([good[-1] ^ 1]))
    held.add(memoryview(good))
    assert held.segments == 1
    whole = partial_of(pack, 0, 4)
    with pytest.raises(UsageError):
        whole.add(b"")


def test_records_are_verified(pack: _core.PackReader) -> None:
    entry = pack.entry(0)
    record = pack.read_range(entry.offset, entry.record_bytes)
    for position in range(0, len(record), 7):
        bad = bytearray(record)
        bad[position] ^= 4
        with pytest.raises(Exception, match=r"the place") as caught:
            _core.PartialEntry(bad, "the place")
        assert type(caught.value).__module__ == "modelhub.errors"
    for bad in (b"", record[:-1], record + b"\0"):
        with pytest.raises(CorruptionError):
            _core.PartialEntry(bad)


def test_ranges_are_those_of_the_file(pack: _core.PackReader) -> None:
    with open(pack.path, "rb") as file:
        whole = file.read()
    assert pack.read_range(0, len(whole)) == whole
    assert pack.read_range(1000, 77) == whole[1000:1077]
    assert pack.read_range(len(whole), 0) == b""
    for offset, length in ((-1, 1), (0, -1), (0, len(whole) + 1), (len(whole) + 1, 0), (5, 2**62)):
        with pytest.raises(UsageError):
            pack.read_range(offset, length)


def test_ranges_that_are_far_say_so(pack: _core.PackReader, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "r")
    layout.packs_dir.mkdir(parents=True)
    Path(pack.path).rename(layout.pack_path(pack.name.hex()))
    tier = tiers.open_tier(str(tmp_path / "cold"))
    tiers.mark(tier)
    assert split_pack(layout, tier, pack.name, 2) > 0
    near = _core.PackReader(str(layout.pack_path(pack.name.hex())))
    low = str(tier.file(companion_name(pack.name.hex())))
    whole = _core.PackReader(near.path, low)
    assert whole.read_range(0, pack.bytes) == pack.read_range(0, pack.bytes)
    (offset, length), *_ = near.runs()
    assert near.read_range(0, offset) == pack.read_range(0, offset)
    for begin, size in ((offset, 1), (offset - 1, 2), (offset + length - 1, 5)):
        with pytest.raises(RemoteError) as caught:
            near.read_range(begin, size)
        assert caught.value.kind == "tier"
