"""Say how long climbing a ladder is expected to take, and reading all weights at once.

For N inputs of which the share s is decided by the rungs, climbing pays if

    N (c - s) t_forward < P(no full fetch) t_fetch(rest),    P(no full fetch) = s^N

where c is what bounds cost over a forward pass, which what is decided does not take any more. Here
it is added up rung by rung.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelhub.progressive.search import Rung

__all__ = ["Speeds", "climbing_seconds", "exact_seconds"]


@dataclass(frozen=True, slots=True)
class Speeds:
    """Seconds of the parts.

    Attributes:
        fetch: To fetch a byte.
        forward, bound: To evaluate and to bound one input in float64.
        rung: What a rung takes by itself: to make boxes of weights, and bounds ready.
    """

    fetch: float
    forward: float
    bound: float
    rung: float = 0.0


def exact_seconds(read: int, full: int, count: int, speeds: Speeds) -> float:
    """Return the seconds to fetch all that is not read yet, and to evaluate so many inputs."""
    return max(full - read, 0) * speeds.fetch + count * speeds.forward


def climbing_seconds(
    rungs: Sequence[Rung], done: float, read: int, full: int, count: int, speeds: Speeds
) -> float:
    """Return the seconds that climbing is expected to take, from here on.

    Inputs are taken for independent, each decided by a rung with the share that its ladder states.

    Args:
        rungs: Those still to come.
        done: The share that the rungs so far decide, from 0 to 1.
        read, full: Compressed bytes read so far, and of an exact read.
        count: How many inputs are undecided.
    """
    total, left, reached = 0.0, float(count), 1.0
    for rung in rungs:
        fetched = max(rung.nbytes - read, 0) * speeds.fetch
        total += reached * (fetched + speeds.rung) + left * speeds.bound
        read = max(read, rung.nbytes)
        decided = (rung.share - done) / (1.0 - done) if done < 1.0 else 1.0
        decided = min(max(decided, 0.0), 1.0)
        left = count * (1.0 - decided)
        reached = 1.0 - decided**count
    return total + reached * exact_seconds(read, full, 0, speeds) + left * speeds.forward
