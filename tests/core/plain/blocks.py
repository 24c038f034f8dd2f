"""Blocks: from cells to elements, alone or against a base (docs/formats/pack.md, "Blocks")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.core.plain.cells import decode_plane
from tests.core.plain.classes import decode_classes
from tests.core.plain.field import decode_field
from tests.core.plain.palette import decode_palette
from tests.core.plain.strings import refuse_unless

FIELD, CLASSES, PALETTE, JOINED = 6, 7, 8, 9


@dataclass(frozen=True)
class Cell:
    codec: int
    param: int
    form: int
    payload: bytes

    def plane(self, n: int) -> np.ndarray:
        return decode_plane(self.codec, self.param, self.payload, n)


def merge(planes: list[np.ndarray], width: int) -> np.ndarray:
    """Put the leading planes of elements together; missing ones are zero."""
    result = np.zeros(planes[0].size, np.uint64)
    for s, plane in enumerate(planes):
        result |= plane.astype(np.uint64) << np.uint64(8 * (width - 1 - s))
    return result.astype(f"<u{width}")


def _check_joined(cells: list[Cell]) -> None:
    for cell in cells:
        refuse_unless(cell.codec == JOINED and cell.payload == b"", "a cell that is not joined")


def _alone(cells: list[Cell], n: int, width: int, kept: int) -> np.ndarray:
    first = cells[0]
    if first.codec == PALETTE:
        refuse_unless(len(first.payload) < width * n, "a palette's length")
        _check_joined(cells[1:kept])
        return decode_palette(first.payload, n, width)
    if first.codec == FIELD:
        refuse_unless(width in (2, 4) and len(first.payload) < n, "a field's length")
        rest = cells[1].plane(n) if kept > 1 else np.zeros(n, np.uint8)
        leading = decode_field(first.payload, rest)
        planes = [leading >> 8, leading & 255, *(cell.plane(n) for cell in cells[2:kept])]
        return merge(planes, width)
    return merge([cell.plane(n) for cell in cells[:kept]], width)


def _ordered(x: np.ndarray, value_kind: int) -> np.ndarray:
    if value_kind != 2:
        return x
    top = x.dtype.type(1 << (8 * x.itemsize - 1))
    return np.where(x & top != 0, ~x, x | top)


def _unordered(m: np.ndarray, value_kind: int) -> np.ndarray:
    if value_kind != 2:
        return m
    top = m.dtype.type(1 << (8 * m.itemsize - 1))
    return np.where(m & top != 0, m ^ top, ~m)


def _against(
    cells: list[Cell], n: int, width: int, value_kind: int, kept: int, base: np.ndarray
) -> np.ndarray:
    size = level_bytes(width)
    bits = 8 * size
    ordered = _ordered(base, value_kind).astype(np.uint64)
    result = np.zeros(n, np.uint64)
    for begin in range(0, kept, size):
        first = cells[begin]
        shift = np.uint64(8 * (width - size - begin))
        level = (ordered >> shift).astype(f"<u{size}")
        if first.codec == CLASSES:
            refuse_unless(width in (2, 4) and first.form == 0, "classes")
            refuse_unless(len(first.payload) < 2 * n, "the length of classes")
            _check_joined(cells[begin + 1 : begin + size])
            leading = (base >> base.dtype.type(8 * width - 16)).astype(np.int64)
            d = decode_classes(first.payload, leading >> 7 & 255)
            if value_kind == 2:
                d = np.where(leading & 0x8000, -d, d)
            level = level + d.astype(level.dtype)
        else:
            z = merge([cell.plane(n) for cell in cells[begin : begin + size]], size)
            if first.form == 2:
                level = level ^ z
            else:
                one = z.dtype.type(1)
                level = level + np.where(z & one, ~(z >> one), z >> one)
        result |= (level.astype(np.uint64) & np.uint64((1 << bits) - 1)) << shift
    x = _unordered(result.astype(base.dtype), value_kind)
    return x & base.dtype.type((1 << 8 * width) - (1 << 8 * (width - kept)))


def level_bytes(width: int) -> int:
    return width if width <= 2 else width // 2


def decode_block(
    cells: list[Cell], n: int, width: int, value_kind: int, kept: int, base: np.ndarray | None
) -> np.ndarray:
    """Decode the elements of a block from its leading `kept` segments."""
    for s, cell in enumerate(cells):
        level = base is not None and s % level_bytes(width) == 0
        allowed = {0} | ({2} if level else set()) | ({1} if level and s == 0 else set())
        refuse_unless(cell.form in allowed, "a form")
    if base is None or cells[0].form == 1:
        return _alone(cells, n, width, kept)
    return _against(cells, n, width, value_kind, kept, base)


def leading_bytes(elements: np.ndarray, planes: int) -> np.ndarray:
    """Zero the bytes of each element below its leading ones."""
    width = elements.itemsize
    return elements & elements.dtype.type((1 << 8 * width) - (1 << 8 * (width - planes)))
