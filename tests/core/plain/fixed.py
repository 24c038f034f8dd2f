"""Blocks of a fixed entry: scheme 3, csrc/mh/codec/fixed/spec.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.core.plain.blocks import Cell
from tests.core.plain.strings import BitString, bytes_of, numbers, refuse_unless


@dataclass(frozen=True)
class Layout:
    group_elements: int
    mantissa: int
    bits: tuple[int, ...]  # Of the segments but the tail.


def check_layout(layout: Layout, width: int, value_kind: int) -> None:
    kinds = {(4, 23), (2, 10), (2, 7)}
    refuse_unless(value_kind == 2 and (width, layout.mantissa) in kinds, "a type")
    refuse_unless(1 <= layout.group_elements < 1 << 63, "the elements of a group")
    refuse_unless(all(1 <= bits <= 8 for bits in layout.bits), "the bits of a segment")
    refuse_unless(sum(layout.bits) == 1 + layout.mantissa, "the bits of all segments")


def _exponents(payload: bytes, groups: int, layout: Layout, end: int) -> tuple[np.ndarray, bytes]:
    refuse_unless(len(payload) >= 2, "a first cell cut short")
    low, spread = payload[:2]
    refuse_unless(spread <= 8, "a spread")
    size = bytes_of(groups, spread)
    exponents = low + numbers(payload[2 : 2 + size], groups, spread)
    refuse_unless(low >= layout.mantissa + 2 and bool((exponents < end).all()), "an exponent")
    return exponents, payload[2 + size :]


def _read_tail(cell: Cell, n: int, width: int) -> BitString:
    length = int.from_bytes(cell.payload[:4], "little")
    refuse_unless(len(cell.payload) >= 4 and 0 < length <= width * n, "the length of a tail")
    plane = Cell(cell.codec, cell.param, 0, cell.payload[4:]).plane(length)
    return BitString(plane.tobytes())


def decode_fixed(cells: list[Cell], begin: int, n: int, width: int, layout: Layout) -> np.ndarray:
    """Decode the block of n elements that begins at element `begin` of its entry."""
    m = layout.mantissa
    low_bits = 8 * width - 1
    end = (1 << (low_bits - m)) - 1
    touched = (begin + np.arange(n)) // layout.group_elements - begin // layout.group_elements
    exponents, plane_payload = _exponents(cells[0].payload, int(touched[-1]) + 1, layout, end)
    fixed = np.zeros(n, np.int64)
    for s, bits in enumerate(layout.bits):
        cell = cells[s]
        refuse_unless(cell.form == 0, "a form")
        payload = plane_payload if s == 0 else cell.payload
        plane = Cell(cell.codec, cell.param, 0, payload).plane(n)
        refuse_unless(bool((plane < 1 << bits).all()), "a number in a plane")
        fixed = fixed << bits | plane
    tail = _read_tail(cells[-1], n, width)
    result = np.zeros(n, np.int64)
    for i in range(n):
        sign, magnitude = int(fixed[i]) >> m, int(fixed[i]) & ((1 << m) - 1)
        e = int(exponents[touched[i]])
        if magnitude:
            p = m - magnitude.bit_length() + 1
            mantissa = (magnitude << p | tail.number(p)) & ((1 << m) - 1)
            low = (e - p + 1) << m | mantissa
        elif tail.number(1):
            low = tail.number(low_bits)
            p = e - (low >> m) + 1
            refuse_unless(low != 0 and m < p <= e + 1, "an element in a tail")
        else:
            low = 0
        result[i] = sign << low_bits | low
    refuse_unless(8 * tail.bytes_used() == tail.bits.size, "the length of a tail")
    return result.astype(f"<u{width}")
