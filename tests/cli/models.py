"""Write small weights files for the sessions: `make-model FILE [SEED] [NUDGE]`.

The same seed gives the same bytes; NUDGE changes one value in ten of every matrix a little, as
fine-tuning does. The container follows from the file's name.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import numpy as np

SHAPES = {
    "conv1.bias": (8,),
    "conv1.weight": (8, 1, 3, 3),
    "fc.bias": (10,),
    "fc.weight": (10, 392),
    "layer.0.weight": (32, 32),
    "layer.1.weight": (32, 32),
    "layer.2.weight": (32, 32),
}


def weights(seed: int, nudge: int) -> dict[str, np.ndarray]:
    """Return the tensors by name."""
    rng = np.random.default_rng(seed)
    tensors = {name: rng.normal(0, 0.1, shape).astype("<f4") for name, shape in SHAPES.items()}
    if nudge:
        rng = np.random.default_rng(1000 + nudge)
        for array in tensors.values():
            if array.ndim > 1:
                array *= np.where(rng.random(array.shape) < 0.1, 1.001, 1.0).astype("<f4")
    return tensors


def safetensors(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """Return the file's bytes, written by hand: the tests must not lean on what they test."""
    header: dict[str, object] = {"__metadata__": metadata}
    offset = 0
    for name, array in tensors.items():
        end = offset + array.nbytes
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for a in tensors.values())


def main(words: list[str]) -> None:
    """Write the file that the command line asks for."""
    path = Path(words[0])
    tensors = weights(*(int(word) for word in [*words[1:], "0", "0"][:2]))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npz":
        np.savez(path, **tensors)
    else:
        path.write_bytes(safetensors(tensors, {"format": "pt"}))


if __name__ == "__main__":
    main(sys.argv[1:])
