"""The entropy coders as their pages have them: there and back, and against the core."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelhub import _core
from modelhub.errors import CorruptionError
from tests.core.craft import FIELD, RANS, Cell, Entry
from tests.core.plain import coders
from tests.core.plain.cells import decode_rans
from tests.core.plain.field import decode_field
from tests.core.plain.packs import parse_blob
from tests.core.plain.strings import BitString, Refused


def gammas(values: list[int]) -> bytes:
    """A bit string of gamma codes."""
    bits: list[int] = []
    for value in values:
        tail = value.bit_length() - 1
        bits += [0] * tail + [1] + [value >> i & 1 for i in range(tail)]
    return np.packbits(np.array(bits, np.uint8), bitorder="little").tobytes()


def frequencies(scale: int, symbols: int, rng: np.random.Generator) -> list[int]:
    """Random ones that add up, some of them zero."""
    cuts = np.sort(rng.integers(0, scale + 1, symbols - 1))
    return np.diff(np.concatenate([[0], cuts, [scale]])).tolist()


def draw(table: coders.Table, count: int, rng: np.random.Generator) -> np.ndarray:
    return table.symbol_of_slot[rng.integers(0, table.symbol_of_slot.size, count)]


@settings(max_examples=60)
@given(
    coder=st.sampled_from([coders.LANES, coders.RANS]),
    groups=st.sampled_from([1, 4]),
    sizes=st.lists(st.integers(0, 700), min_size=1, max_size=5),
    carried=st.floats(0, 1),
    seed=st.integers(0, 999),
)
def test_the_page_there_and_back(
    coder: coders.Coder, groups: int, sizes: list[int], carried: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    groups = 1 if coder is coders.RANS else groups
    runs = []
    for size in sizes:
        symbols = int(rng.choice([1, 2, 5, coder.symbols]))
        table = coders.Table(coder, frequencies(coder.scale, symbols, rng))
        runs.append((table, draw(table, size, rng)))
    ride = rng.bytes(int(carried * coder.carried_max(groups)))
    stream = coders.encode_runs(coder, groups, runs, ride)
    counts = [(table, symbols.size) for table, symbols in runs]
    found, back = coders.decode_runs(coder, groups, counts, stream, len(ride))
    assert back == ride
    assert all(np.array_equal(a, b) for a, (_, b) in zip(found, runs, strict=True))


def core_decodes(entry: Entry) -> bytes:
    out = np.empty(entry.width * entry.shape[0], np.uint8)
    _core.decode_blob(entry.blob(), out)
    return out.tobytes()


@pytest.mark.parametrize("n", [125, 157, 1000, 3001])
def test_the_core_reads_planes_of_the_page(n: int) -> None:
    rng = np.random.default_rng(n)
    for symbols in (2, 3, 60, 256):
        f = [1] * symbols
        f[symbols // 2] += 4096 - symbols
        table = coders.Table(coders.RANS, f)
        ride = rng.bytes(124)
        data = draw(table, n - 124, rng)
        stream = coders.encode_runs(coders.RANS, 1, [(table, data)], ride)
        payload = bytes([0, symbols - 1]) + gammas([x + 1 for x in f]) + stream
        if len(payload) >= n:
            continue
        entry = Entry(1, (Cell(RANS, payload),), (n,))
        expected = data.astype(np.uint8).tobytes() + ride
        assert decode_rans(payload, n).tobytes() == expected
        assert core_decodes(entry) == expected


def test_the_page_writes_what_the_core_writes() -> None:
    """Given the table, nothing is left to the writer."""
    rng = np.random.default_rng(3)
    data = np.minimum(rng.geometric(0.4, 9000), 200).astype(np.uint8)
    blob = _core.encode_blob(1, 1, 0, data.shape, data, preset="dense")
    (cell,) = parse_blob(blob).blocks[0]
    assert cell.codec == RANS
    least, greatest = cell.payload[:2]
    codes = BitString(cell.payload[2:])
    f = [0] * least + [codes.gamma() - 1 for _ in range(least, greatest + 1)]
    table = coders.Table(coders.RANS, f)
    stream = coders.encode_runs(coders.RANS, 1, [(table, data[:-124])], data[-124:].tobytes())
    assert cell.payload[2 + codes.bytes_used() :] == stream


class Field:
    """A payload of the codec field for n floats of width 2, by its page."""

    def __init__(self, mode: int, first: int, f: list[int], n: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        coder = coders.RANS if mode & 32 else coders.LANES
        groups = 4 if mode & 64 else 1
        below, sign_in = mode & 15, bool(mode & 16)
        bits = 15 - below + sign_in
        table = coders.Table(coder, [x for x in f if x])
        symbols = draw(table, n, rng)
        escape = len([x for x in f[:-1] if x])
        count = int(np.count_nonzero(symbols == escape))
        escapes = rng.integers(0, 1 << bits, count)
        high = max(0, bits - 8)
        apart = (escapes & 255).astype(np.uint8).tobytes()
        apart += _pack(escapes >> 8, high)
        apart += b"" if sign_in else _pack(rng.integers(0, 2, n), 1)
        ride = min(len(apart), coder.carried_max(groups))
        stream = coders.encode_runs(coder, groups, [(table, symbols)], apart[len(apart) - ride :])
        self.payload = struct.pack("<BBH", mode, len(f) - 1, first) + gammas([x + 1 for x in f])
        self.escapes_at = len(self.payload) + 4
        self.payload += struct.pack("<I", count) + apart[: len(apart) - ride] + stream
        self.rest = rng.integers(0, 1 << below, n, np.uint8)
        self.count = count

    def entry(self, payload: bytes | None = None) -> Entry:
        cells = (Cell(FIELD, payload or self.payload), Cell(1, self.rest.tobytes()))
        return Entry(2, cells, (self.rest.size,), value_kind=2)


def _pack(numbers: np.ndarray, width: int) -> bytes:
    bits = np.array(numbers, np.uint16)[:, None] >> np.arange(width) & 1
    return np.packbits(bits.astype(np.uint8), bitorder="little").tobytes()


@pytest.mark.parametrize("mode", [0, 32, 64], ids=["lanes", "fine", "four groups"])
@pytest.mark.parametrize("sign_in", [0, 16])
@pytest.mark.parametrize("below", [4, 5, 6, 7, 8])
def test_the_core_reads_fields_of_the_page(below: int, sign_in: int, mode: int) -> None:
    fine = mode == 32
    scale = 4096 if fine else 256
    for n, f in [(2000, [0, 3, 0, scale - 5, 2]), (1003, [scale - 40] + [1] * 40)]:
        field = Field(below | sign_in | mode, 30, f, n, below)
        expected = decode_field(field.payload, field.rest)
        assert core_decodes(field.entry()) == expected.astype("<u2").tobytes()


def test_escapes_beyond_the_value_are_refused() -> None:
    """With 7 bits a value, the top one of an escape's byte is none of them."""
    field = Field(8, 30, [206, 50], 2000, 1)
    assert field.count > 10
    payload = bytearray(field.payload)
    payload[field.escapes_at] |= 0x80
    with pytest.raises(Refused):
        decode_field(bytes(payload), field.rest)
    with pytest.raises(CorruptionError):
        core_decodes(field.entry(bytes(payload)))


def test_states_must_end_where_they_began() -> None:
    """Where nothing is carried any other end is damage."""
    field = Field(6 | 16, 30, [100, 156, 0], 900, 2)
    assert core_decodes(field.entry())
    payload = bytearray(field.payload)
    for bit in range(8):
        payload[-1] ^= 1 << bit
        with pytest.raises(Refused):
            decode_field(bytes(payload), field.rest)
        with pytest.raises(CorruptionError):
            core_decodes(field.entry(bytes(payload)))
        payload[-1] ^= 1 << bit
