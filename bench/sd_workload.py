"""Make the matrix storage graph of an SD-like repository: fine-tunes of one network, in a tree.

After section V of Miao, Li, Davis and Deshpande (ICDE 2017): an automatic modeler, driven by a
state machine, fine-tunes VGG for another task; 54 versions of 10 snapshots, 16 matrices each. The
graph is made of sizes alone: no matrix is trained. Fitted to the paper's figures are the ratio of
the two extreme plans, what the least storage costs to read and what PAS-MT reaches; see `Shape`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["LAYERS", "Shape", "Workload", "make"]

# Parameters of VGG-16's layers, biases folded in; the last one with 100 labels.
LAYERS = {
    "conv1_1": 1_792,
    "conv1_2": 36_928,
    "conv2_1": 73_856,
    "conv2_2": 147_584,
    "conv3_1": 295_168,
    "conv3_2": 590_080,
    "conv3_3": 590_080,
    "conv4_1": 1_180_160,
    "conv4_2": 2_359_808,
    "conv4_3": 2_359_808,
    "conv5_1": 2_359_808,
    "conv5_2": 2_359_808,
    "conv5_3": 2_359_808,
    "fc6": 102_764_544,
    "fc7": 16_781_312,
    "fc8": 409_700,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What the workload looks like; `near` and what follows were fitted to the paper's figures.

    Args:
        alone: Stored share of a float32 matrix by itself (Table IV: 0.84).
        near: Share that a delta of a fully connected layer takes of what its target takes alone,
            one snapshot apart.
        convolution: The same share of a convolution, whose gradients reach every weight.
        growth: What each further snapshot between the two adds to that share.
        lineage: What a step between versions adds, where its weights stay near.
        restart: Share of the versions whose training moves too far for a delta to the parent.
        spread: Standard deviation of the logarithm of a delta's size.
        window: Snapshots at most so far apart have a delta.
    """

    versions: int = 54
    snapshots: int = 10
    alone: float = 0.84
    near: float = 0.625
    convolution: float = 0.92
    growth: float = 0.0065
    lineage: float = 0.05
    restart: float = 0.94
    spread: float = 0.03
    window: int = 9


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """Edges and groups of the graph, as `modelhub.archival.Graph` takes them; costs in bytes."""

    vertices: int
    source: np.ndarray
    target: np.ndarray
    storage: np.ndarray
    recreation: np.ndarray
    group_begin: np.ndarray
    members: np.ndarray


def make(shape: Shape = Shape(), seed: int = 1) -> Workload:
    """Return the workload; the same for the same arguments.

    Vertex 1 + (version * snapshots + snapshot) * layers + layer is that layer's matrix.
    """
    random = np.random.default_rng(seed)
    sizes = np.array(list(LAYERS.values()), float) * 4 * shape.alone
    layers, snapshots = len(sizes), shape.snapshots
    count = shape.versions * snapshots
    # A later version is made from a recent one more often than from an old one.
    parents = [max(0, v - 1 - int(random.geometric(0.35))) for v in range(shape.versions)]
    pairs = []
    for version in range(shape.versions):
        first = version * snapshots
        for i in range(snapshots):
            later = range(i + 1, min(i + shape.window + 1, snapshots))
            pairs += [(first + i, first + j, shape.growth * (j - i - 1)) for j in later]
        if version and random.random() >= shape.restart:
            latest = parents[version] * snapshots + snapshots - 1
            further = [shape.lineage + shape.growth * i for i in range(snapshots)]
            pairs += [(latest, first + i, further[i]) for i in range(snapshots)]
    rows = np.array(pairs)
    a, b, growth = rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), rows[:, 2:]
    noise = np.exp(random.normal(0, shape.spread, (len(rows), layers)))
    near = [shape.convolution if name.startswith("conv") else shape.near for name in LAYERS]
    ratio = np.clip((np.array(near) + growth) * noise, 0.02, 0.98)
    # The last layer of a fine-tune begins anew: no version resembles another there.
    crossing = a // snapshots != b // snapshots
    ratio[np.ix_(crossing, [layers - 1])] = 1.02
    cost = (ratio * sizes).ravel()
    layer = np.arange(layers)
    low = (1 + a[:, None] * layers + layer).ravel()
    high = (1 + b[:, None] * layers + layer).ravel()
    every = np.arange(1, 1 + count * layers)
    alone = np.tile(sizes, count)
    source = np.concatenate([np.zeros_like(every), low, high]).astype(np.uint32)
    target = np.concatenate([every, high, low]).astype(np.uint32)
    storage = np.concatenate([alone, cost, cost])
    begin = np.arange(0, count * layers + 1, layers).astype(np.uint64)
    return Workload(
        1 + count * layers, source, target, storage, storage.copy(), begin, every.astype(np.uint32)
    )
