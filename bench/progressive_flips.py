"""Try to break certificates: search the boxes at which a label was proved for one that differs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from bench.progressive_climb import Schedule, boxes_of
from modelhub.dlv.prefixes import Prefixes
from modelhub.net.graph import Network
from modelhub.progressive.flips import flips
from modelhub.progressive.margins import labels
from modelhub.progressive.prepare import prepare

__all__ = ["attack"]


def attack(
    network: Network,
    prefixes: Prefixes,
    rungs: Sequence[Schedule],
    images: npt.NDArray[np.float32],
) -> tuple[int, int]:
    """Prove labels rung by rung, and search the boxes of each proof; return how many, and broken.

    Args:
        rungs: Schedules by tensor name, each at least the one before.
        images: Inputs (N, ...); each takes as long as some 30 passes there and back.
    """
    (name,), left = network.inputs, torch.from_numpy(images)
    tried = broken = 0
    for rung in rungs:
        prefixes.read(rung)
        boxes = boxes_of(prefixes)
        told = labels(prepare(network, boxes).logits({name: left}))
        proved = told.margin > 0.0
        found = flips(network, boxes, {name: left[proved]}, told.label[proved])
        tried += len(found)
        broken += int(found.sum())
        left = left[~proved]
        if not len(left):
            break
    return tried, broken
