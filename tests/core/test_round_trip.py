"""What goes into a pack comes out of it: every dtype, odd shapes, any bytes, planes, rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelhub import _core

FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PRESETS = ("fast", "default", "dense")
SHAPES = [(), (0,), (1,), (3, 0, 2), (7,), (1, 1, 1), (257,), (13, 5), (65537,), (2, 3, 4, 5)]


def fill(style: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Make bytes that lead the writer to each of its codecs."""
    if style == "noise":
        return rng.integers(0, 256, count, np.uint8)
    if style == "few":
        return rng.integers(0, 5, count).astype(np.uint8)
    if style == "repeats":
        return np.resize(rng.integers(0, 256, 4099, np.uint8), count)
    if style == "skewed":
        return (rng.integers(0, 256, count) < 20).astype(np.uint8)
    return np.full(count, 7, np.uint8)


def leading(raw: np.ndarray, width: int, planes: int) -> bytes:
    """Zero what a read of the leading planes does not return."""
    kept = raw.reshape(-1, width).copy()
    kept[:, : width - planes] = 0
    return kept.tobytes()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("style", ["noise", "few", "repeats", "skewed", "constant"])
def test_every_width_and_codec(lab: Any, plain: Any, style: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    for i, (code, width, kind) in enumerate(lab.dtypes):
        count = int(np.prod(shape, dtype=np.int64)) * width
        raw = fill(style, count, rng)
        path = lab.path()
        with _core.PackWriter(str(path), preset=PRESETS[i % 3]) as writer:
            stored, delta = writer.add(bytes(32), 1, code, width, kind, shape, raw)
            writer.finish()
        reader = _core.PackReader(str(path))
        entry = reader.entry(0)
        assert (entry.dtype_code, entry.width, entry.value_kind) == (code, width, kind)
        assert (entry.shape, entry.raw_bytes, entry.base, entry.depth) == (shape, count, None, 0)
        assert stored == entry.stored_bytes == entry.record_bytes + sum(entry.segment_bytes)
        assert sum(entry.segment_bytes) <= count
        assert not delta
        assert lab.read(reader, 0) == raw.tobytes() == plain(path)[bytes(32)]
        for planes in range(1, width + 1):
            kept = leading(raw, width, planes)
            assert lab.read(reader, 0, planes=planes) == kept == plain(path, planes)[bytes(32)]


@FEW
@given(data=st.data())
def test_deltas_of_any_bits(lab: Any, plain: Callable[[Path], dict[bytes, bytes]],
                            data: st.DataObject) -> None:  # fmt: skip
    """Bits that no arithmetic may touch (NaN payloads, -0, subnormals) survive chains."""
    code, width, kind = data.draw(st.sampled_from(lab.dtypes))
    rows = data.draw(st.integers(1, 40))
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 256, rows * 3 * width, np.uint8)
    special = np.array(data.draw(st.lists(st.integers(0, 255), max_size=16)), np.uint8)
    values[: special.size] = special[: values.size]
    chain = [values]
    for _ in range(data.draw(st.integers(1, 4))):
        step = chain[-1].copy()
        changed = rng.integers(0, step.size, max(1, step.size // 9))
        step[changed] ^= rng.integers(0, 4, changed.size).astype(np.uint8)
        chain.append(step)
    path = lab.path()
    base = None
    preset = data.draw(st.sampled_from(PRESETS))
    with _core.PackWriter(str(path), preset=preset) as writer:
        for i, raw in enumerate(chain):
            name = bytes([i]) * 32
            _, delta = writer.add(name, 1, code, width, kind, (rows, 3), raw, base=base)
            base = (name, base[1] + 1 if base and delta else 0, raw)
        writer.finish()
    reader = _core.PackReader(str(path))
    expected = plain(path)
    begin = data.draw(st.integers(0, rows))
    end = data.draw(st.integers(begin, rows))
    for i, raw in enumerate(chain):
        assert lab.read(reader, i) == raw.tobytes() == expected[bytes([i]) * 32]
        row = lab.read(reader, i, row_begin=begin, row_end=end)
        assert row == raw[begin * 3 * width : end * 3 * width].tobytes()
        for planes in range(1, width + 1):
            assert lab.read(reader, i, planes=planes) == leading(raw, width, planes)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("code", "width", "kind"), [(11, 2, 2), (12, 4, 2), (13, 8, 2), (9, 8, 1)])
def test_long_deltas(lab: Any, plain: Any, code: int, width: int, kind: int, preset: str) -> None:
    """Arrays of several blocks, in chains, by rows that start and end inside blocks."""
    rng = np.random.default_rng(2)
    rows, columns = 700, 511
    start = rng.normal(0, 0.02, rows * columns)
    if kind == 2:
        lanes = {2: np.float32, 4: np.float32, 8: np.float64}[width]
        steps = [(start * (1 + 1e-4 * i)).astype(lanes) for i in range(4)]
        raws = [s.view(np.uint8) for s in steps]
        if width == 2:
            raws = [r.reshape(-1, 4)[:, 2:].reshape(-1).copy() for r in raws]
    else:
        raws = [((start * 1e6).astype(np.int64) - i).view(np.uint8) for i in range(4)]
    path = lab.path()
    base = None
    with _core.PackWriter(str(path), preset=preset) as writer:
        for i, raw in enumerate(raws):
            name = bytes([i]) * 32
            stored, delta = writer.add(
                name, 1, code, width, kind, (rows, columns), raw, base=base, threads=2
            )
            assert delta == (i > 0)
            base = (name, i, raw)
            assert stored < raw.size
        writer.finish()
    reader = _core.PackReader(str(path))
    assert [reader.entry(i).depth for i in range(4)] == [0, 1, 2, 3]
    expected = plain(path)
    for i, raw in enumerate(raws):
        assert expected[bytes([i]) * 32] == raw.tobytes()
        assert lab.read(reader, i, threads=3) == raw.tobytes()
        for begin, end in [(0, 0), (0, 1), (127, 130), (699, 700), (1, 699), (700, 700)]:
            for planes in (1, width // 2, width):
                got = lab.read(reader, i, row_begin=begin, row_end=end, planes=planes, threads=2)
                part = raw[begin * columns * width : end * columns * width]
                assert got == leading(part, width, planes)


def test_threads_do_not_change_the_pack(lab: Any) -> None:
    rng = np.random.default_rng(3)
    arrays = [rng.normal(0, 1, (900, 1000)).astype(np.float32)]
    arrays.append(arrays[0] * np.float32(1.0001))
    names = {
        lab.pack(*arrays, width=4, value_kind=2, threads=threads).name for threads in (1, 2, 5)
    }
    assert len(names) == 1


def test_fewer_planes_read_fewer_bytes(lab: Any) -> None:
    rng = np.random.default_rng(4)
    array = rng.normal(0, 1, (300, 1000)).astype(np.float32)
    reader = lab.pack(array, array + np.float32(1e-6), width=4, value_kind=2)
    alone, delta = reader.entry(0).segment_bytes, reader.entry(1).segment_bytes
    out = np.empty(array.nbytes, np.uint8)
    for planes in range(1, 5):
        assert _core.decode([(reader, 0)], out, planes=planes) == sum(alone[:planes])
        read = 2 if planes <= 2 else 4
        got = _core.decode([(reader, 1), (reader, 0)], out, planes=planes)
        assert got == sum(alone[:read]) + sum(delta[:read])
    rows = np.empty(4000, np.uint8)
    assert _core.decode([(reader, 0)], rows, row_begin=5, row_end=6) < sum(alone) / 3


@pytest.mark.parametrize("size", [0, 1, 4095, 1 << 20, (1 << 20) + 1])
def test_opaque_objects(lab: Any, plain: Any, size: int) -> None:
    text = (b"layer.%d.weight\n" * 9 + bytes(range(256))) * (size // 400 + 1)
    raw = np.frombuffer(text[:size], np.uint8)
    reader = lab.pack(raw, kind=3)
    assert lab.read(reader, 0) == raw.tobytes()
    assert plain(Path(reader.path))[lab.object_id("0")] == raw.tobytes()
    if size > 4096:
        assert reader.entry(0).stored_bytes < size / 20


def test_buffers_of_other_types(lab: Any) -> None:
    path = lab.path()
    with _core.PackWriter(str(path)) as writer:
        writer.add(bytes(32), 2, 1, 1, 0, (4,), b"\x01\x02\x03\x04")
        writer.add(b"\1" * 32, 2, 1, 1, 0, [4], memoryview(bytearray(b"abcd")))
        writer.add(b"\2" * 32, 1, 12, 4, 2, [], np.float32(1.5))
        writer.finish()
    reader = _core.PackReader(str(path))
    assert reader.ids() == bytes(32) + b"\1" * 32 + b"\2" * 32
    out = bytearray(4)
    _core.decode([(reader, 1)], out)
    assert out == b"abcd"
    number = np.zeros((), np.float32)
    _core.decode([(reader, 2)], number)
    assert number == 1.5


@pytest.mark.parametrize("preset", PRESETS)
def test_chains_through_other_types_and_shapes(lab: Any, plain: Any, preset: str) -> None:
    """Single, rounded, trained on, widened, and grown by rows: each a delta on the one before."""
    rng = np.random.default_rng(6)
    single = rng.normal(0, 0.02, (400, 300)).astype(np.float32)
    bits = single.view(np.uint32)
    rounded = ((bits + np.uint32(0x7FFF) + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    trained = rounded + rng.integers(0, 2, rounded.shape).astype(np.uint16)
    widened = (trained.astype(np.uint32) << 16) + rng.integers(0, 9, rounded.shape).astype("<u4")
    grown = np.concatenate([widened, widened[:9] + np.uint32(7)])
    half, full = (11, 2, 2), (12, 4, 2)
    links: list[tuple[np.ndarray, tuple[int, int, int], int]] = [
        (single, full, 0), (rounded, half, 1), (trained, half, 0), (widened, full, 3),
        (grown, full, 0),
    ]  # fmt: skip
    path = lab.path()
    before: Any = None
    with _core.PackWriter(str(path), preset=preset) as writer:
        for i, (array, numbers, conversion) in enumerate(links):
            options: dict[str, Any] = {}
            if before is not None:
                base, base_numbers = before
                options["base"] = (bytes([i - 1]) * 32, i - 1, base)
                if (base_numbers, base.shape) != (numbers, array.shape):
                    options["base_as"] = (*base_numbers, base.shape, conversion)
            _, delta = writer.add(bytes([i]) * 32, 1, *numbers, array.shape, array, **options)
            assert delta == (i > 0)
            before = (array, numbers)
        writer.finish()
    reader = _core.PackReader(str(path))
    assert [reader.entry(i).is_mapped for i in range(5)] == [False, True, False, True, True]
    for planes in (1, 2, 3, 4):
        by_page = plain(path, planes)
        for i, (array, (_, width, _), _) in enumerate(links):
            kept = leading(array.reshape(-1).view(np.uint8), width, min(planes, width))
            assert lab.read(reader, i, planes=min(planes, width), threads=2) == kept
            assert by_page[bytes([i]) * 32] == kept
            row = array[0].nbytes
            for begin, end in [(0, 1), (211, 307), (399, 400)]:
                got = lab.read(reader, i, planes=min(planes, width), row_begin=begin, row_end=end)
                assert got == kept[begin * row : end * row]
