"""Segments joined on a device, against boxes from the core's prefixes and from leading bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from modelhub import _core  # noqa: E402
from modelhub.errors import BadInputError  # noqa: E402
from modelhub.progressive.boxes import cut_box, weights_box  # noqa: E402
from modelhub.progressive.device import Segments, byte_planes, fixed_segments  # noqa: E402

# Code of the dtype in a pack, and bits of the fraction.
KINDS = {"float32": (12, 23), "bfloat16": (11, 7), "float16": (10, 10)}
DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is at hand"),
    ),
]


def _values(dtype: str, shape: tuple[int, ...]) -> Any:
    draw = np.random.default_rng(len(dtype))
    values = draw.standard_normal(shape) * 2.0 ** draw.integers(-2, 3, shape)
    values[0, :4] = 0.0, -0.0, 1e-7, -1e-7
    return values.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", list(KINDS))
def test_bytes_give_the_boxes_of_leading_bytes(dtype: str, device: str) -> None:
    values = _values(dtype, (30, 40))
    width = values.dtype.itemsize
    segments = Segments(dtype, values.shape, [8] * width, device=device)
    for planes in range(1, width + 1):
        segments.add(byte_planes(values, planes - 1, planes)[0])
        assert segments.held == planes
        box = segments.box()
        lo, hi = weights_box(values, planes)
        assert (box.lo.cpu().numpy() == lo).all()
        assert (box.hi.cpu().numpy() == hi).all()
        assert (np.signbit(box.lo.cpu().numpy()) == np.signbit(lo)).all()
        assert box.is_point == (planes == width)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", list(KINDS))
@pytest.mark.parametrize("shape", [(30, 40), (40, 8, 3, 3), (2, 9000)])
def test_fixed_places_give_the_boxes_of_the_core(
    tmp_path: Path, dtype: str, shape: tuple[int, ...], device: str
) -> None:
    code, mantissa = KINDS[dtype]
    values = _values(dtype, (shape[0], int(np.prod(shape[1:])))).reshape(shape)
    path = str(tmp_path / "some.pack")
    with _core.PackWriter(path, preset="default") as writer:
        raw = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        width = values.dtype.itemsize
        writer.add(
            b"\5" * 32, 1, code, width, 2, shape, raw, layout="progressive", mantissa_bits=mantissa
        )
        writer.finish()
    reader = _core.PackReader(path)
    entry = reader.entry(0)
    # The last one, the tail, has no fixed size and goes as values.
    bits = list(entry.segment_bits)[:-1]
    joined: Segments | None = None
    for count in range(1, len(bits) + 1):
        out = np.empty(entry.raw_bytes, np.uint8)
        exponents = np.empty(-(-values.size // entry.group_elements), np.uint8)
        _core.decode_prefix((reader, 0), out, exponents, count, 1)
        cut = out.view(values.dtype).reshape(shape)
        if joined is None:
            joined = Segments(dtype, shape, bits, exponents, entry.group_elements, device)
        joined.add(fixed_segments(cut, exponents, entry.group_elements, bits, count)[-1])
        box = joined.box()
        lo, hi = cut_box(cut, exponents, entry.group_elements, sum(bits[:count]))
        assert (box.lo.cpu().numpy() == lo).all()
        assert (box.hi.cpu().numpy() == hi).all()
        exact = values.astype(np.float64)
        assert ((lo <= exact) & (exact <= hi)).all()


def test_a_box_may_have_no_end() -> None:
    segments = Segments("float32", (2,), [8] * 4)
    segments.add(byte_planes(np.array([2.0**127, -(2.0**127)], np.float32), 0, 1)[0])
    box = segments.box()
    assert box.hi.tolist() == [torch.inf, -(2.0**127)]
    assert box.lo.tolist() == [2.0**127, -torch.inf]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(BadInputError, match="float64"):
        Segments("float64", (2,), [8] * 8)
    with pytest.raises(BadInputError, match="expected 1 to 8 each, 32"):
        Segments("float32", (2,), [8] * 3)
    segments = Segments("float16", (2,), [8, 8])
    with pytest.raises(BadInputError, match="no segment"):
        segments.box()
    with pytest.raises(BadInputError, match="expected 2 uint8"):
        segments.add(np.zeros(3, np.uint8))
    segments.add(np.full(2, 0x7C, np.uint8))
    with pytest.raises(BadInputError, match="infinite or not a number"):
        segments.box()
    segments.add(np.zeros(2, np.uint8))
    with pytest.raises(BadInputError, match="more than 2"):
        segments.add(np.zeros(2, np.uint8))
