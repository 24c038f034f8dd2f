"""Write a set of golden blobs of format version 1.

Golden files are history: what version 1 wrote must decode for ever. So this program refuses to
overwrite; `generate.py NEW_FOLDER` writes a fresh set beside, to compare or to add a file from.

`good/*.blob` decode to the digests in `expected.json`, deltas against what the blob named there
decodes to. `bad/*.blob` fail with the kind there: each breaks one rule of docs/formats/ or of a
spec.md, most with all checksums right. Those with the codec classes stand on `good/example.blob`'s
base.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from modelhub import _core, codec
from tests.core.craft import (
    BITS,
    CLASSES,
    FIELD,
    JOINED,
    LZ4,
    PALETTE,
    RANS,
    RAW,
    ZSTD,
    Cell,
    Entry,
    Mapping,
    reseal_blob,
)
from tests.golden.values import bell, bfloat16, noise, nudged, weights

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
ZERO = Cell(0)


def example() -> np.ndarray:
    """Return the array of the worked example of docs/formats/blob.md."""
    return (np.arange(256, dtype=np.uint32) * 40503 % 65536).astype(np.uint16)


def good_arrays() -> dict[str, tuple[str, Any, str | None]]:
    """List preset, array and the name of its base."""
    values = weights(1200, 80)
    half = bfloat16(weights(2400, 81)).view(BFLOAT16)
    moved = (half.view(np.uint16) + (bell(2400, 82) >> 16).astype(np.uint16)).view(BFLOAT16)
    grown = np.concatenate([moved.reshape(24, 100), half[:300].reshape(3, 100)])
    return {
        "bytes": ("default", np.frombuffer(b"blob", np.uint8), None),
        "empty": ("default", np.empty((3, 0), np.float16), None),
        "scalar": ("default", np.array(2.5, np.float64), None),
        "noise": ("default", noise(512, 83).view(np.uint16), None),
        "example-base": ("default", example(), None),
        "example": ("default", example(), "example-base"),
        "float32": ("default", values.reshape(30, 40), None),
        "float32-delta": (
            "default",
            nudged(values, 84, 1 << 19).view("f4").reshape(30, 40),
            "float32",
        ),
        "bfloat16": ("fast", half, None),
        "bfloat16-delta": ("fast", moved, "bfloat16"),
        "bfloat16-dense": ("dense", half, None),
        "bfloat16-dense-delta": ("dense", moved, "bfloat16-dense"),
        "bfloat16-grown": ("default", grown, "bfloat16"),
        "palette": ("default", values[:200][noise(1000, 85) & 7], None),
        "zeros": ("default", np.zeros((4, 5), np.int64), None),
    }


def replaced(data: bytes, at: int, patch: bytes) -> bytes:
    """Return a copy with some bytes replaced."""
    at %= len(data)
    return data[:at] + patch + data[at + len(patch) :]


class Examples:
    """Entries with the payloads of the worked examples, and what is next to them."""

    bits = Entry(1, (Cell(BITS, bytes.fromhex("AB01") + b"\xff" * 8, param=6),), (128,))
    field_payload = bytes.fromhex("0601FE000003020000000000 80".replace(" ", ""))
    palette_payload = bytes.fromhex("0100070000000900000008")

    @classmethod
    def field(cls, payload: bytes, rest: Cell = ZERO, width: int = 2, place: int = 0) -> Entry:
        """Return 16 floats, the payload in the first cell."""
        cells = [Cell(FIELD, payload), rest, *[ZERO] * (width - 2)]
        cells[0], cells[place] = cells[place], cells[0]
        return Entry(width, tuple(cells), (16,), value_kind=2, dtype_code=11 if width == 2 else 12)

    @classmethod
    def palette(cls, payload: bytes, *others: Cell, n: int = 5) -> Entry:
        """Return five numbers, the payload in the first cell."""
        cells = (Cell(PALETTE, payload), *(others or (Cell(JOINED),) * 3))
        return Entry(4, cells, (n,), dtype_code=6)

    @classmethod
    def classes(cls, payload: bytes, *others: Cell, form: int = 0) -> Entry:
        """Return a delta on the example."""
        delta = codec.encode_delta(example(), example())
        cells = (Cell(CLASSES, payload, form=form), *(others or (Cell(JOINED),)))
        return Entry(2, cells, (256,), dtype_code=4, base=delta[80:112])

    @classmethod
    def classes_payload(
        cls, mode: int = 0, popular: tuple[int, ...] = (0,), contexts: bytes = b"\1",
        table: bytes = bytes.fromhex("030CF8FF01"), raw: bytes = b"\xaa" * 64,
    ) -> bytes:  # fmt: skip
        """Return a payload in which each difference is 3, unless told otherwise."""
        head = bytes([mode, len(popular)]) + struct.pack(f"<{len(popular)}H", *popular)
        return head + contexts + table + struct.pack("<I", len(raw)) + raw


def bad_frames() -> dict[str, tuple[str, bytes]]:
    """Break what stands around the payloads."""
    alone = codec.encode(noise(64, 90))
    damage = "corruption"
    entry = Entry(1, (Cell(RAW, bytes(64)),), (64,))
    return {
        "empty": (damage, b""),
        "other-magic": (damage, replaced(alone, 2, b"X")),
        "newer-version": ("unsupported_version", replaced(alone, 8, b"\2")),
        "reserved": (damage, replaced(alone, 12, b"\1")),
        "cut-short": (damage, alone[:-1]),
        "goes-on": (damage, alone + b"\0"),
        "header-only": (damage, alone[:16]),
        "head-flip": (damage, replaced(alone, 21, b"\2")),
        "payload-flip": (damage, replaced(alone, -1, bytes([alone[-1] ^ 1]))),
        "head-too-long": (damage, reseal_blob(replaced(alone, 16, b"\x49"))),
        "width-3": (damage, entry.but(width=3, cells=(ZERO,) * 3, shape=(2,)).blob()),
        "value-kind-3": (damage, entry.but(value_kind=3).blob()),
        "scheme-3": ("corruption", entry.but(scheme=3).blob()),
        "scheme-4": ("unsupported_version", entry.but(scheme=4).blob()),
        "scheme-version-2": ("unsupported_version", entry.but(scheme_version=2).blob()),
        "block-2-to-the-7": (damage, entry.but(block_log2=7).blob()),
        "block-2-to-the-21": (damage, entry.but(block_log2=21).blob()),
        "dims-65": (damage, entry.but(shape=(64, *[1] * 64)).blob()),
        "shape-empty": (damage, entry.but(shape=(0,), raw_bytes=64).blob()),
        "dim-2-to-the-63": (damage, entry.but(shape=(1 << 63,), raw_bytes=64).blob()),
        "raw-bytes-odd": (damage, entry.but(width=2, raw_bytes=63, cells=(ZERO, ZERO)).blob()),
        "depth-alone": (damage, entry.but(depth=1).blob()),
        "depth-0-in-a-delta": (damage, entry.but(base=b"\1" * 32, depth=0).blob()),
        "depth-65536": (damage, entry.but(base=b"\1" * 32, depth=65536).blob()),
        "stands-on-itself": (damage, entry.but(base=bytes(32)).blob()),
        "segment-too-long": (damage, entry.but(segment_bytes=(65,)).blob()),
        "segment-sum": (damage, entry.but(segment_bytes=(63,)).blob()[:-1]),
        "delta-without-base": ("usage", entry.but(base=b"\1" * 32).blob()),
    }


def bad_mappings() -> dict[str, tuple[str, bytes]]:
    """Break what a mapped delta says of its base."""
    good = Mapping(0, 1, 1, 0, 32, (32,))
    entry = Entry(1, (Cell(RAW, bytes(64)),), (64,), base=b"\1" * 32)
    wide = Entry(2, (ZERO, ZERO), (64,), value_kind=2, dtype_code=11, base=b"\1" * 32)
    mappings = {
        "conversion-5": (entry, Mapping(5, 1, 1, 0, 32, (32,))),
        "mapping-reserved": (entry, Mapping(0, 1, 1, 0, 32, (32,), reserved=b"\0\1\0")),
        "mapping-other-width": (entry, Mapping(0, 1, 2, 0, 32, (16,))),
        "mapping-other-kind": (entry, Mapping(0, 1, 1, 1, 32, (32,))),
        "mapping-other-dtype": (entry, Mapping(0, 2, 1, 0, 32, (32,))),
        "mapping-shape-empty": (entry, Mapping(0, 1, 1, 0, 32, (0,))),
        "mapping-dims-65": (entry, Mapping(0, 1, 1, 0, 32, (32, *[1] * 64))),
        "conversion-of-width-2": (wide, Mapping(1, 11, 2, 2, 128, (64,))),
        "conversion-of-integers": (wide, Mapping(1, 7, 4, 1, 256, (64,))),
        "conversion-to-width-4": (wide, Mapping(3, 11, 2, 2, 128, (64,))),
    }
    made = {name: ("corruption", e.but(mapping=m).blob()) for name, (e, m) in mappings.items()}
    made["mapped-without-base"] = ("usage", entry.but(mapping=good).blob())
    return made


def bad_cells() -> dict[str, tuple[str, bytes]]:
    """Break the rules of cells."""
    unknown, damage = "unsupported_version", "corruption"
    text = noise(64, 91).tobytes()
    one = Entry(1, (Cell(RAW, text),), (64,))
    cells: dict[str, tuple[str, Cell]] = {
        "codec-10": (unknown, Cell(10, text)),
        "codec-version-2": (unknown, Cell(RAW, text, version=2)),
        "constant-with-payload": (damage, Cell(0, b"\0")),
        "raw-too-short": (damage, Cell(RAW, text[:-1])),
        "raw-too-long": (damage, Cell(RAW, text + b"\0")),
        "raw-with-param": (damage, Cell(RAW, text, param=1)),
        "form-1-without-base": (damage, Cell(RAW, text, form=1)),
        "form-2-without-base": (damage, Cell(RAW, text, form=2)),
        "form-3": (damage, Cell(RAW, text, form=3)),
        "lz4-empty": (damage, Cell(LZ4)),
        "lz4-as-long": (damage, Cell(LZ4, text)),
        "lz4-damaged": (damage, Cell(LZ4, b"\xf0\xff\0")),
        "zstd-damaged": (damage, Cell(ZSTD, bytes.fromhex("28B52FFD00"))),
        "zstd-of-other-length": (damage, Cell(ZSTD, bytes.fromhex("28B52FFD2003190000616263"))),
        "rans-short-plane": (damage, Cell(RANS, b"\0\1" + bytes(40))),
        "joined-alone": (damage, Cell(JOINED)),
        "joined-with-payload": (damage, Cell(JOINED, b"\0")),
        "field-of-width-1": (damage, Cell(FIELD, Examples.field_payload)),
        "classes-of-width-1": (damage, Cell(CLASSES, b"\0")),
        "palette-of-width-1": (damage, Cell(PALETTE, b"\0")),
    }
    return {name: (kind, one.but(cells=(cell,)).blob()) for name, (kind, cell) in cells.items()}


def bad_bits() -> dict[str, bytes]:
    """Break payloads of the codec bits."""
    ones = b"\xff" * 8

    def plane(payload: bytes, param: int = 6) -> bytes:
        return Examples.bits.but(cells=(Cell(BITS, payload, param=param),)).blob()

    return {
        "bits-width-0": plane(b"\xab\1" + ones, param=0),
        "bits-width-9": plane(b"\xab\1" + ones, param=9),
        "bits-shift-7": plane(bytes.fromhex("EB01") + ones),
        "bits-too-short": plane(b"\xab\1" + ones[1:]),
        "bits-too-long": plane(b"\xab\1" + ones + b"\0"),
        "bits-run-too-long": plane(bytes.fromhex("5600") + ones),
        "bits-gamma-too-long": plane(bytes(10)),
    }


def bad_fields() -> dict[str, bytes]:
    """Break payloads of the codec field."""
    good = Examples.field_payload
    mode = {"below-3": 3, "below-9": 9, "fine-with-four-groups": 0x66}
    made = {f"field-{name}": replaced(good, 0, bytes([m])) for name, m in mode.items()}
    made |= {
        "field-window-0": replaced(good, 1, b"\0"),
        "field-window-beyond": replaced(good, 2, b"\x00\x02"),
        "field-frequencies": replaced(good, 5, b"\1"),
        "field-only-escape": good[:4] + bytes.fromhex("010604") + good[7:],
        "field-escapes-beyond": replaced(good, 7, b"\xff"),
        "field-escapes-miscounted": good[:7] + b"\1" + good[8:11] + b"\0\0" + good[11:],
        "field-cut-short": good[:-1],
        "field-goes-on": good + b"\0",
        "field-marks-too-long": b"\x86" + good[1:4] + b"\2\0\0\0\1\1" + good[4:6] + b"\2",
        "field-grouped-below-8": b"\x88\1\x3f\0\1\0\0\0\1" + good[4:],
        "field-no-marks": b"\x86" + good[1:4] + b"\1\0\0\0\0" + good[4:6] + b"\2",
    }
    blobs = {name: Examples.field(payload).blob() for name, payload in made.items()}
    return blobs | {
        "field-in-segment-1": Examples.field(good, place=1).blob(),
        "field-of-width-8": Entry(8, (Cell(FIELD, good), *[ZERO] * 7), (16,), 2, 13).blob(),
        "field-with-joined": Examples.field(good, Cell(JOINED)).blob(),
    }


def bad_classes() -> dict[str, bytes]:
    """Break payloads of the codec classes."""
    make = Examples.classes_payload
    good = make()
    eleven = bytes(range(1, 25))
    payloads = {
        "fine-with-four-groups": make(mode=5),
        "mode-bit-3": make(mode=8),
        "top-5": make(mode=0x50),
        "too-many-symbols": make(popular=tuple(range(49))),
        "no-context": make(contexts=b"\0"),
        "too-many-contexts": make(contexts=bytes([25]) + eleven),
        "bounds-descend": make(contexts=b"\3\5\5"),
        "frequencies": make(table=bytes.fromhex("030CFCFF01")),
        "flags-beyond": make(mode=2, contexts=b"\1\1", table=bytes.fromhex("400C")),
        "raw-too-long": make(raw=b"\xaa" * 513),
        "raw-too-short": make(raw=b"\xaa" * 63),
        "cut-short": good[:-1],
        "goes-on": good + b"\0",
        "empty-popular": b"\0",
    }
    made = {f"classes-{name}": Examples.classes(p).blob() for name, p in payloads.items()}
    return made | {
        "classes-not-joined": Examples.classes(good, ZERO).blob(),
        "classes-form-2": Examples.classes(good, form=2).blob(),
        "classes-alone": Examples.classes(good, form=1).blob(),
        "classes-in-segment-1": Examples.classes(good).but(
            cells=(ZERO, Cell(CLASSES, good)),
        ).blob(),
    }  # fmt: skip


def bad_palettes() -> dict[str, bytes]:
    """Break payloads of the codec palette."""
    good = Examples.palette_payload
    made = {
        "palette-coding-2": Examples.palette(replaced(good, 1, b"\2")),
        "palette-too-short": Examples.palette(good[:-1]),
        "palette-too-long": Examples.palette(good + b"\0"),
        "palette-values-cut": Examples.palette(good[:6]),
        "palette-index-beyond": Examples.palette(b"\2" + good[1:10] + b"\5\0\0\0\xff\3", n=6),
        "palette-not-joined": Examples.palette(good, Cell(JOINED), ZERO, Cell(JOINED)),
        "palette-as-long": Examples.palette(good + bytes(9)),
    }
    return {name: entry.blob() for name, entry in made.items()}


def bad_streams() -> dict[str, bytes]:
    """Break what an entropy coder reads, in blobs that were coded."""
    values = bfloat16(weights(900, 92)).view(BFLOAT16)
    skewed = (noise(3000, 93) < 20).astype(np.uint8) + (noise(3000, 94) < 9)
    coded = {
        "lanes": codec.encode(values, "default"),
        "fine": codec.encode(values, "dense"),
        "rans": codec.encode(skewed),
    }
    made = {}
    for name, blob in coded.items():
        segments = 1 if name == "rans" else 2
        (size,) = struct.unpack_from("<I", blob, 16)
        (length,) = struct.unpack_from("<I", blob, 16 + size)
        end = 16 + size + 16 * segments + 8 + length
        at = end - length // 2
        made[f"{name}-flip"] = reseal_blob(replaced(blob, at, bytes([blob[at] ^ 0x41])))
    return made


def bad_blobs() -> dict[str, tuple[str, bytes]]:
    """Make a file for each way in which a blob can be wrong, with the error's kind."""
    made = bad_frames() | bad_mappings() | bad_cells()
    parts: list[Callable[[], dict[str, bytes]]] = [
        bad_bits, bad_fields, bad_classes, bad_palettes, bad_streams,
    ]  # fmt: skip
    for part in parts:
        made |= {name: ("corruption", blob) for name, blob in part().items()}
    return made


def write(folder: Path) -> None:
    """Write the whole set into a folder that does not exist."""
    for part in ("good", "bad"):
        (folder / part).mkdir(parents=True)
    expected: dict[str, dict[str, object]] = {"good": {}, "bad": {}}
    arrays = good_arrays()
    for name, (preset, array, base) in arrays.items():
        if base is None:
            blob = codec.encode(array, preset)
        else:
            blob = codec.encode_delta(array, arrays[base][1], preset)
            assert _core.blob_info(blob)["is_delta"], name
        (folder / "good" / f"{name}.blob").write_bytes(blob)
        expected["good"][name] = {
            "base": base,
            "dtype": array.dtype.name,
            "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
            "shape": list(array.shape),
        }
    for name, (kind, data) in bad_blobs().items():
        (folder / "bad" / f"{name}.blob").write_bytes(data)
        expected["bad"][name] = kind
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2 or Path(sys.argv[1]).exists():
        sys.exit(f"usage: {sys.argv[0]} NEW_FOLDER (golden files are never overwritten)")
    write(Path(sys.argv[1]))
