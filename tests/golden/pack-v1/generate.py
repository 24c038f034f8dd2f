"""Write a set of golden packs of format version 1.

Golden files are history: what version 1 wrote must decode for ever. So this program refuses to
overwrite; `generate.py NEW_FOLDER` writes a fresh set beside, to compare or to add a file from.
Bytes of compressed cells follow the libraries at hand; those kept were written with libzstd 1.5.4
and liblz4 1.9.4.

`good/*.pack` decode to the digests in `expected.json`; `bad/*.pack` fail with the kind there.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from modelhub import _core


def object_id(text: str) -> bytes:
    """Return an id for a golden object."""
    return hashlib.sha256(text.encode()).digest()


def wave(count: int, step: float = 0.0) -> np.ndarray:
    """Return values that any machine computes alike: integers over a power of two."""
    numbers = (np.arange(count, dtype=np.int64) * 7919 + 13) % 4093 - 2046
    return (numbers.astype(np.float64) / 4096 + step).astype(np.float32)


def chain(writer: _core.PackWriter) -> None:
    """Add an fp32 tensor of two blocks and two deltas, each on the one before."""
    base = None
    for depth in range(3):
        raw = wave(70_000, depth * 2.0**-20).view(np.uint8)
        name = object_id(f"chain {depth}")
        writer.add(name, 1, 12, 4, 2, (7, 10_000), raw, base=base)
        base = (name, depth, raw)


def codecs(writer: _core.PackWriter) -> None:
    """Add cells of every codec, and the odd shapes."""
    noise = np.frombuffer(b"".join(object_id(str(i)) for i in range(300)), np.uint8)
    writer.add(object_id("raw"), 2, 1, 1, 0, (9600,), noise)
    writer.add(object_id("lz4"), 2, 1, 1, 0, (200,), np.resize(noise[:100], 200))
    writer.add(object_id("zstd"), 2, 1, 1, 0, (9600,), noise % 5)
    writer.add(object_id("empty"), 1, 12, 4, 2, (0, 3), b"")
    writer.add(object_id("zero-dim"), 1, 13, 8, 2, (), np.float64(1.5).tobytes())
    nan = np.array([0x7F800001, 0xFFC12345, 0x80000000, 1], np.uint32)  # Signalling NaN, -0, ...
    writer.add(object_id("nan"), 1, 12, 4, 2, (2, 2), nan)


def constant(writer: _core.PackWriter) -> None:
    """Add the worked example of docs/formats/pack.md."""
    writer.add(b"\xaa" * 32, 1, 1, 1, 0, (4,), b"\7\7\7\7")


GOOD: dict[str, Callable[[_core.PackWriter], None]] = {
    "chain": chain,
    "codecs": codecs,
    "constant": constant,
    "empty": lambda writer: None,
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
        "scheme-2": ("unsupported_version", seal(patched(data, head + 8, b"\2"))),
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
    for name, fill in GOOD.items():
        path = folder / "good" / f"{name}.pack"
        writer = _core.PackWriter(str(path))
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
