"""Ladders: which schedules are tried one after the other, each reading more than the one before.

A *schedule* says how many leading segments of each tensor are read; a *rung* is a schedule of a
ladder with what was found of it. The last rung is exact, and is not listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from modelhub.net.graph import Network
from modelhub.progressive.schedule import layers

__all__ = [
    "Rung",
    "Steps",
    "default",
    "estimate_schedules",
    "nbytes_of",
    "search",
    "sloped_segments",
]

# Bits of the last layer and what each layer before it gets more. Beyond three bits a layer, every
# network of a few layers is read whole.
_BITS = (8, 12, 16, 20, 24)
_SLOPES = (0.0, 1.0, 2.0, 3.0)
# About what suffices for most labels of most networks, and what comes next; at the end all.
_ESTIMATE_BITS = (8, 10, 12, 16, 24, 64)
# A rung must decide this share of all inputs more than the one before, or it is passed over: each
# costs a pass over what is undecided.
_GAIN_MIN = 0.02

Certify = Callable[[Mapping[str, int]], npt.NDArray[np.bool_]]


class StepLike(Protocol):
    """A prefix that can be read: leading segments, the bits they are, compressed bytes."""

    @property
    def segments(self) -> int: ...

    @property
    def bits(self) -> int: ...

    @property
    def nbytes(self) -> int: ...


Steps = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Rung:
    """A schedule of a ladder.

    Attributes:
        schedule: Leading segments by tensor.
        certified: The share of inputs that were decided with it, from 0 to 1.
        nbytes: Compressed bytes of all that it reads.
    """

    schedule: Mapping[str, int]
    certified: float
    nbytes: int


def nbytes_of(steps: Steps, schedule: Mapping[str, int]) -> int:
    """Return the compressed bytes that a schedule reads."""
    return sum(
        next(s.nbytes for s in steps[name] if s.segments >= segments)
        for name, segments in schedule.items()
    )


def sloped_segments(network: Network, steps: Steps, bits: float, slope: float) -> dict[str, int]:
    """Return leading segments of each tensor: `bits` for the last layer, `slope` more before it.

    The fewest segments that have so many bits are taken; tensors that no schedule cuts are read
    whole (`modelhub.progressive.schedule.layers`).
    """
    numbers = layers(network)
    last = max(numbers.values(), default=0)
    tied = {tensor.name: tensor.tied or tensor.name for tensor in network.tensors}
    found = {}
    for name, prefixes in steps.items():
        layer = numbers.get(tied.get(name, name))
        whole = prefixes[-1].segments
        wanted = None if layer is None else bits + slope * (last - layer)
        found[name] = next(
            (s.segments for s in prefixes if wanted is not None and s.bits >= wanted), whole
        )
    return found


def default(network: Network, steps: Steps) -> tuple[Rung, ...]:
    """Return a ladder for a network of which nothing was measured: shares are not known (NaN)."""
    found: list[Rung] = []
    for bits, slope in ((8.0, 1.0), (12.0, 1.5), (16.0, 2.0)):
        schedule = _above(found, sloped_segments(network, steps, bits, slope))
        rung = Rung(schedule, float("nan"), nbytes_of(steps, schedule))
        if not found or rung.nbytes > found[-1].nbytes:
            found.append(rung)
    return tuple(found)


def estimate_schedules(network: Network, steps: Steps) -> list[dict[str, int]]:
    """Return schedules for estimates, the fewest bits first and all weights last.

    Of a tensor whose prefixes are whole bytes of its values the first two are the least: one byte
    leaves a factor of 4 open.
    """
    found = []
    for bits in _ESTIMATE_BITS:
        schedule = sloped_segments(network, steps, bits, 0.0)
        for name, prefixes in steps.items():
            if prefixes[0].bits == 8:
                two = sum(step.bits <= 16 for step in prefixes)
                schedule[name] = max(schedule[name], prefixes[two - 1].segments)
        if schedule not in found:
            found.append(schedule)
    return found


def search(network: Network, steps: Steps, certify: Certify) -> tuple[Rung, ...]:
    """Return a ladder out of a grid of bits and slopes, the cheapest rung first.

    Args:
        network: An executable network.
        steps: The prefixes of each tensor that can be read, the last one whole.
        certify: Says of each input whether a schedule decides it; called once a candidate.
    """
    whole = {name: prefixes[-1].segments for name, prefixes in steps.items()}
    full = nbytes_of(steps, whole)
    candidates = {}
    for bits in _BITS:
        for slope in _SLOPES:
            schedule = sloped_segments(network, steps, bits, slope)
            candidates[nbytes_of(steps, schedule)] = schedule
    found: list[Rung] = []
    done: npt.NDArray[np.bool_] | None = None
    for nbytes in sorted(candidates):
        schedule = _above(found, candidates[nbytes])
        if nbytes_of(steps, schedule) >= full:
            break
        decided = certify(schedule)
        before = 0.0 if done is None else float(done.mean())
        union = decided if done is None else done | decided
        if float(union.mean()) >= before + _GAIN_MIN:
            done = union
            found.append(Rung(schedule, float(union.mean()), nbytes_of(steps, schedule)))
        if float(union.mean()) == 1.0:
            break
    return tuple(found)


def _above(found: Sequence[Rung], schedule: Mapping[str, int]) -> dict[str, int]:
    """Return a schedule that reads at least what the last rung does."""
    before = found[-1].schedule if found else {}
    return {name: max(count, before.get(name, 0)) for name, count in schedule.items()}
