"""Draw a small table of numbers as a PNG picture, dark where they are small.

The colours go from dark violet over green to yellow, as viridis does: lightness alone tells them
apart too, on a light page and a dark one.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence

__all__ = ["png"]

_ANCHORS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
_LEVELS = 63
# For what is no number.
_GREY = (128, 128, 128)


def png(rows: Sequence[Sequence[float]], largest: float) -> bytes:
    """Return the picture, one pixel for each number of 0 to `largest`; not finite ones are grey."""
    palette = [_colour(level / (_LEVELS - 1)) for level in range(_LEVELS)] + [_GREY]
    lines = b"".join(b"\0" + bytes(_level(value, largest) for value in row) for row in rows)
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 3, 0, 0, 0)
    colours = bytes(part for colour in palette for part in colour)
    parts = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", zlib.compress(lines, 9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in (*parts, (b"IEND", b"")))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _level(value: float, largest: float) -> int:
    if not math.isfinite(value):
        return _LEVELS
    share = value / largest if largest > 0 else 0.0
    return min(int(max(share, 0.0) * (_LEVELS - 1) + 0.5), _LEVELS - 1)


def _colour(share: float) -> tuple[int, ...]:
    place = share * (len(_ANCHORS) - 1)
    index = min(int(place), len(_ANCHORS) - 2)
    rest = place - index
    low, high = _ANCHORS[index], _ANCHORS[index + 1]
    return tuple(round(a + (b - a) * rest) for a, b in zip(low, high, strict=True))
