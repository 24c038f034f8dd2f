"""Make and keep what the codec is measured on: real weights, checkpoints, moments and ids.

An *input* is a list of named snapshots; a *snapshot* is a dict of named tensors in name order. What
is trained or downloaded is made once, seeded, and kept in a folder (MODELHUB_BENCH_DATA, or
~/.cache/modelhub-bench); casts are made when asked for.

`python -m bench.codec_data` makes all of it; with `--flat FOLDER` it also writes each snapshot's
float values as one raw file.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from bench import codec_make

__all__ = ["INPUTS", "Array", "Input", "Tensors", "cache_folder", "load", "main", "snapshots"]

Array = npt.NDArray[Any]
Tensors = dict[str, Array]
Cast = Callable[[Array], Array]

# The largest finite value of e4m3.
_FP8_MAX = 448.0
_INT8_MAX = 127.0


@dataclass(frozen=True, slots=True)
class Input:
    """Where an input's snapshots lie, how their files are named, and what is made of each tensor.

    Attributes:
        kind: A folder in `codec_make.MAKERS`.
        pattern: Part of a file's name: the snapshot's name stands for the star.
    """

    kind: str
    pattern: str
    cast: Cast | None = None


def _as(dtype: npt.DTypeLike) -> Cast:
    # ml_dtypes and numpy both round to nearest, ties to even.
    return lambda tensor: tensor.astype(dtype)


def _fp8(tensor: Array) -> Array:
    """Scale a tensor to the range of e4m3, as FP8 checkpoints do, and round it."""
    top = float(np.abs(tensor).max(initial=0.0)) or 1.0
    return (tensor * np.float32(_FP8_MAX / top)).astype(ml_dtypes.float8_e4m3fn)


def _int8(tensor: Array) -> Array:
    """Scale every row to the range of int8 and round it."""
    rows = tensor.reshape(-1, tensor.shape[-1]) if tensor.ndim else tensor.reshape(1, 1)
    top = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    top[top == 0] = 1.0
    scaled: Array = np.rint(rows * (np.float32(_INT8_MAX) / top)).astype(np.int8)
    return scaled.reshape(tensor.shape)


INPUTS: dict[str, Input] = {
    "minilm": Input("minilm", "*"),
    "minilm-bf16": Input("minilm", "*", _as(ml_dtypes.bfloat16)),
    "minilm-f16": Input("minilm", "*", _as(np.float16)),
    "minilm-fp8": Input("minilm", "*", _fp8),
    "minilm-int8": Input("minilm", "*", _int8),
    "ids": Input("ids", "*"),
    "ft32": Input("fine-tune", "step-*"),
    "ft16": Input("fine-tune", "step-*", _as(ml_dtypes.bfloat16)),
    "adam-m": Input("fine-tune", "adam-m-*"),
    "adam-v": Input("fine-tune", "adam-v-*"),
    "scratch": Input("scratch", "epoch-*"),
    "scratch16": Input("scratch", "epoch-*", _as(ml_dtypes.bfloat16)),
    "silero": Input("silero", "*"),
}


def cache_folder() -> Path:
    """Return where made data is kept."""
    named = os.environ.get("MODELHUB_BENCH_DATA")
    return Path(named) if named else Path.home() / ".cache" / "modelhub-bench"


def snapshots(name: str) -> list[str]:
    """Return the names of an input's snapshots in order; make the data if it is not there.

    Raises:
        MissingDataError: it cannot be made; the text says what to install.
    """
    return list(_files(name))


def load(name: str, snapshot: str = "") -> Tensors:
    """Return the tensors of a snapshot (the first, if none is named) in the order of their names.

    Raises:
        MissingDataError: it cannot be made; the text says what to install.
        KeyError: there is no such snapshot.
    """
    files = _files(name)
    path = files[snapshot or next(iter(files))]
    cast = INPUTS[name].cast
    found = sorted(load_file(path).items())
    if name != "ids":
        # A position table and counters of batches: a few integers that nobody waits for.
        found = [(key, tensor) for key, tensor in found if tensor.dtype == np.float32]
    return {key: tensor if cast is None else cast(tensor) for key, tensor in found}


def _files(name: str) -> dict[str, Path]:
    """Return each snapshot's file, in the order of the names."""
    wanted = INPUTS[name]
    folder = codec_make.made(wanted.kind, cache_folder())
    paths = sorted(folder.glob(f"{wanted.pattern}.safetensors"))
    start = len(wanted.pattern) - 1
    return {path.stem[start:]: path for path in paths}


def main() -> None:
    """Make every input, list it, and write flat files if they are asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.codec_data", description=__doc__)
    parser.add_argument("--flat", type=Path, help="also write NAME_SNAPSHOT.raw files here")
    arguments = parser.parse_args()
    for name in INPUTS:
        for snapshot in snapshots(name):
            tensors = load(name, snapshot)
            count = sum(tensor.nbytes for tensor in tensors.values())
            kind = next(iter(tensors.values())).dtype
            print(f"{name}#{snapshot}: {len(tensors)} tensors, {count} bytes, {kind}")
            if arguments.flat is not None:
                arguments.flat.mkdir(parents=True, exist_ok=True)
                with (arguments.flat / f"{name}_{snapshot}.raw").open("wb") as out:
                    for tensor in tensors.values():
                        out.write(tensor.reshape(-1).view(np.uint8).data)


if __name__ == "__main__":
    main()
