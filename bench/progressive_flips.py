"""Try to break proofs: search the boxes at which a label was proved for weights that change it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from bench.progressive_climb import Schedule, boxes_of
from modelhub.dlv.prefixes import Prefixes
from modelhub.net.graph import Network
from modelhub.progressive.flips import flips

__all__ = ["attack"]


def attack(
    network: Network,
    prefixes: Prefixes,
    rungs: Sequence[Schedule],
    images: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    nbytes: npt.NDArray[np.int64],
) -> tuple[int, int]:
    """Search the boxes of each proof; return how many there were, and how many were broken.

    Args:
        rungs: Schedules by tensor name, each at least the one before, in which prefixes are read.
        images: Inputs (N, ...); each takes as long as some 30 passes there and back.
        labels: What was proved.
        nbytes: Bytes read when it was.
    """
    (name,) = network.inputs
    tried = broken = 0
    for rung in rungs:
        prefixes.read(rung)
        rows = np.flatnonzero(nbytes == prefixes.bytes_read)
        if len(rows):
            inputs = {name: torch.from_numpy(images[rows])}
            found = flips(network, boxes_of(prefixes), inputs, torch.from_numpy(labels[rows]))
            tried += len(rows)
            broken += int(found.sum())
    return tried, broken
