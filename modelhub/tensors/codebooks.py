"""Choose a few values, a *codebook*, and put each value of a tensor on the nearest of them.

Quantisation after Miao, Li, Davis and Deshpande, ICDE 2017, section IV-B: uniform or random.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["CODEBOOK_BITS_MAX", "Nearest", "sampled", "uniform"]

Wide = npt.NDArray[np.float64]

# The paper stops at 8; 16 is where a codebook would be as large as many a tensor.
CODEBOOK_BITS_MAX = 16

# Rounds of drawing before a codebook stays smaller: most values may be equal, as in pruned tensors.
_ROUNDS_MAX = 16
_BLOCK_VALUES = 1 << 16


class Nearest:
    """Puts values on the nearest of some levels; one in the middle goes to the lower level."""

    def __init__(self, levels: Wide) -> None:
        self._levels = levels
        # Halves first: the sum of two large levels might not be a number.
        self._middles = levels[:-1] / 2 + levels[1:] / 2

    def __call__(self, values: Wide) -> Wide:
        """Return the nearest levels; costs a binary search for each value."""
        return self._levels[np.searchsorted(self._middles, values)]

    @property
    def bound(self) -> float:
        """Half the widest gap between neighbours, which no value between the outermost exceeds."""
        if self._levels.size < 2:
            return 0.0
        halves = self._levels / 2
        gap = float((halves[1:] - halves[:-1]).max())
        # The middles and the gap are themselves rounded, by far less than the dtype rounds.
        return gap + float(np.spacing(np.abs(self._levels).max()))


def uniform(low: float, high: float, bits: int, dtype: np.dtype[np.generic]) -> Wide:
    """Return at most 2^bits levels at equal steps from `low` to `high`, as the dtype rounds them.

    Both ends are levels. Where the dtype is too coarse for the steps, levels coincide.
    """
    share = np.linspace(0.0, 1.0, 2**bits)
    # Not low + share * (high - low): the difference may be too large for a number.
    levels = low * (1.0 - share) + high * share
    # Adding 0 takes the sign off a zero.
    return np.unique(np.clip(levels, low, high).astype(dtype).astype(np.float64)) + 0.0


def sampled(values: npt.NDArray[Any], bits: int, seed: bytes) -> tuple[Wide, bool]:
    """Return at most 2^bits of the finite values, and whether these are all there are.

    Of more, some are drawn: a frequent value more often, so that levels lie close where values do.
    The same seed draws the same, with any version of numpy.

    Args:
        values: One-dimensional, in the tensor's own dtype, at least one of them finite.
    """
    limit = 2**bits
    found = _few(values, limit)
    if found is not None:
        return found, True
    raw = np.random.PCG64(int.from_bytes(seed, "little"))
    levels = np.empty(0, np.float64)
    for _ in range(_ROUNDS_MAX):
        drawn = _finite(values[raw.random_raw(limit) % np.uint64(values.size)])
        _, first = np.unique(drawn, return_index=True)
        # In the order in which they were drawn: what is too many must not be the largest.
        fresh = drawn[np.sort(first)]
        fresh = fresh[~np.isin(fresh, levels)]
        levels = np.concatenate([levels, fresh[: limit - levels.size]])
        if levels.size == limit:
            break
    return np.unique(levels) + 0.0, False


def _few(values: npt.NDArray[Any], limit: int) -> Wide | None:
    """Return the distinct finite values, or None as soon as there are more than `limit`."""
    found = np.empty(0, np.float64)
    size = max(4 * limit, _BLOCK_VALUES)
    for start in range(0, values.size, size):
        found = np.union1d(found, _finite(values[start : start + size]))
        if found.size > limit:
            return None
    return found + 0.0


def _finite(values: npt.NDArray[Any]) -> Wide:
    with np.errstate(invalid="ignore"):
        wide = values.astype(np.float64)
    kept: Wide = wide[np.isfinite(wide)]
    return kept
