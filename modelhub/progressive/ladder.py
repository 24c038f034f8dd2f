"""Schedules of segments for networks of which nothing was measured, and for estimates.

A *schedule* says how many leading segments of each tensor are read. `modelhub.progressive.search`
finds better ones where a network can be tried.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from modelhub.net.graph import Network
from modelhub.progressive.schedule import layers
from modelhub.progressive.search import Rung, Step

__all__ = [
    "Steps",
    "cut_steps",
    "default",
    "estimate_schedule",
    "estimate_schedules",
    "nbytes_of",
    "sloped_segments",
]

Steps = Mapping[str, Sequence[Step]]

# Bits of the last layer, and how many each layer before it gets more.
_DEFAULT = ((10.0, 1.0), (14.0, 1.5), (18.0, 2.0))
# Bits for estimates: fewer are seldom enough, and at the end it is all.
_ESTIMATE_BITS = (6, 7, 8, 10, 12, 16, 24, 64)
# What suffices for nearly all labels of most networks.
_ESTIMATE_DEFAULT_BITS = 8
# Of a prefix of whole bytes one is too few: the values that it leaves open differ by a factor of 4.
_BYTE_BITS, _BYTES_MIN_BITS = 8, 16


def nbytes_of(steps: Steps, schedule: Mapping[str, int]) -> int:
    """Return the compressed bytes that a schedule reads."""
    return sum(
        next(s.nbytes for s in steps[name] if s.segments >= segments)
        for name, segments in schedule.items()
    )


def cut_steps(network: Network, steps: Steps) -> dict[str, Sequence[Step]]:
    """Return the prefixes that schedules choose from: but one of tensors that none cuts.

    Biases and statistics are small, and nothing is gained by leaving them open
    (`modelhub.progressive.schedule.layers`).
    """
    cut = _layers(network, steps)
    return {name: found if name in cut else found[-1:] for name, found in steps.items()}


def sloped_segments(network: Network, steps: Steps, bits: float, slope: float) -> dict[str, int]:
    """Return leading segments of each tensor: `bits` for the last layer, `slope` more before it.

    The fewest segments that have so many bits are taken; tensors that no schedule cuts are read
    whole.
    """
    numbers = _layers(network, steps)
    last = max(numbers.values(), default=0)
    found = {}
    for name, prefixes in steps.items():
        wanted = bits + slope * (last - numbers[name]) if name in numbers else math.inf
        whole = prefixes[-1].segments
        found[name] = next((s.segments for s in prefixes if s.bits >= wanted), whole)
    return found


def default(network: Network, steps: Steps) -> tuple[Rung, ...]:
    """Return a ladder for a network of which nothing was measured: shares are not known (NaN)."""
    found: list[Rung] = []
    whole = {name: prefixes[-1].segments for name, prefixes in steps.items()}
    for bits, slope in _DEFAULT:
        schedule = sloped_segments(network, steps, bits, slope)
        rung = Rung(schedule, nbytes_of(steps, schedule), math.nan)
        if schedule != whole and (not found or rung.nbytes > found[-1].nbytes):
            found.append(rung)
    return tuple(found)


def estimate_schedules(network: Network, steps: Steps) -> list[dict[str, int]]:
    """Return schedules for estimates, the fewest bits first and all weights last."""
    found: list[dict[str, int]] = []
    for bits in _ESTIMATE_BITS:
        schedule = estimate_schedule(network, steps, bits)
        if schedule not in found:
            found.append(schedule)
    return found


def estimate_schedule(
    network: Network, steps: Steps, bits: int = _ESTIMATE_DEFAULT_BITS
) -> dict[str, int]:
    """Return the schedule for estimates of a network of which nothing was measured."""
    schedule = sloped_segments(network, steps, bits, 0.0)
    for name, prefixes in steps.items():
        if prefixes[0].bits == _BYTE_BITS:
            two = sum(step.bits <= _BYTES_MIN_BITS for step in prefixes)
            schedule[name] = max(schedule[name], prefixes[two - 1].segments)
    return schedule


def _layers(network: Network, steps: Steps) -> dict[str, int]:
    """Return the layer of each tensor that a schedule may cut, under all its names."""
    tied = {tensor.name: tensor.tied or tensor.name for tensor in network.tensors}
    numbers = layers(network)
    found = {name: numbers.get(tied.get(name, name)) for name in steps}
    return {name: layer for name, layer in found.items() if layer is not None}
