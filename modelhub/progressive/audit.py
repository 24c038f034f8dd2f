"""Bound how often a method is wrong by a random sample of which the truth is known."""

from __future__ import annotations

import math

__all__ = ["CONFIDENCE", "upper_bound"]

CONFIDENCE = 0.95

# Halvings of an interval of length 1: below the spacing of floats near it.
_HALVINGS = 60


def upper_bound(misses: int, count: int, confidence: float = CONFIDENCE) -> float:
    """Return the share of misses that the true one is not above, with this confidence.

    One-sided bound of Clopper and Pearson (Biometrika 26, 1934): the largest share p at which so
    few misses among `count` have a probability of 1 - confidence or more. It holds for a sample
    drawn without replacement too, whose counts vary less. Without a sample it is 1.

    Raises:
        ValueError: the numbers make no sense.
    """
    if not 0 <= misses <= count or not 0.0 < confidence < 1.0:
        raise ValueError(f"{misses} misses of {count}, confidence {confidence}")
    if misses == count:
        return 1.0
    low, high = misses / count, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _at_most(misses, count, middle) >= 1.0 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(most: int, count: int, share: float) -> float:
    """Return the probability of at most so many of `count`, each with a probability `share`."""
    if share <= 0.0 or share >= 1.0:
        return 1.0 if share <= 0.0 or most >= count else 0.0
    yes, no = math.log(share), math.log1p(-share)
    whole = math.lgamma(count + 1)
    return math.fsum(
        math.exp(
            whole - math.lgamma(k + 1) - math.lgamma(count - k + 1) + k * yes + (count - k) * no
        )
        for k in range(most + 1)
    )
