"""Fixed entries: every bit comes back, and every prefix's boxes hold every value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelhub import _core
from modelhub.errors import CorruptionError, ModelHubError, UsageError
from tests.core.craft import RAW, Cell, Entry, Fixed, only_refusals, pack

FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# dtype code, width, value kind, mantissa bits, numpy's dtype, exponent bias.
FLOAT32 = (12, 4, 2, 23, np.dtype(np.float32), 127)
BFLOAT16 = (11, 2, 2, 7, np.dtype(ml_dtypes.bfloat16), 127)
FLOAT16 = (10, 2, 2, 10, np.dtype(np.float16), 15)
KINDS = [FLOAT32, BFLOAT16, FLOAT16]
ID = b"\5" * 32
Kind = tuple[int, int, int, int, np.dtype[Any], int]


def add(writer: _core.PackWriter, kind: Kind, raw: np.ndarray, shape: tuple[int, ...],
        name: bytes = ID, **options: Any) -> bool:  # fmt: skip
    code, width, value_kind, mantissa = kind[:4]
    _, delta = writer.add(
        name, 1, code, width, value_kind, shape, raw.reshape(-1).view(np.uint8),
        layout="progressive", mantissa_bits=mantissa, **options,
    )  # fmt: skip
    return delta


def stored(lab: Any, kind: Kind, values: np.ndarray, preset: str = "default",
           threads: int = 1) -> _core.PackReader:  # fmt: skip
    path = lab.path()
    with _core.PackWriter(str(path), preset=preset) as writer:
        add(writer, kind, np.ascontiguousarray(values), values.shape, threads=threads)
        writer.finish()
    return _core.PackReader(str(path))


def prefix(reader: _core.PackReader, segments: int, threads: int = 1) -> tuple[np.ndarray, ...]:
    """Return the truncated elements, as bytes, and the exponents of their groups."""
    entry = reader.entry(0)
    elements = entry.raw_bytes // entry.width
    out = np.full(entry.raw_bytes, 0xA5, np.uint8)
    exponents = np.empty(-(-elements // entry.group_elements), np.uint8)
    read = _core.decode_prefix((reader, 0), out, exponents, segments, threads)
    assert read == sum(entry.segment_bytes[:segments])
    return out, exponents


def check_boxes(reader: _core.PackReader, kind: Kind, values: np.ndarray) -> None:
    """Check each prefix against the values: the box holds them, and its error is below a step."""
    entry = reader.entry(0)
    width, mantissa, dtype, bias = kind[1], kind[3], kind[4], kind[5]
    exact = values.reshape(-1).astype(np.float64)
    bits = entry.segment_bits
    assert sum(bits) == 1 + mantissa
    assert bits[-1] == 0
    assert len(bits) == len(entry.segment_bytes)
    taken = 0
    for segments in range(1, len(bits)):
        taken += bits[segments - 1]
        out, exponents = prefix(reader, segments, threads=2)
        truncated = out.view(dtype).astype(np.float64)
        e = np.repeat(exponents.astype(np.int64), entry.group_elements)[: exact.size]
        step = np.ldexp(1.0, e - bias + 1 - (taken - 1))
        assert np.array_equal(np.signbit(truncated), np.signbit(exact))
        assert (np.abs(truncated) <= np.abs(exact)).all()
        assert (np.abs(exact) < np.abs(truncated) + step).all()
        normal = (out.view(f"<u{width}") << 1 >> (mantissa + 1)) > 0
        assert np.array_equal(normal, truncated != 0)
    out, _ = prefix(reader, len(bits))
    assert out.tobytes() == values.tobytes()


def samples(kind: Kind, shape: tuple[int, ...], seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    dtype, bias = kind[4], kind[5]
    normal = rng.standard_normal(shape).astype(np.float32)
    sparse = np.where(rng.random(shape) < 0.9, np.copysign(0, normal), normal)
    with np.errstate(over="ignore", under="ignore"):
        found = {
            "weights": normal * np.float32(0.05),
            "sparse": sparse,
            "zeros": np.copysign(np.zeros(shape), normal),
            "ones": np.sign(normal),
            "rare": np.where(rng.random(shape) < 0.01, 1, normal * np.float32(2.0**-9)),
            "tiny": normal * np.float32(2.0 ** (2 - bias)),
            "rows": normal * np.exp2(rng.integers(-3, 8, (shape[0], *[1] * (len(shape) - 1)))),
            "largest": np.where(normal > 0, float(ml_dtypes.finfo(dtype).max), normal),
        }
    return {name: np.asarray(values).astype(dtype) for name, values in found.items()}


SHAPES = [(300,), (64, 3, 3, 3), (257, 1), (1, 999), (40, 100, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=["float32", "bfloat16", "float16"])
def test_all_bits_come_back_and_boxes_hold(
    lab: Any, plain: Any, kind: Kind, shape: tuple[int, ...]
) -> None:
    for i, (name, values) in enumerate(samples(kind, shape, 1).items()):
        reader = stored(lab, kind, values, preset=("fast", "default", "dense")[i % 3])
        entry = reader.entry(0)
        # In few elements a wide spread of exponents is not coded well enough to be worth it.
        if values.size < 500 and name in ("rare", "tiny", "rows", "largest"):
            assert lab.read(reader, 0) == values.tobytes()
            continue
        assert entry.is_fixed, name
        assert (entry.base, entry.depth, entry.shape) == (None, 0, shape)
        row = values.size // shape[0]
        assert entry.group_elements == row * -(-64 // row)
        assert sum(entry.segment_bytes) <= 9 / 8 * entry.raw_bytes
        reader.verify(0)
        assert lab.read(reader, 0) == values.tobytes() == plain(Path(reader.path))[ID], name
        check_boxes(reader, kind, values)


@pytest.mark.parametrize("kind", KINDS, ids=["float32", "bfloat16", "float16"])
def test_large_tensors_have_fine_steps_and_many_blocks(lab: Any, kind: Kind) -> None:
    # Groups of 70 elements, which no block's end respects.
    values = samples(kind, (2000, 70), 2)["rows"]
    reader = stored(lab, kind, values, threads=2)
    entry = reader.entry(0)
    assert entry.block_elements < values.size
    assert entry.segment_bits == {
        23: (4, *[1] * 12, 2, 2, 4, 0), 7: (4, *[1] * 4, 0), 10: (4, *[1] * 7, 0),
    }[kind[3]]  # fmt: skip
    check_boxes(reader, kind, values)
    for begin, end in ((0, 1), (17, 940), (936, 937), (1999, 2000)):
        part = lab.read(reader, 0, row_begin=begin, row_end=end)
        assert part == values[begin:end].tobytes()
    whole = values.reshape(-1, 1).view(np.uint8)
    for planes in range(1, kind[1]):
        kept = whole.copy()
        kept[:, : kind[1] - planes] = 0
        assert lab.read(reader, 0, planes=planes, threads=2) == kept.tobytes()


def test_zeros_are_cheap(lab: Any) -> None:
    values = np.random.default_rng(3).standard_normal((1000, 200)).astype(np.float32)
    values[np.random.default_rng(4).random((1000, 200)) < 0.99] = 0
    entry = stored(lab, FLOAT32, values).entry(0)
    # What the others cost, and less than two bits for each zero.
    assert 8 * sum(entry.segment_bytes) < 30 * 0.01 * values.size + 2 * values.size


@FEW
@given(data=st.data())
def test_any_finite_values(lab: Any, plain: Callable[[Path], dict[bytes, bytes]],
                           data: st.DataObject) -> None:  # fmt: skip
    """Any bits of a group that hold a number: subnormals, both zeros, any spread of exponents."""
    kind = data.draw(st.sampled_from(KINDS))
    width, mantissa, dtype = kind[1], kind[3], kind[4]
    rows, row = data.draw(st.sampled_from([(300, 1), (16, 17), (1, 270), (4, 65), (2, 3000)]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    bits = rng.integers(0, 1 << 8 * width, rows * row, np.uint32)
    end = (1 << 8 * width - 1 - mantissa) - 1
    low, high = sorted(data.draw(st.tuples(st.integers(0, end - 1), st.integers(0, end - 1))))
    fields = rng.integers(low, high + 1, bits.size, np.uint32)
    bits = (bits & ~np.uint32(end << mantissa)) | fields << np.uint32(mantissa)
    bits[rng.random(bits.size) < data.draw(st.sampled_from([0, 0.5, 0.97]))] &= np.uint32(
        1
    ) << np.uint32(8 * width - 1)
    special = data.draw(st.lists(st.integers(0, (1 << 8 * width) - 1), max_size=9))
    bits[: len(special)] = special
    values = bits.astype(f"<u{width}").view(dtype).reshape(rows, row)
    reader = stored(lab, kind, values)
    assert lab.read(reader, 0) == values.tobytes() == plain(Path(reader.path))[ID]
    finite = bool(np.isfinite(values.astype(np.float64)).all())
    if reader.entry(0).is_fixed:
        assert finite
        check_boxes(reader, kind, values)
    else:
        # Not finite, or of such a spread that the tails would take more than the values.
        assert not finite or high - low > 6


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", KINDS, ids=["float32", "bfloat16", "float16"])
def test_what_is_not_for_it_is_stored_as_always(lab: Any, kind: Kind, bad: float) -> None:
    values = samples(kind, (30, 30), 5)["weights"]
    assert stored(lab, kind, values).entry(0).is_fixed
    values[17, 3] = bad
    small = values[:1, :20].copy()
    for odd in (values, small, values[:0]):
        reader = stored(lab, kind, odd)
        entry = reader.entry(0)
        assert not entry.is_fixed
        assert (entry.group_elements, entry.segment_bits) == (0, (8,) * kind[1])
        assert lab.read(reader, 0) == odd.tobytes()
    # Integers and other floats, whatever is said of them.
    other = (9, 8, 1, kind[3], np.dtype(np.int64), 0)
    assert not stored(lab, other, np.arange(1000)).entry(0).is_fixed
    double = (13, 8, 2, kind[3], np.dtype(np.float64), 0)
    assert not stored(lab, double, np.ones(1000)).entry(0).is_fixed


def test_calls_that_make_no_sense(lab: Any) -> None:
    values = samples(FLOAT32, (30, 30), 6)["weights"]
    with _core.PackWriter(str(lab.path())) as writer:
        for options in ({"layout": "columns"}, {"layout": "progressive", "mantissa_bits": 256}):
            with pytest.raises(UsageError):
                writer.add(ID, 1, 12, 4, 2, (900,), values, **options)  # type: ignore[arg-type]
    reader = stored(lab, FLOAT32, values)
    segments = len(reader.entry(0).segment_bytes)
    good = {"out": np.empty(3600, np.uint8), "exponents": np.empty(10, np.uint8), "segments": 1}
    _core.decode_prefix((reader, 0), **good)
    for wrong in ({"segments": 0}, {"segments": segments + 1}, {"segments": -1},
                  {"out": np.empty(3599, np.uint8)}, {"exponents": np.empty(9, np.uint8)},
                  {"exponents": np.empty(11, np.uint8)}):  # fmt: skip
        with pytest.raises(UsageError):
            _core.decode_prefix((reader, 0), **good | wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="planes"):
        _core.decode_prefix((lab.pack(values), 0), **good)


def test_as_a_base(lab: Any, plain: Any) -> None:
    """Deltas and mapped deltas stand on a fixed entry; it is never a delta itself."""
    rng = np.random.default_rng(7)
    base = rng.standard_normal((500, 180)).astype(np.float32)
    near = (base.view(np.int32) + rng.integers(-9, 9, base.shape, np.int32)).view(np.float32)
    grown = np.zeros((520, 180), np.float32)
    grown[:500] = near
    rounded = base.astype(ml_dtypes.bfloat16)
    path = lab.path()
    ids = [bytes([i]) * 32 for i in range(4)]
    with _core.PackWriter(str(path)) as writer:
        assert not add(writer, FLOAT32, base, base.shape, ids[0])
        assert not add(writer, FLOAT32, near, near.shape, ids[3], base=(ids[0], 0, base))
        assert writer.add(ids[1], 1, 12, 4, 2, grown.shape, grown, base=(ids[3], 0, near),
                          base_as=(12, 4, 2, near.shape, 0))[1]  # fmt: skip
        assert writer.add(ids[2], 1, 11, 2, 2, base.shape, rounded.view(np.uint8),
                          base=(ids[0], 0, base), base_as=(12, 4, 2, base.shape, 1))[1]  # fmt: skip
        writer.finish()
    reader = _core.PackReader(str(path))
    arrays = {ids[0]: base, ids[1]: grown, ids[2]: rounded, ids[3]: near}
    assert {i: a.tobytes() for i, a in arrays.items()} == plain(path)
    for index in range(4):
        entry = reader.entry(index)
        assert entry.is_fixed == (entry.id in (ids[0], ids[3]))
        values = arrays[entry.id]
        assert lab.read(reader, index, threads=2) == values.tobytes()
        assert lab.read(reader, index, row_begin=3, row_end=499) == values[3:499].tobytes()
        for planes in range(1, entry.width):
            kept = values.reshape(-1, 1).view(np.uint8).copy()
            kept[:, : entry.width - planes] = 0
            assert lab.read(reader, index, planes=planes) == kept.tobytes()


def test_a_delta_of_the_same_shape_on_it(lab: Any) -> None:
    rng = np.random.default_rng(8)
    base = rng.standard_normal((300, 300)).astype(np.float32)
    near = (base.view(np.int32) + rng.integers(-9, 9, base.shape, np.int32)).view(np.float32)
    path = lab.path()
    with _core.PackWriter(str(path)) as writer:
        add(writer, FLOAT32, base, base.shape)
        assert writer.add(b"1" * 32, 1, 12, 4, 2, near.shape, near, base=(ID, 0, base))[1]
        writer.finish()
    reader = _core.PackReader(str(path))
    assert lab.read(reader, 1) == near.tobytes()
    assert lab.read(reader, 1, row_begin=211, row_end=222) == near[211:222].tobytes()


def test_entries_are_copied_as_they_are(lab: Any) -> None:
    values = samples(BFLOAT16, (130, 130), 9)["weights"]
    reader = stored(lab, BFLOAT16, values)
    with _core.PackWriter(str(lab.path())) as writer:
        writer.copy(reader, 0)
        writer.finish()
    again = _core.PackReader(writer.path)
    assert again.entry(0).segment_bits == reader.entry(0).segment_bits
    assert Path(writer.path).read_bytes() == Path(reader.path).read_bytes()


def read_all(lab: Any, path: Path) -> list[bytes]:
    reader = _core.PackReader(str(path))
    entry = reader.entry(0)
    found = [lab.read(reader, 0)]
    if entry.is_fixed:
        found += [
            part.tobytes()
            for s in range(1, len(entry.segment_bits) + 1)
            for part in prefix(reader, s)
        ]
    return found


@pytest.mark.parametrize("kind", [FLOAT32, FLOAT16], ids=["float32", "float16"])
def test_every_flipped_byte_and_cut_shows(lab: Any, kind: Kind) -> None:
    reader = stored(lab, kind, samples(kind, (16, 17), 10)["rare"])
    data = Path(reader.path).read_bytes()
    path = lab.path()
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        for bad in (bytes(damaged), data[:at]):
            path.write_bytes(bad)
            with pytest.raises(ModelHubError) as caught:
                read_all(lab, path)
            assert caught.value.kind in {"corruption", "unsupported_version"}


@FEW
@given(patches=st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=6)),
                        min_size=1, max_size=3))  # fmt: skip
def test_wrong_content_with_right_checksums(
    lab: Any, reseal: Any, patches: list[tuple[int, bytes]]
) -> None:
    """The core and the page agree on what is refused, and else on what it says."""
    reader = stored(lab, BFLOAT16, samples(BFLOAT16, (8, 40), 11)["rare"])
    data = bytearray(Path(reader.path).read_bytes())
    entry = reader.entry(0)
    begin, size = entry.offset, entry.stored_bytes
    for at, patch in patches:
        at = begin + at % size
        data[at : min(at + len(patch), begin + size)] = patch[: begin + size - at]
    path = lab.path()
    path.write_bytes(data)
    reseal(path)
    with only_refusals():
        values = np.frombuffer(read_all(lab, path)[0], ml_dtypes.bfloat16)
        assert np.isfinite(values.astype(np.float64)).all()
        check_boxes(_core.PackReader(str(path)), BFLOAT16, values)


# One block of 4 elements of bfloat16: 1.0 and three zeros.
LAYOUT = Fixed(4, 7, (4, 2, 2))
TAIL = b"\1\0\0\0\0"
GOOD = (Cell(RAW, b"\x7f\0\4\0\0\0"), Cell(0), Cell(0), Cell(RAW, TAIL))
GOOD_ENTRY = Entry(2, GOOD, (4,), value_kind=2, fixed=LAYOUT)
BAD_CELLS: dict[str, tuple[int, Cell]] = {
    "an exponent too low": (0, Cell(RAW, b"\x08\0\4\0\0\0")),
    "an exponent too high": (0, Cell(RAW, b"\xff\0\4\0\0\0")),
    "exponents above the highest": (0, Cell(RAW, b"\xfe\1\1\4\0\0\0")),
    "a spread too wide": (0, Cell(RAW, b"\x7f\x09\0\0\4\0\0\0")),
    "no exponents": (0, Cell(0, b"")),
    "half an exponent": (0, Cell(0, b"\x7f")),
    "exponents cut short": (0, Cell(0, b"\x7f\1")),
    "bytes after the exponents": (0, Cell(0, b"\x7f\0\0")),
    "a plane too short": (0, Cell(RAW, b"\x7f\0\4\0\0")),
    "a plane too long": (1, Cell(RAW, bytes(5))),
    "a number too large": (0, Cell(RAW, b"\x7f\0\x10\0\0\0")),
    "a constant too large": (1, Cell(0, param=4)),
    "a number too large below": (2, Cell(RAW, b"\4\0\0\0")),
    "a codec of blocks": (0, Cell(8, b"\x7f\0\4\0\0\0")),
    "a joined cell": (1, Cell(9)),
    "a form": (0, Cell(RAW, b"\x7f\0\4\0\0\0", form=1)),
    "no tail": (3, Cell(0)),
    "a tail of no length": (3, Cell(0, bytes(4))),
    "a tail longer than its elements": (3, Cell(0, b"\x09\0\0\0")),
    "a tail longer than its tails": (3, Cell(0, b"\2\0\0\0")),
    "a tail shorter than its length": (3, Cell(RAW, b"\2\0\0\0\0")),
    "an escaped zero": (3, Cell(RAW, b"\3\0\0\0\2\0\0")),
    "an escaped element that has a place": (3, Cell(RAW, b"\3\0\0\0\2\xfe\0")),
    "an escaped element above the exponent": (3, Cell(RAW, b"\3\0\0\0\2\0\1")),
    "an escaped infinity": (3, Cell(RAW, b"\3\0\0\0\2\xfe\1")),
    "a tail that ends within an element": (3, Cell(RAW, b"\2\0\0\0\2\x10")),
}


def test_the_good_one_of_the_bad_ones(tmp_path: Path, lab: Any, plain: Any) -> None:
    path = tmp_path / "good.pack"
    for tail, second in ((TAIL, 0), (b"\3\0\0\0\2\x10\0", 0x0404)):
        path.write_bytes(pack([GOOD_ENTRY.but(cells=(*GOOD[:3], Cell(RAW, tail)))]))
        expected = np.array([0x3F80, second, 0, 0], "<u2").tobytes()
        if second:
            expected = plain(path)[bytes(32)]
            assert expected[2:4] != b"\0\0"
        assert lab.read(_core.PackReader(str(path)), 0) == expected == plain(path)[bytes(32)]


@pytest.mark.parametrize("name", BAD_CELLS)
def test_cells_that_break_a_rule(tmp_path: Path, lab: Any, plain: Any, name: str) -> None:
    at, cell = BAD_CELLS[name]
    cells = (*GOOD[:at], cell, *GOOD[at + 1 :])
    path = tmp_path / "bad.pack"
    path.write_bytes(pack([GOOD_ENTRY.but(cells=cells)]))
    with pytest.raises(CorruptionError):
        read_all(lab, path)
    with pytest.raises(Exception):  # noqa: B017  # However the plain decoder puts it.
        plain(path)


def test_blobs_can_hold_one() -> None:
    for name in ("", *BAD_CELLS):
        at, cell = BAD_CELLS[name] if name else (0, GOOD[0])
        blob = GOOD_ENTRY.but(cells=(*GOOD[:at], cell, *GOOD[at + 1 :])).blob()
        if name:
            with pytest.raises(CorruptionError):
                _core.decode_blob(blob, np.empty(8, np.uint8))
            continue
        for planes, first in ((None, 0x3F80), (1, 0x3F00)):
            out = np.empty(8, np.uint8)
            assert _core.decode_blob(blob, out, planes=planes) == 6 + 5
            assert out.view("<u2").tolist() == [first, 0, 0, 0]


BAD_LAYOUTS: dict[str, tuple[Fixed, dict[str, Any]]] = {
    "no elements": (Fixed(0, 7, (4, 2, 2)), {}),
    "too many elements": (Fixed(1 << 63, 7, (4, 2, 2)), {}),
    "another mantissa": (Fixed(4, 8, (5, 2, 2)), {}),
    "the mantissa of float32": (Fixed(4, 23, (8, 8, 8)), {}),
    "too few bits": (Fixed(4, 7, (4, 2, 1)), {}),
    "too many bits": (Fixed(4, 7, (4, 2, 3)), {}),
    "a segment of no bits": (Fixed(4, 7, (4, 4, 0)), {}),
    "a segment of nine bits": (Fixed(4, 10, (9, 1, 1)), {}),
    "a reserved byte": (Fixed(4, 7, (4, 2, 2), b"\0\0\0\0\0\1"), {}),
    "no floats": (LAYOUT, {"value_kind": 0}),
    "another width": (LAYOUT, {"width": 4}),
    "a depth": (LAYOUT, {"depth": 1}),
    "a segment too long": (LAYOUT, {"segment_bytes": (6, 0, 0, 17)}),
}


@pytest.mark.parametrize("name", BAD_LAYOUTS)
def test_heads_that_break_a_rule(tmp_path: Path, plain: Any, name: str) -> None:
    layout, changes = BAD_LAYOUTS[name]
    path = tmp_path / "bad.pack"
    path.write_bytes(pack([GOOD_ENTRY.but(fixed=layout, **changes)]))
    with pytest.raises(CorruptionError):
        _core.PackReader(str(path))
    with pytest.raises(Exception):  # noqa: B017
        plain(path)


def test_blocks_must_agree_on_a_group_that_they_share(tmp_path: Path, lab: Any) -> None:
    """Each block decodes by itself; a prefix's boxes need one exponent for a group."""
    n = 256 + 10
    first = [Cell(0, b"\x7f\0", param=4), Cell(0, b"\x7f\0", param=4)]
    cells = [*first, *[Cell(0)] * 4]
    cells += [Cell(0, b"\x20\0\0\0"), Cell(0, b"\2\0\0\0")]
    entry = Entry(2, tuple(cells), (n,), value_kind=2, block_log2=8, fixed=Fixed(300, 7, (4, 2, 2)))
    path = tmp_path / "shared.pack"
    path.write_bytes(pack([entry]))
    reader = _core.PackReader(str(path))
    assert lab.read(reader, 0) == np.full(n, 0x3F80, "<u2").tobytes()
    assert prefix(reader, 1)[1].tolist() == [0x7F]
    cells[1] = Cell(0, b"\x80\0", param=4)
    path.write_bytes(pack([entry.but(cells=tuple(cells))]))
    reader = _core.PackReader(str(path))
    lab.read(reader, 0)
    with pytest.raises(CorruptionError, match="group"):
        prefix(reader, 1)
