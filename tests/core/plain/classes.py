"""A level of 16 bits against a base: codec 7, csrc/mh/codec/classes/spec.md."""

from __future__ import annotations

import struct

import numpy as np

from tests.core.plain.coders import LANES, RANS, Coder, Table, decode_runs
from tests.core.plain.strings import BitString, ragged, refuse_unless


class _Reader:
    """Reads the fields before the bit string."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload

    def take(self, count: int) -> bytes:
        refuse_unless(len(self.payload) >= count, "a payload cut short")
        taken, self.payload = self.payload[:count], self.payload[count:]
        return taken


def _symbols(popular: list[int], top: int) -> tuple[np.ndarray, np.ndarray]:
    """Magnitude (or difference) and number of raw bits of each symbol."""
    least, raw = list(popular), [0] * len(popular)
    for k in range(1, ((16 - top) << top) + 1):
        if k < 1 << (top + 1):
            least.append(k)
            raw.append(1)
        else:
            r = (k >> top) - 1
            least.append((k % (1 << top) + (1 << top)) << r)
            raw.append(r + 1)
    return np.array(least, np.int64), np.array(raw, np.int64)


def _bounds(reader: _Reader) -> list[int]:
    count = reader.take(1)[0]
    refuse_unless(count >= 1, "no context")
    bounds = list(reader.take(count - 1))
    refuse_unless(bounds == sorted(set(bounds)), "bounds that do not ascend")
    return bounds


def _flags(codes: BitString, groups: int) -> np.ndarray:
    flags = np.zeros(groups, np.int64)
    done = flag = 0
    while done < groups:
        run = codes.gamma() - 1
        refuse_unless(run > 0 or (done == 0 and flag == 0), "an empty run")
        refuse_unless(done + run <= groups, "a run beyond the groups")
        flags[done : done + run] = flag
        done += run
        flag ^= 1
    return flags


def _decode_symbols(
    coder: Coder, groups: int, tables: dict[int, Table], contexts: np.ndarray, stream: bytes,
    carried: int,
) -> tuple[np.ndarray, bytes]:  # fmt: skip
    places = {context: np.flatnonzero(contexts == context) for context in tables}
    symbols = np.zeros(contexts.size, np.int64)
    if all(table.single for table in tables.values()):
        refuse_unless(stream == b"", "a stream where nothing is coded")
        for context, table in tables.items():
            symbols[places[context]] = table.symbol_of_slot[0]
        return symbols, b""
    runs = [(table, places[context].size) for context, table in tables.items()]
    decoded, tail = decode_runs(coder, groups, runs, stream, carried)
    for context, part in zip(tables, decoded, strict=True):
        symbols[places[context]] = part
    return symbols, tail


def decode_classes(payload: bytes, exponents: np.ndarray) -> np.ndarray:
    """Decode the differences of a level, given the exponents of the base's elements."""
    n = exponents.size
    reader = _Reader(payload)
    mode, count = reader.take(2)
    fine, flagged, groups, top = bool(mode & 1), bool(mode & 2), 4 if mode & 4 else 1, mode >> 4
    refuse_unless(not (fine and groups == 4) and mode & 8 == 0 and top <= 4, "the mode")
    coder = RANS if fine else LANES
    popular = list(struct.unpack(f"<{count}H", reader.take(2 * count)))
    least, raw_width = _symbols(popular, top)
    refuse_unless(least.size <= coder.symbols, "too many symbols")
    lists = [_bounds(reader) for _ in range(2 if flagged else 1)]
    total = sum(len(bounds) + 1 for bounds in lists)
    refuse_unless(total <= 24, "too many contexts")
    codes = BitString(reader.payload)
    contexts = np.searchsorted(lists[0], exponents, side="right")
    if flagged:
        flags = _flags(codes, -(-n // 64))[np.arange(n) // 64]
        others = len(lists[0]) + 1 + np.searchsorted(lists[1], exponents, side="right")
        contexts = np.where(flags, others, contexts)
    tables = {
        context: Table(coder, [codes.gamma() - 1 for _ in range(least.size)])
        for context in range(total)
        if np.any(contexts == context)
    }
    reader.take(codes.bytes_used())
    (raw_bytes,) = struct.unpack("<I", reader.take(4))
    refuse_unless(raw_bytes <= 2 * n, "too many raw bits")
    single = all(table.single for table in tables.values())
    carried = 0 if single else min(raw_bytes, coder.carried_max(groups))
    raw = reader.take(raw_bytes - carried)
    symbols, tail = _decode_symbols(coder, groups, tables, contexts, reader.payload, carried)
    widths = raw_width[symbols]
    refuse_unless(-(-int(widths.sum()) // 8) == raw_bytes, "the length of the raw bits")
    bits = ragged(raw + tail, widths)
    magnitude = least[symbols] + (bits >> 1)
    return np.where(bits & 1, -magnitude, magnitude) & 0xFFFF
