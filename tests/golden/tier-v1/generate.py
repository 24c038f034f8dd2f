"""Write a set of golden near files and companions of tier format version 1.

Golden files are history: what version 1 wrote must read for ever. So this program refuses to
overwrite; `generate.py NEW_FOLDER` writes a fresh set beside. `good/example.pack` is the worked
example of docs/formats/tier.md; `bad/*` fail with the kind in `expected.json` when they are opened,
companions with the example.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import numpy as np

from modelhub import _core
from tests.golden.splitting import split

DAMAGE, NEWER = "corruption", "unsupported_version"


def pack_example(path: Path) -> None:
    """Write the worked example of docs/formats/tier.md before it is split: two integers."""
    values = np.array([0x01020304, 0x11121314], "<u4")
    with _core.PackWriter(str(path)) as writer:
        writer.add(b"\xaa" * 32, 1, 6, 4, 0, (2,), values.view(np.uint8))
        writer.add(b"\xbb" * 32, 1, 1, 1, 0, (4,), np.frombuffer(b"\7\7\7\7", np.uint8))
        writer.finish()


def sealed(data: bytearray) -> bytes:
    """Make the checksum of a near file's table right."""
    (count,) = struct.unpack_from("<Q", data, 88)
    end = 96 + 16 * count
    struct.pack_into("<Q", data, end, _core.checksum(bytes(data[:end])))
    return bytes(data)


def patched(data: bytes, at: int, patch: bytes) -> bytearray:
    """Return a copy with some bytes replaced."""
    copy = bytearray(data)
    copy[at : at + len(patch)] = patch
    return copy


def number(value: int) -> bytes:
    """Return a u64."""
    return struct.pack("<Q", value)


def bad_files(near: bytes, low: bytes) -> dict[str, tuple[str, bytes]]:
    """Make a file per way in which one can be wrong, with the error's kind."""
    offset, length = struct.unpack_from("<QQ", near, 96)
    return {
        "header-only.pack": (DAMAGE, near[:96]),
        "cut-short.pack": (DAMAGE, near[:-1]),
        "newer.pack": (NEWER, sealed(patched(near, 8, b"\2"))),
        "reserved.pack": (DAMAGE, sealed(patched(near, 12, b"\1"))),
        "other-name.pack": (DAMAGE, sealed(patched(near, 16, bytes(32)))),
        "other-size.pack": (DAMAGE, sealed(patched(near, 48, number(1 << 62)))),
        "table-flip.pack": (DAMAGE, bytes(patched(near, 96, b"\xff"))),
        "most-runs.pack": (DAMAGE, bytes(patched(near, 88, b"\xff" * 8))),
        "empty-run.pack": (DAMAGE, sealed(patched(near, 104, number(0)))),
        "run-before.pack": (DAMAGE, sealed(patched(near, 96, number(offset - 1)))),
        "run-beyond.pack": (DAMAGE, sealed(patched(near, 104, number((1 << 64) - 1)))),
        "into-the-next.pack": (DAMAGE, sealed(patched(near, 104, number(length + 1)))),
        "companion-cut-short.low": (DAMAGE, low[:-1]),
        "companion-longer.low": (DAMAGE, low + b"\0"),
        "companion-header.low": (DAMAGE, low[:63]),
        "companion-magic.low": (DAMAGE, bytes(patched(low, 1, b"X"))),
        "companion-newer.low": (NEWER, bytes(patched(low, 8, b"\2"))),
        "companion-of-another.low": (DAMAGE, relabelled(low)),
        "companion-checksum.low": (DAMAGE, bytes(patched(low, 56, bytes(8)))),
    }


def relabelled(low: bytes) -> bytes:
    """Return a companion that says it is another pack's."""
    copy = patched(low, 16, bytes(32))
    copy[56:64] = number(_core.checksum(bytes(copy[:56])))
    return bytes(copy)


def write(folder: Path) -> None:
    """Write the whole set into a folder that does not exist."""
    for part in ("good", "bad"):
        (folder / part).mkdir(parents=True)
    example = folder / "good" / "example.pack"
    whole = folder / "example"
    pack_example(whole)
    split(whole, example)
    whole.unlink()
    bad = bad_files(example.read_bytes(), example.with_suffix(".low").read_bytes())
    for name, (_, data) in bad.items():
        (folder / "bad" / name).write_bytes(data)
    expected = {"good": ["example"], "bad": {name: kind for name, (kind, _) in bad.items()}}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2 or Path(sys.argv[1]).exists():
        sys.exit(f"usage: {sys.argv[0]} NEW_FOLDER (golden files are never overwritten)")
    write(Path(sys.argv[1]))
