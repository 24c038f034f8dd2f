"""Write a set of golden packs of format version 1.

Golden files are history: what version 1 wrote must decode for ever. So this program refuses to
overwrite; `generate.py NEW_FOLDER` writes a fresh set beside, to compare or to add a file from.
What a writer chooses may change, and bytes of compressed cells follow the libraries at hand; those
kept were written with libzstd 1.5.4 and liblz4 1.9.4.

`good/*.pack` decode to the digests in `expected.json`; `bad/*.pack` fail with the kind there.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from modelhub import _core
from tests.golden.values import bell, bfloat16, noise, nudged, object_id, weights, words

# dtype code, width, value kind: see modelhub/tensors/dtypes.py.
UINT8, UINT64 = (1, 1, 0), (8, 8, 0)
UINT16, INT32 = (4, 2, 0), (7, 4, 1)
FLOAT16, BFLOAT16, FLOAT32, FLOAT64 = (10, 2, 2), (11, 2, 2), (12, 4, 2), (13, 8, 2)
FLOAT8, COMPLEX64 = (14, 1, 2), (16, 4, 2)
Type = tuple[int, int, int]


class Adder:
    """Adds tensors to a pack and remembers them, so that they can be bases."""

    def __init__(self, writer: _core.PackWriter) -> None:
        self.writer = writer
        self.known: dict[str, tuple[np.ndarray, Type, tuple[int, ...], int]] = {}

    def __call__(
        self,
        name: str,
        numbers: Type,
        data: Any,
        shape: tuple[int, ...] | None = None,
        base: str | None = None,
        conversion: int = 0,
        kind: int = 1,
        mantissa: int = 0,
    ) -> None:
        raw = np.frombuffer(bytes(data), np.uint8)
        shape = (raw.size // numbers[1],) if shape is None else shape
        options: dict[str, Any] = {}
        depth = 0
        if base is not None:
            base_raw, base_numbers, base_shape, base_depth = self.known[base]
            options["base"] = (object_id(base), base_depth, base_raw)
            if (base_numbers, base_shape) != (numbers, shape):
                options["base_as"] = (*base_numbers, base_shape, conversion)
        if mantissa:
            options |= {"layout": "progressive", "mantissa_bits": mantissa}
        _, delta = self.writer.add(object_id(name), kind, *numbers, shape, raw, **options)
        depth = self.known[base][3] + 1 if base is not None and delta else 0
        self.known[name] = (raw, numbers, shape, depth)


def planes(add: Adder) -> None:
    """Add planes of every codec, and the odd shapes."""
    add("raw", UINT8, noise(2000, 1))
    add("bits", UINT8, (noise(2000, 2) & 31) << 1)
    add("rans", UINT8, (noise(8000, 3) < 20).astype(np.uint8) + (noise(8000, 6) < 9))
    add("lz4", UINT8, np.resize(noise(100, 4), 200))
    add("zstd", UINT8, b"".join(b"layer.%d.weight\n" % (i * i) for i in range(150)), kind=3)
    add("constant", INT32, np.full(100, -5, np.int32))
    add("integers", INT32, (bell(1000, 5) >> 9).astype(np.int32))
    add("empty", FLOAT32, b"", (0, 3))
    add("zero-dim", FLOAT64, np.float64(1.5), ())
    # Signalling NaN, negative NaN, -0, the least subnormal.
    add("nan", FLOAT32, np.array([0x7F800001, 0xFFC12345, 0x80000000, 1], np.uint32), (2, 2))


def floats(add: Adder) -> None:
    """Add floats of every width, sparse ones, and ones with rare values among them."""
    add("float32", FLOAT32, weights(1500, 10))
    add("float16", FLOAT16, weights(3000, 11).astype(np.float16))
    add("bfloat16", BFLOAT16, bfloat16(weights(3000, 12)))
    add("float64", FLOAT64, weights(300, 13).astype(np.float64))
    add("float8", FLOAT8, (weights(3000, 14).astype(np.float16).view(np.uint16) >> 8).astype("u1"))
    sparse = bfloat16(weights(4500, 15))
    sparse[(np.arange(4500) // 64) % 3 == 0] = 0
    add("sparse", BFLOAT16, sparse)
    scaled = weights(3072, 16).reshape(48, 64) * np.float32(2) ** (np.arange(48) % 7)[:, None]
    add("scaled", FLOAT32, scaled.astype(np.float32), (48, 64))
    rare = weights(2000, 17)
    rare[::97] *= np.float32(1e30)
    rare[::101] *= np.float32(1e-30)
    add("rare", FLOAT32, rare)


def dense(add: Adder) -> None:
    """Add floats and a delta, to be coded with fine frequencies."""
    add("dense", FLOAT32, weights(2000, 20))
    add("dense delta", FLOAT32, nudged(weights(2000, 20), 21, 1 << 20), base="dense")
    long = bfloat16(weights(4000, 22))
    add("dense bfloat16", BFLOAT16, long)
    moved = long + (bell(4000, 23) >> 16).astype(np.uint16)
    moved[1000:2000] = long[1000:2000]
    add("dense bfloat16 delta", BFLOAT16, moved, base="dense bfloat16")


def fast(add: Adder) -> None:
    """Add the same kinds of values, to be coded in little time."""
    add("fast", FLOAT32, weights(1500, 70))
    add("fast delta", FLOAT32, nudged(weights(1500, 70), 71, 1 << 20), base="fast")
    sparse = bfloat16(weights(3000, 72))
    sparse[(np.arange(3000) // 64) % 3 == 0] = 0
    add("fast sparse", BFLOAT16, sparse)
    add("fast integers", INT32, (bell(1000, 73) >> 9).astype(np.int32))


def palette(add: Adder) -> None:
    """Add few distinct values, equally frequent and not."""
    values = weights(200, 30)
    add("packed", FLOAT32, values[noise(2000, 31) & 15])
    add("rans", FLOAT32, values[np.clip(bell(3000, 32) >> 10, -99, 99)])
    add("two", UINT64, words(2, 33)[noise(600, 34) & 1])


def chain(add: Adder) -> None:
    """Add chains of deltas; one of more than 32 Ki elements, where lanes come in four groups."""
    links = [weights(2000, 40)]
    for depth in range(1, 4):
        links.append(nudged(links[-1], 40 + depth, 40 << 7 * depth).view(np.float32))
    for depth, values in enumerate(links):
        before = f"chain {depth - 1}" if depth else None
        add(f"chain {depth}", FLOAT32, values, (20, 100), base=before)
    # Mostly sign and exponent, so that it is short.
    long = bfloat16(weights(33_000, 45))
    long[np.arange(33_000) % 97 > 0] &= 0xFF80
    add("long", BFLOAT16, long, (33, 1000))
    # Most rows have moved by a step at most, some by many.
    wide = (np.arange(33_000) // 1000) % 8 == 1
    moved = long + np.where(wide, bell(33_000, 46) >> 10, bell(33_000, 46) >> 16).astype(np.uint16)
    add("long delta", BFLOAT16, moved, (33, 1000), base="long")


def forms(add: Adder) -> None:
    """Add deltas that are differences, exclusive ors, and in one block alone."""
    add("double", FLOAT64, weights(500, 50).astype(np.float64) * 1.1)
    near = (weights(500, 50).astype(np.float64) * 1.1).view(np.int64)
    add("difference", FLOAT64, near + bell(500, 51), base="double")
    add("words", UINT64, words(1000, 52))
    flips = np.uint64(1) << (words(1000, 53) % np.uint64(8))
    add("xor", UINT64, words(1000, 52) ^ flips * np.uint64(0x0101010100000000), base="words")
    # In the second block nothing is left of the base.
    coins = (noise(65_836, 54) & 1).astype(np.int32)
    coins[1 << 16 :] = noise(1200, 57).view(np.int32)
    add("coins", INT32, coins)
    moved = coins.copy()
    moved[1 << 16 :] = 5
    add("alone in a block", INT32, moved, base="coins")
    add("byte", UINT8, noise(2000, 55))
    add("byte delta", UINT8, noise(2000, 55) + (noise(2000, 56) & 3), base="byte")


def mapped(add: Adder) -> None:
    """Add deltas on bases of other shapes and types."""
    values = weights(1200, 60)
    add("base", FLOAT32, values, (24, 50))
    grown = np.zeros((28, 50), np.float32)
    grown[:24] = values.reshape(24, 50)
    grown[24:] = weights(200, 61).reshape(4, 50)
    add("grown", FLOAT32, grown, (28, 50), base="base")
    add("cut", FLOAT32, values.reshape(24, 50)[:, :31].copy(), (40, 31), base="base")
    add("flat", FLOAT32, nudged(values[:1100], 62, 10), (1100,), base="base")
    half = values.astype(np.float16)
    # Rounded as the page says: to nearest, ties to even.
    bits = values.view(np.uint32)
    brain = ((bits + np.uint32(0x7FFF) + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    add("to bfloat16", BFLOAT16, brain, (24, 50), base="base", conversion=1)
    add("to float16", FLOAT16, half, (24, 50), base="base", conversion=2)
    add("from bfloat16", FLOAT32, values, (24, 50), base="to bfloat16", conversion=3)
    add("from float16", FLOAT32, values, (24, 50), base="to float16", conversion=4)
    add("complex", COMPLEX64, values, (600,))
    add("complex delta", COMPLEX64, nudged(values[:800], 63, 10), (400,), base="complex")


def fixed(add: Adder) -> None:
    """Add floats in segments of few bits, many blocks of them, and deltas on them."""
    add("fixed", FLOAT32, weights(2000, 80), (40, 50), mantissa=23)
    add("on fixed", FLOAT32, nudged(weights(2000, 80), 81), (40, 50), base="fixed")
    brain = bfloat16(weights(2000, 80))
    add("fixed to bfloat16", BFLOAT16, brain, (40, 50), base="fixed", conversion=1)
    add("fixed float16", FLOAT16, weights(2000, 82).astype(np.float16), (20, 100), mantissa=10)
    add("fixed bfloat16", BFLOAT16, bfloat16(weights(2000, 83)), (2000,), mantissa=7)
    rare = weights(2000, 84)
    rare[::9] = 0
    rare[::27] = -0.0
    rare[::97] *= np.float32(2) ** -40
    rare.view(np.uint32)[::101] = 0x80000001  # The least subnormal, negative.
    add("fixed rare", FLOAT32, rare, (10, 200), mantissa=23)
    # Groups of 101 elements, which the end of a block cuts; most elements are zero.
    sparse = weights(66_660, 85)
    sparse[np.arange(66_660) % 23 > 0] = 0
    add("fixed sparse", FLOAT32, sparse, (660, 101), mantissa=23)


def constant(writer: _core.PackWriter) -> None:
    """Add the worked example of docs/formats/pack.md."""
    writer.add(b"\xaa" * 32, 1, 1, 1, 0, (4,), b"\7\7\7\7")


GOOD: dict[str, tuple[str, Callable[[_core.PackWriter], None]]] = {
    "chain": ("default", lambda writer: chain(Adder(writer))),
    "constant": ("default", constant),
    "dense": ("dense", lambda writer: dense(Adder(writer))),
    "empty": ("default", lambda writer: None),
    "fast": ("fast", lambda writer: fast(Adder(writer))),
    "fixed": ("default", lambda writer: fixed(Adder(writer))),
    "floats": ("default", lambda writer: floats(Adder(writer))),
    "forms": ("default", lambda writer: forms(Adder(writer))),
    "mapped": ("default", lambda writer: mapped(Adder(writer))),
    "palette": ("default", lambda writer: palette(Adder(writer))),
    "planes": ("default", lambda writer: planes(Adder(writer))),
}


def seal(data: bytearray) -> bytes:
    """Make the checksums of index and trailer right for what they cover."""
    end = len(data) - 48
    offset, size = struct.unpack_from("<QQ", data, end)
    struct.pack_into("<Q", data, end + 24, _core.checksum(bytes(data[offset : offset + size])))
    struct.pack_into("<Q", data, end + 32, _core.checksum(bytes(data[end : end + 32])))
    return bytes(data)


def patched(data: bytes, at: int, patch: bytes) -> bytearray:
    """Return a copy with some bytes replaced."""
    copy = bytearray(data)
    copy[at : at + len(patch)] = patch
    return copy


def bad_packs(data: bytes) -> dict[str, tuple[str, bytes]]:
    """Make a file per way a pack can be wrong, from the worked example, with the error's kind."""
    end = len(data) - 48
    index = struct.unpack_from("<Q", data, end)[0]
    head = index + 24  # Of the only entry.
    damage = "corruption"
    return {
        "not-a-pack": (damage, bytes(256)),
        "cut-short": (damage, data[:-1]),
        "header-only": (damage, data[:16]),
        "newer-version": ("unsupported_version", bytes(patched(data, 8, b"\2"))),
        "reserved-header": (damage, bytes(patched(data, 12, b"\1"))),
        "trailer-flip": (damage, bytes(patched(data, end + 16, b"\2"))),
        "index-flip": (damage, bytes(patched(data, head + 3, b"\1"))),
        "index-past-end": (damage, seal(patched(data, end + 8, b"\xff" * 8))),
        "more-entries": (damage, seal(patched(data, end + 16, b"\2"))),
        "most-entries": (damage, seal(patched(data, end + 16, b"\xff" * 8))),
        "no-entries": (damage, seal(patched(data, end + 16, b"\0"))),
        "wrong-offset": (damage, seal(patched(data, index, b"\x11"))),
        "wrong-record": (damage, seal(patched(data, index + 8, b"\x61"))),
        "width-3": (damage, seal(patched(data, head + 6, b"\3"))),
        "value-kind-3": (damage, seal(patched(data, head + 7, b"\3"))),
        "scheme-3": (damage, seal(patched(data, head + 8, b"\3"))),
        "scheme-4": ("unsupported_version", seal(patched(data, head + 8, b"\4"))),
        "scheme-without-base": (damage, seal(patched(data, head + 8, b"\1"))),
        "block-too-large": (damage, seal(patched(data, head + 10, b"\x15"))),
        "depth-alone": (damage, seal(patched(data, head + 12, b"\1"))),
        "raw-too-long": (damage, seal(patched(data, head + 16, b"\xff" * 7))),
        "shape-empty": (damage, seal(patched(data, head + 56, bytes(8)))),
        "record-flip": (damage, bytes(patched(data, 16 + 40, b"\0"))),
    }


def write(folder: Path) -> None:
    """Write the whole set into a folder that does not exist."""
    for part in ("good", "bad"):
        (folder / part).mkdir(parents=True)
    expected: dict[str, dict[str, object]] = {"good": {}, "bad": {}}
    for name, (preset, fill) in GOOD.items():
        path = folder / "good" / f"{name}.pack"
        writer = _core.PackWriter(str(path), preset=preset)
        fill(writer)
        title = writer.finish().hex()
        expected["good"][name] = {"name": title, "sha256": contents(path)}
    example = (folder / "good" / "constant.pack").read_bytes()
    for name, (kind, data) in bad_packs(example).items():
        (folder / "bad" / f"{name}.pack").write_bytes(data)
        expected["bad"][name] = kind
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


def contents(path: Path) -> dict[str, str]:
    """Decode a pack whose bases are its own; return the SHA-256 of each entry by its id."""
    result = {}
    with _core.PackReader(str(path)) as reader:
        for i in range(reader.count):
            links = [(reader, i)]
            while (base := links[-1][0].entry(links[-1][1]).base) is not None:
                links.append((reader, reader.find(base)))
            out = bytearray(reader.entry(i).raw_bytes)
            _core.decode(links, out)
            result[reader.entry(i).id.hex()] = hashlib.sha256(out).hexdigest()
    return result


if __name__ == "__main__":
    if len(sys.argv) != 2 or Path(sys.argv[1]).exists():
        sys.exit(f"usage: {sys.argv[0]} NEW_FOLDER (golden files are never overwritten)")
    write(Path(sys.argv[1]))
