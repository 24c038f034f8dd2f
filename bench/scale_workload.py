"""Make large storage graphs: snapshots one after the other, with deltas between near ones.

A group is a consecutive run of tensors, as a snapshot's are; a tensor may be stored against the one
at the same position of a group nearby. Costs are numbers alone: nothing is trained or compressed.
"""

from __future__ import annotations

import numpy as np

from modelhub.archival import Graph

__all__ = ["GROUPS_PER_VERTEX", "make"]

GROUPS_PER_VERTEX = 0.06
_CANDIDATES = 5
# Groups at most so far apart have a delta.
_NEARBY = 8
# Bytes: the median of a tensor's size by its position, and the deviation of its logarithm.
_MEDIAN_BYTES, _SPREAD = 1e6, 1.0
# What a delta takes of what its target takes alone: between neighbours, and for each further step.
_NEAR, _GROWTH, _NOISE = 0.5, 0.03, 0.05
# So many vertices are drawn at a time, so that making a graph takes no more room than having it.
_BATCH = 1 << 16


def make(vertices: int, seed: int = 1) -> Graph:
    """Return a graph of `vertices` tensors, 5 candidates and 0.06 groups for each; costs in bytes.

    The same for the same arguments. Each tensor can stand alone or on any of its candidates, which
    are different ones; there are fewer than 5 only if there are fewer other groups.
    """
    random = np.random.default_rng(seed)
    groups = max(1, round(vertices * GROUPS_PER_VERTEX))
    begin = np.linspace(0, vertices, groups + 1).round().astype(np.int64)
    widest = int(np.diff(begin).max())
    size = random.lognormal(np.log(_MEDIAN_BYTES), _SPREAD, widest)
    group = np.repeat(np.arange(groups), np.diff(begin))
    position = np.arange(vertices) - begin[group]
    alone = size[position] * np.exp(random.normal(0, _NOISE, vertices))
    count = min(_CANDIDATES, groups - 1)
    source = np.empty((vertices, 1 + count), np.uint32)
    cost = np.empty((vertices, 1 + count))
    source[:, 0], cost[:, 0] = 0, alone
    for first in range(0, vertices, _BATCH):
        some = slice(first, min(first + _BATCH, vertices))
        others = _groups_nearby(random, group[some], groups, count)
        # Runs differ in length by one at most; the last of a longer one takes its neighbour's last.
        widths = (begin[1:] - begin[:-1])[others]
        source[some, 1:] = 1 + begin[others] + np.minimum(position[some, None], widths - 1)
        distance = np.abs(others - group[some, None])
        noise = np.exp(random.normal(0, _NOISE, others.shape))
        cost[some, 1:] = alone[some, None] * (_NEAR + _GROWTH * distance) * noise
    target = np.repeat(np.arange(1, vertices + 1, dtype=np.uint32), 1 + count)
    storage = cost.ravel()
    return Graph(
        vertices=1 + vertices,
        source=source.ravel(),
        target=target,
        storage=storage,
        recreation=storage,
        group_begin=begin.astype(np.uint64),
        members=np.arange(1, vertices + 1, dtype=np.uint32),
    )


def _groups_nearby(
    random: np.random.Generator, group: np.ndarray, groups: int, count: int
) -> np.ndarray:
    """Return `count` different groups for each vertex, near its own and not its own."""
    window = min(2 * _NEARBY, groups - 1)
    # At both ends the window is moved inward.
    low = np.clip(group - _NEARBY, 0, groups - 1 - window)
    drawn = np.argsort(random.random((len(group), window)), axis=1)[:, :count]
    found = low[:, None] + drawn
    nearby: np.ndarray = found + (found >= group[:, None])
    return nearby
