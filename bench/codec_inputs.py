"""Name the inputs of the codec's measurements and read each as one flat array.

`scratch#8` is snapshot 8 of the input scratch, `ft32:160-200` its snapshot 200 as a difference from
its snapshot 160; an input without either is its first snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench import codec_data
from bench.codec_data import Array

__all__ = ["ALONE", "CHAIN", "CLOSE_PAIRS", "PAIRS", "Loaded", "is_pair", "read"]

ALONE = (
    "minilm",
    "minilm-bf16",
    "minilm-f16",
    "minilm-fp8",
    "minilm-int8",
    "ids",
    "adam-m#200",
    "adam-v#200",
    "scratch#8",
    "scratch16#8",
    "silero#6.0.0",
)
# Checkpoints of one run of training.
CLOSE_PAIRS = (
    "ft32:160-200",
    "ft16:160-200",
    "ft32:000-200",
    "ft16:000-200",
    "scratch:7-8",
    "scratch16:7-8",
    "scratch:3-4",
    "scratch16:3-4",
)
# And those of which nobody knows beforehand whether a difference pays.
PAIRS = (*CLOSE_PAIRS, "adam-m:160-200", "adam-v:160-200", "silero:5.1.2-6.0.0")
# A base and five differences.
CHAIN = ("ft32", ("000", "040", "080", "120", "160", "200"))


@dataclass(frozen=True, slots=True)
class Loaded:
    """An input's tensors in name order, those of its base, and both as one flat array each."""

    tensors: list[Array]
    bases: list[Array] | None

    @property
    def flat(self) -> Array:
        """All values, one tensor after the other."""
        return _flat(self.tensors)

    @property
    def flat_base(self) -> Array | None:
        """All values of the base, or nothing where there is none."""
        return None if self.bases is None else _flat(self.bases)


def is_pair(name: str) -> bool:
    """Whether an input is a difference."""
    return ":" in name


def read(name: str) -> Loaded:
    """Read an input.

    Raises:
        KeyError: there is no input, or no snapshot, of that name.
    """
    if is_pair(name):
        source, _, ends = name.partition(":")
        base, _, snapshot = ends.partition("-")
        bases = codec_data.load(source, base)
        tensors = codec_data.load(source, snapshot)
        return Loaded(list(tensors.values()), [bases[key] for key in tensors])
    source, _, snapshot = name.partition("#")
    return Loaded(list(codec_data.load(source, snapshot).values()), None)


def _flat(tensors: list[Array]) -> Array:
    return np.concatenate([np.ascontiguousarray(tensor).reshape(-1) for tensor in tensors])
