"""Damaged and hostile packs: refused by name, without a crash, without wrong bytes."""

from __future__ import annotations

import contextlib
import os
import resource
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelhub import _core
from modelhub.errors import BadInputError, CorruptionError, ModelHubError, UsageError
from tests.core.craft import only_refusals

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "pack-v1" / "good"
SAMPLE = {
    "planes": "bits,rans,lz4,zstd,constant,empty,zero-dim,nan",
    "palette": "packed,two",
    "dense": "dense bfloat16,dense bfloat16 delta",
    "mapped": "base,flat,from float16,to float16",
    "forms": "words,xor",
}
FEW = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def sample(lab: Any) -> _core.PackReader:
    """A pack with every codec and form, deltas of both kinds, an empty and a zero-dim entry."""
    path = lab.path()
    with _core.PackWriter(str(path)) as writer:
        for name, titles in SAMPLE.items():
            with _core.PackReader(str(GOLDEN / f"{name}.pack")) as golden:
                for title in titles.split(","):
                    writer.copy(golden, golden.find(lab.object_id(title)))
        writer.finish()
    return _core.PackReader(str(path))


def read_all(lab: Any, path: Path) -> list[bytes]:
    reader = _core.PackReader(str(path))
    for i in range(reader.count):
        reader.verify(i)
    return [lab.read(reader, i) for i in range(reader.count)]


def test_sample_has_every_codec(sample: _core.PackReader) -> None:
    seen = {name for i in range(sample.count) for name in sample.codecs(i)}
    assert seen == {
        "constant", "raw", "lz4", "zstd", "rans", "bits", "field", "classes", "palette", "joined",
    }  # fmt: skip
    assert any(sample.entry(i).is_mapped for i in range(sample.count))


def test_every_truncation_is_refused(lab: Any, sample: _core.PackReader) -> None:
    data = Path(sample.path).read_bytes()
    path = lab.path()
    for size in [*range(0, len(data), 397), *range(len(data) - 50, len(data))]:
        path.write_bytes(data[:size])
        with pytest.raises(CorruptionError) as caught:
            _core.PackReader(str(path))
        assert str(path) in str(caught.value)


def test_every_flipped_byte_shows(lab: Any, sample: _core.PackReader) -> None:
    """Any byte of the file, payloads included: an error, and never other values."""
    data = Path(sample.path).read_bytes()
    path = lab.path()
    rng = np.random.default_rng(6)
    for at in [*range(0, len(data), 101), *range(len(data) - 48, len(data))]:
        damaged = bytearray(data)
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ModelHubError) as caught:
            read_all(lab, path)
        assert caught.value.kind in {"corruption", "unsupported_version"}
        assert str(path) in str(caught.value)


def test_damage_names_entry_segment_and_block(lab: Any) -> None:
    array = np.random.default_rng(0).integers(0, 256, (200_000, 2), np.uint8)
    reader = lab.pack(array, width=2)
    data = bytearray(Path(reader.path).read_bytes())
    entry = reader.entry(0)
    # Block 1 of segment 1: noise is stored raw, so places are known.
    block = entry.block_elements
    assert block < 200_000
    data[entry.offset + entry.record_bytes + 200_000 + block + 5] ^= 64
    Path(reader.path).write_bytes(data)
    for call in (lambda: reader.verify(0), lambda: lab.read(reader, 0, threads=2)):
        with pytest.raises(CorruptionError) as caught:
            call()
        assert f"({entry.id.hex()}), segment 1, block 1" in caught.value.where
    assert lab.read(reader, 0, row_begin=0, row_end=block) == array[:block].tobytes()
    assert lab.read(reader, 0, planes=1)


@FEW
@given(patches=st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=8)),
                        min_size=1, max_size=4))  # fmt: skip
def test_index_with_right_checksums_and_wrong_content(
    lab: Any, reseal: Any, sample: _core.PackReader, patches: list[tuple[int, bytes]]
) -> None:
    """An attacker can compute checksums: the rules behind them must hold alone."""
    data = bytearray(Path(sample.path).read_bytes())
    offset, size = struct.unpack_from("<QQ", data, len(data) - 48)
    for at, patch in patches:
        at = offset + at % size
        data[at : min(at + len(patch), offset + size)] = patch[: offset + size - at]
    path = lab.path()
    path.write_bytes(data)
    reseal(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with only_refusals():
        reader = _core.PackReader(str(path))
        for i in range(reader.count):
            # A patched base may name another entry, or none: find() then gives -1.
            if reader.entry(i).raw_bytes < 1 << 20:
                lab.read(reader, i)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


@FEW
@given(at=st.integers(0, 1 << 20), patch=st.binary(min_size=1, max_size=6))
def test_records_with_right_checksums_and_wrong_content(
    lab: Any, reseal: Any, sample: _core.PackReader, at: int, patch: bytes
) -> None:
    data = bytearray(Path(sample.path).read_bytes())
    offset = struct.unpack_from("<Q", data, len(data) - 48)[0]
    at = 16 + at % (offset - 16)
    data[at : min(at + len(patch), offset)] = patch[: offset - at]
    path = lab.path()
    path.write_bytes(data)
    reseal(path)
    with only_refusals():
        read_all(lab, path)


def test_not_packs(lab: Any, tmp_path: Path) -> None:
    for data in (b"", b"x", b"PK\3\4" + bytes(300), bytes(64)):
        path = lab.path()
        path.write_bytes(data)
        with pytest.raises(CorruptionError):
            _core.PackReader(str(path))
    with pytest.raises(BadInputError):
        _core.PackReader(str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInputError):
        _core.PackReader(str(tmp_path / "pipe"))


def test_newer_version(lab: Any, sample: _core.PackReader) -> None:
    data = bytearray(Path(sample.path).read_bytes())
    data[8] = 2
    path = lab.path()
    path.write_bytes(data)
    with pytest.raises(BadInputError) as caught:
        _core.PackReader(str(path))
    assert caught.value.kind == "unsupported_version"


def test_file_cut_while_open(lab: Any, sample: _core.PackReader) -> None:
    os.truncate(sample.path, 200)
    with pytest.raises(CorruptionError):
        lab.read(sample, 1)


@pytest.fixture
def chained(lab: Any) -> _core.PackReader:
    """A tensor, a delta on it, and a third thing."""
    array = np.random.default_rng(5).normal(0, 1, 1500).astype(np.float32)
    path = lab.path()
    with _core.PackWriter(str(path)) as writer:
        writer.add(b"0" * 32, 1, 12, 4, 2, (1500,), array)
        writer.add(b"1" * 32, 1, 12, 4, 2, (1500,), -array, base=(b"0" * 32, 0, -array))
        writer.add(b"2" * 32, 1, 12, 4, 2, (1500,), array[::-1].copy())
        writer.finish()
    reader = _core.PackReader(str(path))
    assert reader.entry(1).depth == 1
    return reader


def test_chains_that_do_not_fit(lab: Any, chained: _core.PackReader) -> None:
    out = np.empty(6000, np.uint8)
    wrong = [[], [1], [1, 2], [0, 0], [99], [-1], [1, 1, 0]]
    for chain in ([(chained, i) for i in indexes] for indexes in wrong):
        with pytest.raises(UsageError):
            _core.decode(chain, out)
    bad: list[dict[str, int]] = [
        {"planes": 0}, {"planes": 5}, {"planes": -1}, {"row_begin": -1}, {"row_end": 1501},
        {"row_begin": 9, "row_end": 8}, {"row_end": 1499},
    ]  # fmt: skip
    for options in bad:
        with pytest.raises(UsageError):
            _core.decode([(chained, 0)], out, **options)
    with pytest.raises((BufferError, ValueError, TypeError)):
        _core.decode([(chained, 0)], bytes(6000))


def test_base_of_other_length(lab: Any) -> None:
    one, other = lab.path(), lab.path()
    base = np.random.default_rng(0).integers(0, 256, 4000, np.uint8)
    with _core.PackWriter(str(one)) as writer:
        writer.add(b"1" * 32, 1, 1, 1, 0, (4000,), base + 1, base=(b"0" * 32, 0, base))
        writer.finish()
    for shape, data in [((3999,), base[1:]), ((4001,), np.append(base, base[:1]))]:
        path = lab.path()
        with _core.PackWriter(str(path)) as writer:
            writer.add(b"0" * 32, 1, 1, 1, 0, shape, data)
            writer.finish()
        chain = [(_core.PackReader(str(one)), 0), (_core.PackReader(str(path)), 0)]
        with pytest.raises(CorruptionError):
            _core.decode(chain, bytearray(4000))
    with _core.PackWriter(str(other)) as writer:
        writer.add(b"0" * 32, 1, 2, 1, 1, (4000,), base)
        writer.finish()
    chain = [(_core.PackReader(str(one)), 0), (_core.PackReader(str(other)), 0)]
    with pytest.raises(CorruptionError):
        _core.decode(chain, bytearray(4000))


def test_mapped_base_of_another_shape(lab: Any) -> None:
    """A mapped delta names the shape that its base has."""
    base = np.random.default_rng(0).integers(0, 256, 4000, np.uint8)
    one, other = lab.path(), lab.path()
    with _core.PackWriter(str(one)) as writer:
        told = {"base": (b"0" * 32, 0, base), "base_as": (1, 1, 0, (40, 100), 0)}
        writer.add(b"1" * 32, 1, 1, 1, 0, (4000,), base, **told)
        writer.finish()
    for shape in [(40, 100), (100, 40), (4000,)]:
        with contextlib.suppress(FileNotFoundError):
            other.unlink()
        with _core.PackWriter(str(other)) as writer:
            writer.add(b"0" * 32, 1, 1, 1, 0, shape, base)
            writer.finish()
        chain = [(_core.PackReader(str(one)), 0), (_core.PackReader(str(other)), 0)]
        out = bytearray(4000)
        if shape == (40, 100):
            _core.decode(chain, out)
            assert out == base.tobytes()
        else:
            with pytest.raises(CorruptionError):
                _core.decode(chain, out)
