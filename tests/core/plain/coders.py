"""The two entropy coders, of csrc/mh/codec/lanes/spec.md and csrc/mh/codec/rans/spec.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.core.plain.strings import ragged, refuse_unless


@dataclass(frozen=True)
class Coder:
    lanes: int
    scale: int  # What frequencies add up to.
    symbols: int  # Of a table, at most.
    state: str  # dtype of a state.
    word: str  # What a state takes from the stream.
    low: int  # Below this it takes one.
    carried_bits: int

    def carried_max(self, groups: int) -> int:
        return groups * self.lanes * self.carried_bits // 8


LANES = Coder(64, 256, 64, "<u2", "u1", 256, 15)
RANS = Coder(32, 4096, 256, "<u4", "<u2", 65536, 31)


class Table:
    """Frequencies of the symbols 0, 1, 2, ..."""

    def __init__(self, coder: Coder, frequencies: list[int]) -> None:
        refuse_unless(sum(frequencies) == coder.scale, "frequencies that do not add up")
        refuse_unless(len(frequencies) <= coder.symbols, "too many symbols")
        self.f = np.array(frequencies, np.int64)
        self.c = np.cumsum(self.f) - self.f
        self.symbol_of_slot = np.repeat(np.arange(self.f.size), self.f)
        self.single = int(np.count_nonzero(self.f)) == 1


def decode_runs(
    coder: Coder, groups: int, runs: list[tuple[Table, int]], stream: bytes, carried: int
) -> tuple[list[np.ndarray], bytes]:
    """Decode runs of so many symbols; return them, and the carried bytes."""
    size = np.dtype(coder.state).itemsize * coder.lanes * groups
    refuse_unless(len(stream) >= size, "a stream without its states")
    states = np.frombuffer(stream[:size], coder.state).astype(np.int64)
    states = states.reshape(groups, coder.lanes)
    refuse_unless(bool(np.all(states >= coder.low)), "a state that begins too low")
    refuse_unless((len(stream) - size) % np.dtype(coder.word).itemsize == 0, "half a word")
    words = np.frombuffer(stream[size:], coder.word).astype(np.int64)
    shift = 8 * np.dtype(coder.word).itemsize
    at = row = 0
    results = []
    for table, count in runs:
        rows = -(-count // coder.lanes)
        symbols = np.full((rows, coder.lanes), table.symbol_of_slot[0])
        for i in range(rows if not table.single else 0):
            x = states[row % groups]
            slot = x % coder.scale
            symbols[i] = table.symbol_of_slot[slot]
            x = table.f[symbols[i]] * (x // coder.scale) + slot - table.c[symbols[i]]
            hungry = x < coder.low
            take = int(np.count_nonzero(hungry))
            refuse_unless(at + take <= words.size, "a stream that ends early")
            x[hungry] = x[hungry] << shift | words[at : at + take]
            states[row % groups] = x
            at += take
            row += 1
        results.append(symbols.reshape(-1)[:count])
    refuse_unless(at == words.size, "a stream that goes on")
    return results, _carried_bytes(states.reshape(-1) - coder.low, coder.carried_bits, carried)


def _carried_bytes(numbers: np.ndarray, width: int, count: int) -> bytes:
    left = np.clip(8 * count - width * np.arange(numbers.size), 0, width)
    refuse_unless(bool(np.all((numbers >= 0) & (numbers >> left == 0))), "a state that ends wrong")
    bits = [int(number) >> i & 1 for number, n in zip(numbers, left, strict=True) for i in range(n)]
    data = np.packbits(np.array(bits, np.uint8), bitorder="little").tobytes()
    # Read back, it must be the numbers.
    assert np.array_equal(ragged(data, left), numbers)
    return data


def encode_runs(
    coder: Coder, groups: int, runs: list[tuple[Table, np.ndarray]], carried: bytes
) -> bytes:
    """Encode runs of symbols, as the pages say: the last coded row first."""
    left = np.clip(8 * len(carried) - coder.carried_bits * np.arange(groups * coder.lanes), 0, None)
    numbers = ragged(carried, np.minimum(left, coder.carried_bits))
    states = (numbers + coder.low).reshape(groups, coder.lanes)
    rows: list[tuple[Table, np.ndarray]] = []
    for table, symbols in runs:
        if table.single:
            continue
        filler = int(np.argmax(table.f))
        padded = np.full(-(-symbols.size // coder.lanes) * coder.lanes, filler, np.int64)
        padded[: symbols.size] = symbols
        rows += [(table, row) for row in padded.reshape(-1, coder.lanes)]
    shift = 8 * np.dtype(coder.word).itemsize
    most = coder.low << shift  # A state is below this.
    words: list[int] = []
    for number in range(len(rows) - 1, -1, -1):
        table, row = rows[number]
        for lane in range(coder.lanes - 1, -1, -1):
            x = int(states[number % groups, lane])
            f, c = int(table.f[row[lane]]), int(table.c[row[lane]])
            if x >= most // coder.scale * f:
                words.append(x & ((1 << shift) - 1))
                x >>= shift
            states[number % groups, lane] = x // f * coder.scale + x % f + c
    taken = np.array(words[::-1], coder.word)
    return states.astype(coder.state).tobytes() + taken.tobytes()
