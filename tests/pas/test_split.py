"""Splitting packs and putting them together, and what of an entry is near and far."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelhub import _core
from modelhub.errors import BadInputError, CorruptionError, RemoteError
from modelhub.fs.files import InputFile
from modelhub.fs.layout import Layout
from modelhub.pas import split, tiers
from modelhub.pas.session import Session
from modelhub.pas.split import RUN_BYTES_MIN, entry_bytes, merge_pack, near_segments, split_pack
from modelhub.tensors.arrays import TensorSpec


@pytest.mark.parametrize(
    ("width", "planes", "near"),
    [
        (1, 1, 1), (2, 1, 2), (2, 2, 2), (4, 1, 2), (4, 2, 2), (4, 3, 4), (4, 7, 4),
        (8, 1, 4), (8, 2, 4), (8, 4, 4), (8, 5, 8), (8, 7, 8),
    ],
)  # fmt: skip
def test_whole_levels_stay_near(width: int, planes: int, near: int) -> None:
    assert near_segments(width, planes) == near


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "r")
    made.packs_dir.mkdir(parents=True)
    return made


@pytest.fixture
def tier(tmp_path: Path) -> tiers.Tier:
    made = tiers.open_tier(str(tmp_path / "cold"))
    tiers.mark(made)
    return made


TENSORS = {
    b"\1" * 32: np.random.default_rng(1).standard_normal((90, 70)).astype(np.float32),
    b"\2" * 32: np.random.default_rng(2).standard_normal(20).astype(np.float32),
    b"\3" * 32: np.random.default_rng(3).standard_normal(3000),
    b"\4" * 32: np.random.default_rng(4).integers(0, 1 << 16, 9000).astype(np.uint16),
}


@pytest.fixture
def name(layout: Layout) -> bytes:
    with Session(layout, lambda object_id: None, depth_max=0) as session:
        for object_id, array in TENSORS.items():
            raw = array.reshape(-1).view(np.uint8)
            session.add_tensor(object_id, array.dtype.name, array.shape, raw)
        session.add_object(2, np.random.default_rng(5).bytes(20_000))
        session.seal()
    (made,) = session.packs
    return made


def test_a_pack_comes_back_byte_for_byte(layout: Layout, tier: tiers.Tier, name: bytes) -> None:
    path = layout.pack_path(name.hex())
    before = path.read_bytes()
    with _core.PackReader(str(path)) as reader:
        placed = [entry_bytes(reader.entry(i), 2) for i in range(reader.count)]
        sizes = [reader.entry(i).stored_bytes for i in range(reader.count)]
        segments = [reader.entry(i).segment_bytes for i in range(reader.count)]
    # Small ones, 16-bit ones and what is no tensor stay whole.
    assert [bytes_.far > 0 for bytes_ in placed] == [True, False, True, False, False]
    assert [bytes_.near + bytes_.far for bytes_ in placed] == sizes
    assert placed[0].far == sum(segments[0][2:])
    assert placed[2].far == sum(segments[2][4:])
    far = sum(bytes_.far for bytes_ in placed)
    assert split_pack(layout, tier, name, 2) == far
    assert split_pack(layout, tier, name, 2) == 0
    with _core.PackReader(str(path)) as reader:
        assert (reader.name, reader.far_bytes, reader.bytes) == (name, far, len(before))
        assert [reader.near_segments(i) for i in range(5)] == [2, 4, 4, 2, 1]
    assert path.stat().st_size < len(before) - far + 300
    low = tier.file(f"{name.hex()}.low")
    assert split.read_companion(low) == (name, far)
    companions = tiers.Companions(layout, tier.url, 0)
    assert merge_pack(layout, companions, name) == far
    assert merge_pack(layout, companions, name) == 0
    assert path.read_bytes() == before
    assert sorted(p.name for p in layout.packs_dir.iterdir()) == [path.name]


def test_short_runs_are_not_worth_a_round_trip(layout: Layout, tier: tiers.Tier) -> None:
    with Session(layout, lambda object_id: None, depth_max=0) as session:
        noise = np.random.default_rng(0).standard_normal(RUN_BYTES_MIN // 2).astype(np.float32)
        for object_id, count in ((b"\1" * 32, -1), (b"\2" * 32, None)):
            part = noise[:count]
            session.add_tensor(object_id, "float32", part.shape, part.view(np.uint8))
        session.seal()
    (name,) = session.packs
    assert split_pack(layout, tier, name, 2) == RUN_BYTES_MIN


class _Forgetful:
    """A tier that gives back other bytes than it was given."""

    is_folder = False
    url = "memory://forgetful"

    def __init__(self) -> None:
        self.written = 0

    def size(self, name: str) -> int | None:
        return None

    def blocks(self, name: str) -> object:
        yield bytes(10)

    def write(self, name: str, blocks: object) -> None:
        self.written += sum(map(len, blocks))  # type: ignore[call-overload]


def test_what_does_not_come_back_is_kept(layout: Layout, name: bytes) -> None:
    path = layout.pack_path(name.hex())
    before = path.read_bytes()
    forgetful = _Forgetful()
    with pytest.raises(RemoteError, match="comes back"):
        split_pack(layout, forgetful, name, 2)  # type: ignore[arg-type]
    assert forgetful.written > 10_000
    assert path.read_bytes() == before


def test_a_companion_that_is_there_is_not_written_again(
    layout: Layout, tier: tiers.Tier, name: bytes
) -> None:
    split_pack(layout, tier, name, 2)
    low = tier.file(f"{name.hex()}.low")
    stamp = low.stat().st_ino
    merge_pack(layout, tiers.Companions(layout, tier.url, 0), name)
    split_pack(layout, tier, name, 2)
    assert low.stat().st_ino == stamp
    merge_pack(layout, tiers.Companions(layout, tier.url, 0), name)
    low.write_bytes(low.read_bytes()[:-1])
    split_pack(layout, tier, name, 2)
    assert low.stat().st_ino != stamp
    assert split.read_companion(low)[0] == name


def test_headers_of_companions_are_checked(
    layout: Layout, tier: tiers.Tier, name: bytes, tmp_path: Path
) -> None:
    split_pack(layout, tier, name, 2)
    good = tier.file(f"{name.hex()}.low").read_bytes()
    path = tmp_path / "x.low"
    for bad, error in (
        (b"", BadInputError),
        (b"x" * 64, BadInputError),
        (good[:50], CorruptionError),
        (good[:-1], CorruptionError),
        (good[:20] + b"\0" + good[21:], CorruptionError),
    ):
        path.write_bytes(bad)
        with pytest.raises(error):
            split.read_companion(path)
    near = layout.pack_path(name.hex())
    with InputFile(near) as file:
        assert split.is_near(file.read(0, 8))
    assert not split.is_near(good)


@pytest.mark.parametrize(
    ("dtype", "planes", "bits"),
    [("float32", 1, 8), ("float32", 2, 16), ("float32", 3, 24), ("float32", 4, None),
     ("float32", 7, None), ("float16", 1, None), ("float16", 2, None)],
)  # fmt: skip
def test_fixed_entries_keep_so_many_leading_bits(
    layout: Layout, tier: tiers.Tier, dtype: str, planes: int, bits: int | None
) -> None:
    array = (np.random.default_rng(0).standard_normal((90, 200)) * 0.05).astype(dtype)
    raw = array.reshape(-1).view(np.uint8)
    spec = TensorSpec(dtype, array.shape)
    with Session(layout, lambda object_id: None, depth_max=0) as session:
        session.rewrite_tensor(b"\1" * 32, spec, raw, None, "progressive")
        session.seal()
    (name,) = session.packs
    moved = split_pack(layout, tier, name, planes)
    with _core.PackReader(str(layout.pack_path(name.hex()))) as reader:
        entry = reader.entry(0)
        assert entry.is_fixed
        near = reader.near_segments(0)
        assert moved == sum(entry.segment_bytes[near:])
        if bits is None:
            assert near == len(entry.segment_bytes)
        else:
            assert sum(entry.segment_bits[:near]) == bits
            assert near < len(entry.segment_bytes)
    assert merge_pack(layout, tiers.Companions(layout, tier.url, 0), name) == moved
