"""The leading 16 bits of floats, alone: codec 6, csrc/mh/codec/field/spec.md."""

from __future__ import annotations

import struct

import numpy as np

from tests.core.plain.cells import decode_rans
from tests.core.plain.coders import LANES, RANS, Table, decode_runs
from tests.core.plain.strings import BitString, bytes_of, numbers, refuse_unless


def decode_field(payload: bytes, rest: np.ndarray) -> np.ndarray:
    """Decode the leading 16 bits of each element; `rest` is the plane of segment 1."""
    refuse_unless(len(payload) >= 4, "a payload cut short")
    mode, window, first = struct.unpack_from("<BBH", payload)
    below, sign_in = mode & 15, bool(mode & 16)
    value_bits = 15 - below + sign_in
    refuse_unless(4 <= below <= 8, "below")
    refuse_unless(window >= 1 and first + window <= 1 << value_bits, "the window")
    payload = payload[4:]
    n = rest.size
    group = np.arange(n) // 64
    marks = np.ones(-(-n // 64), np.int64)
    if mode & 128:
        refuse_unless(below <= 7, "below, grouped")
        marks, payload = _marks(payload, marks.size)
        refuse_unless(bool(np.any(marks)), "no marks")
    coded = marks[group] != 0
    kept = rest[coded].astype(np.int64)
    decoded = _decode_elements(mode, (window, first), payload, kept)
    raised = (decoded - (marks[group[coded]] - 1) * 128) & 0x7FFF
    x = np.zeros(n, np.int64)
    x[coded] = decoded & 0x8000 | raised if mode & 128 else decoded
    return x.astype(np.uint16)


def _marks(payload: bytes, groups: int) -> tuple[np.ndarray, bytes]:
    refuse_unless(len(payload) >= 4, "a payload cut short")
    (size,) = struct.unpack_from("<I", payload)
    marks, payload = payload[4 : 4 + size], payload[4 + size :]
    refuse_unless(len(marks) == size <= groups, "the length of the marks")
    data = np.frombuffer(marks, np.uint8) if size == groups else decode_rans(marks, groups)
    return data.astype(np.int64), payload


def _decode_elements(
    mode: int, alphabet: tuple[int, int], payload: bytes, rest: np.ndarray
) -> np.ndarray:
    below, sign_in, fine = mode & 15, bool(mode & 16), bool(mode & 32)
    groups = 4 if mode & 64 else 1
    refuse_unless(not (fine and groups == 4), "fine with four groups")
    coder = RANS if fine else LANES
    value_bits = 15 - below + sign_in
    window, first = alphabet
    n = rest.size
    codes = BitString(payload)
    frequencies = [codes.gamma() - 1 for _ in range(window + 1)]
    # The value of each symbol; the escape's is filled in below.
    values = [first + i for i, f in enumerate(frequencies[:window]) if f]
    refuse_unless(len(values) >= 1, "no symbol in the window")
    present = [f for f in frequencies if f]
    refuse_unless(len(present) <= (255 if fine else 64), "too many symbols")
    table = Table(coder, present)
    payload = payload[codes.bytes_used() :]
    refuse_unless(len(payload) >= 4, "a payload cut short")
    (escape_count,) = struct.unpack_from("<I", payload)
    refuse_unless(escape_count <= n, "more escapes than elements")
    high = max(0, value_bits - 8)
    sizes = [escape_count, bytes_of(escape_count, high), 0 if sign_in else bytes_of(n, 1)]
    carried = 0 if table.single else min(sum(sizes), coder.carried_max(groups))
    stored = sum(sizes) - carried
    apart, stream = payload[4 : 4 + stored], payload[4 + stored :]
    refuse_unless(len(apart) == stored, "a payload cut short")
    if table.single:
        refuse_unless(stream == b"", "a stream where nothing is coded")
        symbols = np.zeros(n, np.int64)
    else:
        (symbols,), tail = decode_runs(coder, groups, [(table, n)], stream, carried)
        apart += tail
    lows, highs, signs = (apart[sum(sizes[:i]) : sum(sizes[: i + 1])] for i in range(len(sizes)))
    escapes = np.frombuffer(lows, np.uint8) + (numbers(highs, escape_count, high) << 8)
    refuse_unless(bool(np.all(escapes < 1 << value_bits)), "an escape's value")
    escaped = symbols == len(values)
    refuse_unless(int(np.count_nonzero(escaped)) == escape_count, "the number of escapes")
    value = np.array([*values, 0], np.int64)[symbols]
    value[escaped] = escapes
    if sign_in:
        return (value >> 1) << below | (value & 1) << 15 | rest
    return value << below | numbers(signs, n, 1) << 15 | rest
