"""Keep the sizes that the presets reach on a small, quickly made set: `bench/golden/`.

A size is a promise, and unlike a speed it can be tested anywhere. `python -m bench.codec_golden`
writes the table anew; its change belongs in the review of what caused it.
"""

from __future__ import annotations

import csv
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from safetensors import safe_open

from bench import data
from bench.codec_data import Array
from bench.codec_ours import PRESETS

__all__ = ["PATH", "Sample", "main", "measured", "samples", "table"]

PATH = Path(__file__).resolve().parent / "golden" / "codec-sizes.csv"

_HEAD = ["sample", "preset", "raw_bytes", "packed_bytes"]
# Rows of the embeddings: enough for several blocks.
_ROWS = 1024
_LAYER = "encoder.layer.0.intermediate.dense.weight"
_EMBEDDINGS = "embeddings.word_embeddings.weight"
_VALUES = 200_000


@dataclass(frozen=True, slots=True)
class Sample:
    """An array, and the base of which it is coded as a difference if there is one."""

    name: str
    array: Array
    base: Array | None = None


def samples() -> list[Sample]:
    """Make all samples; the same on every machine.

    Raises:
        MissingDataError: the package with the real weights is not installed.
    """
    with safe_open(data.minilm_weights(), framework="numpy") as file:
        layer: Array = file.get_tensor(_LAYER)
        rows: Array = file.get_slice(_EMBEDDINGS)[:_ROWS]
    made = [
        Sample("layer-f32", layer),
        Sample("layer-bf16", layer.astype(ml_dtypes.bfloat16)),
        Sample("layer-f16", layer.astype(np.float16)),
        Sample("layer-e4m3", (layer * 256).astype(ml_dtypes.float8_e4m3fn)),
        Sample("layer-i8", np.rint(layer * (127 / np.abs(layer).max())).astype(np.int8)),
        Sample("rows-f32", rows),
        Sample("rows-f64", rows.astype(np.float64)),
    ]
    return made + _made(np.random.default_rng(0), rows)


def _made(generator: np.random.Generator, rows: Array) -> list[Sample]:
    """Make what no package ships: updates, moments, ids, zeros, noise."""
    base = generator.standard_normal(_VALUES).astype(np.float32) * np.float32(0.02)
    update = generator.standard_normal(_VALUES).astype(np.float32) * np.float32(2e-5)
    trained = base + update
    decayed = rows * np.float32(1 - 2e-5)
    halves = ml_dtypes.bfloat16
    return [
        Sample("trained-f32", trained, base),
        Sample("trained-bf16", trained.astype(halves), base.astype(halves)),
        Sample("decayed-f32", decayed, rows),
        Sample("unrelated-f32", update, base),
        Sample("moments-f32", np.square(update)),
        Sample("ids-i64", np.minimum(generator.zipf(1.3, _VALUES), 30_000).astype(np.int64)),
        Sample("pruned-f32", np.where(np.abs(base) < np.float32(0.03), np.float32(0), base)),
        Sample("noise-u8", generator.integers(0, 256, _VALUES, np.uint8)),
        Sample("mask-bool", base > 0),
    ]


def measured(codec: Any) -> dict[tuple[str, str], tuple[int, int]]:
    """Return raw and packed bytes by sample and preset; every array must come back the same.

    Args:
        codec: The module `modelhub.codec`.
    """
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for sample in samples():
        for preset in PRESETS:
            if sample.base is None:
                blob = codec.encode(sample.array, preset=preset)
                back = codec.decode(blob)
            else:
                blob = codec.encode_delta(sample.array, sample.base, preset=preset)
                back = codec.decode_delta(blob, sample.base)
            if back.tobytes() != sample.array.tobytes():
                raise ValueError(f"{sample.name}, {preset}: the bytes that came back are others")
            found[sample.name, preset] = (sample.array.nbytes, len(blob))
    return found


def table() -> dict[tuple[str, str], tuple[int, int]]:
    """Read the golden table in the same form."""
    with PATH.open(newline="", encoding="utf-8") as lines:
        return {
            (row["sample"], row["preset"]): (int(row["raw_bytes"]), int(row["packed_bytes"]))
            for row in csv.DictReader(lines)
        }


def main() -> int:
    """Write the golden table and show what it changes."""
    codec = importlib.import_module("modelhub.codec")
    before = table() if PATH.exists() else {}
    found = measured(codec)
    with PATH.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(_HEAD)
        rows.writerows([*key, *sizes] for key, sizes in found.items())
    for key, (raw, packed) in found.items():
        old = before.get(key, (raw, packed))[1]
        moved = f", {100 * (packed / old - 1):+.2f} %" if packed != old else ""
        print(f"{key[0]}, {key[1]}: {100 * (1 - packed / raw):.2f} % saved{moved}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
