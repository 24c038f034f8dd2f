"""Blobs at the core's own interface: rows, planes, what is told of them, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modelhub import _core, codec
from modelhub.errors import BadInputError, ModelHubError, UsageError
from tests.core.craft import RAW, Cell, Entry

BASE = np.random.default_rng(0).normal(0, 0.02, (300, 700)).astype(np.float32)
AFTER = (BASE.view(np.uint32) + np.random.default_rng(1).integers(0, 900, BASE.shape)).astype("<u4")
ALONE = codec.encode(BASE)
DELTA = codec.encode_delta(AFTER.view(np.float32), BASE)


@pytest.mark.parametrize(
    ("begin", "end"), [(0, 300), (0, 1), (93, 94), (93, 188), (299, 300), (7, 7)]
)
@pytest.mark.parametrize("planes", [1, 2, 3, 4])
def test_rows_and_planes(begin: int, end: int, planes: int) -> None:
    for blob, base, values in [(ALONE, None, BASE.view("<u4")), (DELTA, BASE, AFTER)]:
        expected = values[begin:end] & np.uint32(0xFFFFFFFF << 8 * (4 - planes) & 0xFFFFFFFF)
        out = np.full(expected.size * 4, 0xA5, np.uint8)
        read = _core.decode_blob(
            blob, out, planes=planes, base=base, row_begin=begin, row_end=end, threads=2
        )
        assert out.tobytes() == expected.tobytes()
        assert (read == 0) == (begin == end)


def test_fewer_planes_and_rows_look_at_fewer_bytes() -> None:
    info = _core.blob_info(DELTA)
    assert info["is_delta"]
    out = np.empty(BASE.nbytes, np.uint8)
    sums = [_core.decode_blob(DELTA, out, planes=planes, base=BASE) for planes in range(1, 5)]
    assert sums[0] == sums[1] == sum(info["segment_bytes"][:2])
    assert sums[2] == sums[3] == sum(info["segment_bytes"])
    row = np.empty(2800, np.uint8)
    assert _core.decode_blob(ALONE, row, row_begin=4, row_end=5) < len(ALONE) / 2


def test_info_says_what_the_record_says() -> None:
    info = _core.blob_info(ALONE)
    segments = info.pop("segment_bytes")
    codecs = info.pop("codecs")
    assert info == {
        "dtype_code": 12, "width": 4, "shape": (300, 700), "raw_bytes": BASE.nbytes,
        "is_delta": False,
    }  # fmt: skip
    blocks = sum(codecs.values()) // 4
    assert len(ALONE) == 16 + 56 + 16 + 32 + 16 * 4 * blocks + 8 + sum(segments)


@pytest.mark.parametrize("code", [21, 22, 23])
def test_packed_values_are_bytes(code: int) -> None:
    """Their shape counts values, of which a byte holds more than one."""
    bits = 4 if code == 21 else 6
    data = np.arange(50, dtype=np.uint8)[: (33 * bits + 7) // 8]
    blob = _core.encode_blob(code, 1, 0, (3, 11), data)
    got = codec.decode(blob)
    assert (got.dtype, got.tobytes()) == (np.uint8, data.tobytes())
    with pytest.raises(ModelHubError):
        codec.decode(_core.encode_blob(code, 1, 0, (3, 12), data))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"planes": 0}, UsageError),
        ({"planes": 5}, UsageError),
        ({"planes": -1}, UsageError),
        ({"row_begin": -1}, UsageError),
        ({"row_end": -1}, UsageError),
        ({"row_end": 301}, UsageError),
        ({"row_begin": 9, "row_end": 8}, UsageError),
        ({"row_end": 299}, UsageError),
    ],
    ids=str,
)
def test_requests_that_do_not_fit(options: dict[str, int], error: type[Exception]) -> None:
    out = np.empty(BASE.nbytes, np.uint8)
    with pytest.raises(error):
        _core.decode_blob(ALONE, out, **options)  # type: ignore[arg-type]
    with pytest.raises(error):
        _core.decode_blob(DELTA, out, base=BASE, **options)  # type: ignore[arg-type]


def test_rows_of_what_has_none() -> None:
    number = codec.encode(np.float32(1.5))
    out = np.empty(4, np.uint8)
    assert _core.decode_blob(number, out) == 0
    assert out.view(np.float32)[0] == np.float32(1.5)
    empty = codec.encode(np.empty((3, 0), np.float32))
    assert _core.decode_blob(empty, out[:0], row_begin=1, row_end=2) == 0


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"dtype_code": 256}, UsageError),
        ({"dtype_code": -1}, UsageError),
        ({"width": 3}, BadInputError),
        ({"width": 256}, UsageError),
        ({"value_kind": 3}, BadInputError),
        ({"shape": (-4,)}, BadInputError),
        ({"shape": (0,)}, BadInputError),
        ({"shape": (1,) * 65}, BadInputError),
        ({"data": b"123"}, BadInputError),
        ({"preset": "best"}, UsageError),
        ({"base": b"123"}, BadInputError),
        ({"base": b"12345678", "base_as": (1, 2, 0, (4,), 9)}, UsageError),
        ({"base": b"12345678", "base_as": (1, 4, 0, (2,), 0)}, BadInputError),
        ({"base": b"12345678", "base_as": (1, 2, 1, (4,), 0)}, BadInputError),
        ({"base": b"12345678", "base_as": (2, 2, 0, (4,), 0)}, BadInputError),
        ({"base": b"12345678", "base_as": (1, 2, 0, (0,), 0)}, BadInputError),
    ],
    ids=str,
)
def test_arrays_that_are_refused(change: dict[str, Any], error: type[Exception]) -> None:
    good: dict[str, Any] = {
        "dtype_code": 1, "width": 2, "value_kind": 0, "shape": (4,), "data": b"abcdefgh",
    }  # fmt: skip
    assert _core.encode_blob(**good)
    with pytest.raises(error):
        _core.encode_blob(**(good | change))


def test_outputs_that_do_not_fit() -> None:
    for size in (0, BASE.nbytes - 1, BASE.nbytes + 1):
        with pytest.raises(UsageError):
            _core.decode_blob(ALONE, np.empty(size, np.uint8))
    with pytest.raises((BufferError, ValueError)):
        _core.decode_blob(ALONE, bytes(BASE.nbytes))


def test_errors_name_the_place() -> None:
    """The blob, its segment and its block."""
    cells = (Cell(RAW, bytes(range(100))), Cell(RAW, bytes(100)))
    blob = bytearray(Entry(2, cells, (100,)).blob())
    blob[-1] ^= 1
    with pytest.raises(ModelHubError, match="segment 1, block 0"):
        _core.decode_blob(blob, np.empty(200, np.uint8))
