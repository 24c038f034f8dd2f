"""Planes of bytes: codecs 0 to 5."""

from __future__ import annotations

import lz4.block
import numpy as np
import zstandard

from tests.core.plain.coders import RANS, Table, decode_runs
from tests.core.plain.strings import BitString, bytes_of, numbers, refuse_unless


def decode_plane(codec: int, param: int, payload: bytes, n: int) -> np.ndarray:
    """Decode the plane of a cell of n elements."""
    if codec == 0:
        refuse_unless(payload == b"", "a payload of a constant cell")
        return np.full(n, param, np.uint8)
    refuse_unless(codec <= 5, "a codec that holds no plane")
    refuse_unless(len(payload) > 0 and (codec == 1 or len(payload) < n), "a payload's length")
    if codec == 4:
        return decode_rans(payload, n)
    if codec == 5:
        return decode_bits(param, payload, n)
    if codec == 2:
        payload = lz4.block.decompress(payload, uncompressed_size=n)
    if codec == 3:
        payload = zstandard.ZstdDecompressor().decompress(payload, n)
    refuse_unless(len(payload) == n, "a plane's length")
    return np.frombuffer(payload, np.uint8)


def decode_rans(payload: bytes, n: int) -> np.ndarray:
    carried = min(n, 124)
    refuse_unless(n > 124 and len(payload) >= 2, "a plane too short")
    least, greatest = payload[0], payload[1]
    refuse_unless(least <= greatest, "least above greatest")
    codes = BitString(payload[2:])
    frequencies = [0] * 256
    for value in range(least, greatest + 1):
        frequencies[value] = codes.gamma() - 1
    table = Table(RANS, frequencies)
    refuse_unless(not table.single, "a table of one symbol")
    stream = payload[2 + codes.bytes_used() :]
    (symbols,), rest = decode_runs(RANS, 1, [(table, n - carried)], stream, carried)
    return np.concatenate([symbols.astype(np.uint8), np.frombuffer(rest, np.uint8)])


def decode_bits(width: int, payload: bytes, n: int) -> np.ndarray:
    refuse_unless(1 <= width <= 8, "a width")
    codes = BitString(payload)
    groups = -(-n // 64)
    done = 0
    runs = []
    while done < groups:
        count, shift = codes.gamma(), codes.number(4)
        refuse_unless(done + count <= groups and shift <= width, "a run")
        begin = 64 * done
        done += count
        runs.append((min(64 * done, n) - begin, shift))
    at = codes.bytes_used()
    parts = []
    for count, shift in runs:
        size = bytes_of(count, width - shift)
        refuse_unless(at + size <= len(payload), "bits that end early")
        parts.append(numbers(payload[at : at + size], count, width - shift) << shift)
        at += size
    refuse_unless(at == len(payload), "bits that go on")
    return np.concatenate(parts).astype(np.uint8)
