"""Climb a ladder of prefixes by the bounds alone, without the program's own way through it.

It is what the program is measured beside (the same prefix of every tensor, as the paper reads), and
what tells at each prefix which label the middle of the boxes gives, proved or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from modelhub.dlv.prefixes import Prefixes
from modelhub.net.graph import Network
from modelhub.progressive.intervals import Interval, point
from modelhub.progressive.margins import head, labels
from modelhub.progressive.prepare import Prepared, prepare
from modelhub.progressive.propagate import evaluate
from modelhub.progressive.schedule import layers

__all__ = ["Climbed", "Schedule", "boxes_of", "climb", "float64_values", "uniform"]

_BATCH = 64

Schedule = Mapping[str, int]


@dataclass(slots=True)
class Climbed:
    """What was found for N inputs.

    Attributes:
        full: Compressed bytes of an exact read.
        nbytes: int64 (N,), bytes read when each was decided; `full` if never before.
        label: int64 (N,), the label that was proved; -1 where none was.
        margin: float64 (N,), the proved margin; 0 where none was.
        curve: For each rung the bytes read, the share proved so far, and the share of labels of the
            boxes' middle that are those of the exact weights.
    """

    full: int
    nbytes: npt.NDArray[np.int64]
    label: npt.NDArray[np.int64]
    margin: npt.NDArray[np.float64]
    curve: list[tuple[int, float, float]] = field(default_factory=list)


def uniform(network: Network, prefixes: Prefixes) -> list[dict[str, int]]:
    """Return the schedules that read as many bits of every tensor, but for the exact one.

    Vectors, such as biases, are read whole: they are few bytes, and a leading one tells little.
    """
    cut = layers(network)
    steps = {name: prefixes.steps(name)[0 if name in cut else -1 :] for name in prefixes.names}
    levels = sorted({step.bits for found in steps.values() for step in found[:-1]})
    return [
        {
            name: next((s for s in found if s.bits >= bits), found[-1]).segments
            for name, found in steps.items()
        }
        for bits in levels
    ]


def climb(
    network: Network,
    prefixes: Prefixes,
    rungs: Sequence[Schedule],
    images: npt.NDArray[np.float32],
    exact: npt.NDArray[np.int64],
    prove: bool = True,
) -> Climbed:
    """Read rung after rung and prove what can be proved of the inputs still undecided.

    Args:
        rungs: Schedules by tensor name, each at least the one before.
        images: Inputs (N, ...).
        exact: The labels (N,) of the exact weights.
        prove: Otherwise only the labels of the middle are looked at.
    """
    count = len(images)
    found = Climbed(
        prefixes.bytes_full,
        np.full(count, prefixes.bytes_full, np.int64),
        np.full(count, -1, np.int64),
        np.zeros(count),
    )
    for rung in rungs:
        prefixes.read(rung)
        if prove:
            ready = prepare(network, boxes_of(prefixes))
            left = np.flatnonzero(found.label < 0)
            for rows in np.array_split(left, -(-len(left) // _BATCH) or 1):
                _decide(ready, images, rows, prefixes.bytes_read, found)
        middle = {name: prefixes.values(name) for name in prefixes.names}
        agreed = float((float64_values(network, middle, images).argmax(1) == exact).mean())
        found.curve.append((prefixes.bytes_read, float((found.label >= 0).mean()), agreed))
    return found


def float64_values(
    network: Network, weights: Mapping[str, Any], images: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Return the values (N, C) that labels are taken of, evaluated in float64."""
    (name,), ref = network.inputs, head(network).values
    parts = []
    for batch in _batches(images):
        (values,) = evaluate(network, weights, {name: batch}, [ref])
        parts.append(values.numpy())
    return np.concatenate(parts)


def _batches(images: npt.NDArray[np.float32]) -> Iterator[Any]:
    for start in range(0, len(images), _BATCH):
        yield torch.from_numpy(images[start : start + _BATCH])


def _decide(
    ready: Prepared,
    images: npt.NDArray[np.float32],
    rows: npt.NDArray[np.intp],
    read: int,
    found: Climbed,
) -> None:
    """Prove what can be proved of some rows and note it."""
    if not len(rows):
        return
    (name,) = ready.network.inputs
    told = labels(ready.logits({name: torch.from_numpy(images[rows])}))
    margin = told.margin.numpy()
    proved = margin > 0.0
    found.label[rows[proved]] = told.label.numpy()[proved]
    found.margin[rows[proved]] = margin[proved]
    found.nbytes[rows[proved]] = read


def boxes_of(prefixes: Prefixes) -> dict[str, Any]:
    """Return the box of each tensor, as far as it was read, as `propagate` takes them."""
    return {name: _box(prefixes, name) for name in prefixes.names}


def _box(prefixes: Prefixes, name: str) -> Any:
    """Return the interval of a tensor; one that is no float as it is."""
    least, greatest = prefixes.box(name)
    if least.dtype.kind != "f":
        return torch.from_numpy(np.array(least))
    low = torch.from_numpy(np.array(least))
    return point(low) if greatest is least else Interval(low, torch.from_numpy(greatest))
