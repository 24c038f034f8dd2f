"""Values for golden files that any machine computes alike: integers, and exact steps from there."""

from __future__ import annotations

import hashlib

import numpy as np


def object_id(text: str) -> bytes:
    """Return an id for a golden object."""
    return hashlib.sha256(text.encode()).digest()


def words(count: int, seed: int) -> np.ndarray:
    """Return noise: 64-bit words by the mixing function of splitmix64."""
    z = (np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed << 32)) * np.uint64(
        0x9E3779B97F4A7C15
    )
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def noise(count: int, seed: int) -> np.ndarray:
    """Return bytes that nothing compresses."""
    return words(-(-count // 8), seed).view(np.uint8)[:count]


def bell(count: int, seed: int) -> np.ndarray:
    """Return integers like weights: the sum of four uniform ones, about 0, up to 131070."""
    parts = words(count, seed).view(np.uint16).reshape(-1, 4)
    return parts.sum(axis=1, dtype=np.int64) - 131070


def weights(count: int, seed: int) -> np.ndarray:
    """Return float32 values like weights, with noise in their last bits."""
    return (bell(count, seed).astype(np.float32) / np.float32(1 << 22)) * np.float32(0.7310586)


def nudged(values: np.ndarray, seed: int, most: int = 40) -> np.ndarray:
    """Return the 32-bit words of values, most of which have moved by a few steps."""
    steps = bell(values.size, seed) * most // 131070
    return (values.view(np.uint32).astype(np.int64) + steps).astype(np.uint32)


def bfloat16(values: np.ndarray) -> np.ndarray:
    """Return the leading 16 bits of float32 values."""
    return np.ascontiguousarray(values.view(np.uint16)[1::2])
