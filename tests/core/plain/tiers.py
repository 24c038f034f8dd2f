"""Near files and companions: docs/formats/tier.md. Checksums are left to the core's reader."""

from __future__ import annotations

import struct

from tests.core.plain.strings import refuse_unless

NEAR_MAGIC = bytes.fromhex("8D4D484E4541520A")
LOW_MAGIC = bytes.fromhex("8D4D484C4F57420A")


def whole(near: bytes, low: bytes) -> bytes:
    """Put a pack together again from its near file and its companion."""
    magic, version, reserved, name, size, _, count = struct.unpack_from("<8sII32sQ32sQ", near)
    refuse_unless((magic, version, reserved) == (NEAR_MAGIC, 1, 0), "a near file's header")
    runs = [struct.unpack_from("<QQ", near, 96 + 16 * i) for i in range(count)]
    near_at = 96 + 16 * count + 8
    magic, version, reserved, theirs, far = struct.unpack_from("<8sII32sQ", low)
    refuse_unless((magic, version, reserved) == (LOW_MAGIC, 1, 0), "a companion's header")
    refuse_unless(theirs == name and len(low) == 64 + far, "another companion")
    refuse_unless(far == sum(length for _, length in runs), "the sum of the runs")
    pack = bytearray()
    low_at = 64
    for offset, length in runs:
        gap = offset - len(pack)
        refuse_unless(gap >= 0 and length > 0, "runs in order, and none empty")
        pack += near[near_at : near_at + gap] + low[low_at : low_at + length]
        near_at += gap
        low_at += length
    pack += near[near_at:]
    refuse_unless(len(pack) == size, "the pack's length")
    return bytes(pack)
