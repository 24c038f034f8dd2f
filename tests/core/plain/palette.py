"""A block of few distinct elements: codec 8, csrc/mh/codec/palette/spec.md."""

from __future__ import annotations

import numpy as np

from tests.core.plain.cells import decode_rans
from tests.core.plain.strings import bytes_of, numbers, refuse_unless


def decode_palette(payload: bytes, n: int, width: int) -> np.ndarray:
    """Decode the elements of a block."""
    refuse_unless(width > 1 and len(payload) >= 2, "a palette")
    count, coding = payload[0], payload[1]
    size = (count + 1) * width
    values, indexes = payload[2 : 2 + size], payload[2 + size :]
    refuse_unless(len(values) == size and coding <= 1, "a palette")
    if coding == 1:
        found = decode_rans(indexes, n)
    else:
        bits = count.bit_length()
        refuse_unless(len(indexes) == bytes_of(n, bits), "the length of the indexes")
        found = numbers(indexes, n, bits)
    refuse_unless(int(found.max(initial=0)) <= count, "an index beyond the values")
    return np.frombuffer(values, f"<u{width}")[found]
