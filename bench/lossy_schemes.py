"""Measure what the lossy schemes do to all-MiniLM-L6-v2: room, errors, values left, answers.

`PYTHONPATH=scripts python -m bench.lossy_schemes [SCHEME]...` prints the table of
docs/guide/lossy.md. The answers: of 200 names of Python functions, how many find their own
docstring first among 200, over 11 such groups. It needs torch; four minutes on two cores.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from bench import data
from demo_steps.docstrings import pairs
from demo_steps.minilm import MiniLm
from demo_steps.wordpiece import WordPiece
from modelhub.repository import Repository

__all__ = ["SCHEMES", "main", "row"]

SCHEMES: tuple[str, ...] = (
    "bf16",
    "fp16",
    "fixed:8",
    "fixed:16",
    "fixed:24",
    "quantize:4",
    "quantize:8",
)
SCHEMES += ("random:4", "random:8")

_GROUP = 200
_PIECES_MAX = 40

Weights = Mapping[str, npt.NDArray[np.generic]]


def row(exact: Weights, lossy: Weights) -> tuple[float, float, int]:
    """Return the largest error, the relative L2, and the most values that a tensor has left."""
    largest = apart = length = 0.0
    distinct = 0
    for name, array in exact.items():
        if array.dtype.kind != "f":
            continue
        old, new = array.astype(np.float64), lossy[name].astype(np.float64)
        error = np.abs(new - old)
        largest = max(largest, float(error.max(initial=0.0)))
        apart += float(np.vdot(error, error))
        length += float(np.vdot(old, old))
        distinct = max(distinct, np.unique(new).size)
    return largest, math.sqrt(apart / length), distinct


class _Answers:
    """Asks a model for the docstring of each function."""

    def __init__(self, vocabulary: Path) -> None:
        self._pieces = WordPiece(vocabulary)
        self._pairs = pairs(seed=0)

    def share(self, weights: Weights) -> float:
        """Return the share of names whose own sentence is the nearest of its group."""
        model = MiniLm()
        model.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
        found = total = 0
        for start in range(0, len(self._pairs) - _GROUP + 1, _GROUP):
            names, sentences = zip(*self._pairs[start : start + _GROUP], strict=True)
            with torch.no_grad():
                nearest = (self._embed(model, names) @ self._embed(model, sentences).T).argmax(1)
            found += int((nearest == torch.arange(_GROUP)).sum())
            total += _GROUP
        return found / total

    def _embed(self, model: MiniLm, texts: tuple[str, ...]) -> torch.Tensor:
        rows = [torch.tensor(self._pieces.encode(text, _PIECES_MAX)) for text in texts]
        pad = self._pieces.pad
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pad)
        vectors: torch.Tensor = model(ids, ids != pad)
        return vectors


def main(schemes: tuple[str, ...]) -> None:
    """Print a row of the table for each scheme."""
    answers = _Answers(data.minilm_folder() / "vocab.txt")
    with tempfile.TemporaryDirectory() as folder, Repository.init(folder) as repository:
        version = repository.commit("m", data.minilm_weights())
        exact = version.weights()
        print("| scheme | stored | max error | relative L2 | values left | found first |")
        print("|---|---|---|---|---|---|")
        for scheme in (None, *schemes):
            if scheme is not None:
                version = repository.copy("m", "lossy", scheme=scheme)
            lossy = version.weights()
            largest, relative, distinct = row(exact, lossy)
            stored = f"{version.record.stored_bytes / 1e6:.1f} MB"
            errors = f"{largest:.2g} | {relative:.2g} | {distinct:,}"
            name = "exact" if scheme is None else f"`{scheme}`"
            print(f"| {name} | {stored} | {errors} | {answers.share(lossy):.1%} |", flush=True)


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or SCHEMES)
