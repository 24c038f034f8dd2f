"""Say what the paper reports, to be shown beside what is measured here.

Miao, Li, Davis and Deshpande, "Towards Unified Data and Lifecycle Management for Deep Learning",
ICDE 2017. Sizes are read off its figures and so are good to about 0.5 %.
"""

from __future__ import annotations

from modelhub.archival import Builder, Graph

__all__ = ["ALPHAS", "FIGURE_6C", "MST", "RETRIEVAL", "SPT", "TOY_BUDGETS", "Point", "toy"]

# (what all snapshots store, what reading each of them once reads), in the paper's Gb.
Point = tuple[float, float]

# Figure 6(c), SD: what the two extreme plans store and read.
SPT: Point = (22.77, 22.8)
MST: Point = (15.44, 64.8)

# Figure 6(c), by alpha and solver; values between its markers are on straight segments.
FIGURE_6C: dict[float, dict[str, Point]] = {
    1.0: {"last": (22.77, 22.8), "pas-mt": (22.77, 22.8), "pas-pt": (22.77, 22.8)},
    1.1: {"last": (20.06, 22.8), "pas-mt": (20.05, 22.8), "pas-pt": (20.21, 25.0)},
    1.5: {"last": (20.06, 22.8), "pas-mt": (20.04, 22.8), "pas-pt": (19.66, 31.8)},
    1.6: {"last": (20.06, 22.8), "pas-mt": (16.72, 34.5), "pas-pt": (19.67, 32.9)},
    1.8: {"last": (17.49, 32.6), "pas-mt": (15.63, 39.8), "pas-pt": (19.60, 33.3)},
    2.0: {"last": (17.10, 33.8), "pas-mt": (15.61, 42.1), "pas-pt": (17.73, 39.2)},
    2.5: {"last": (17.93, 32.0), "pas-mt": (15.49, 47.8), "pas-pt": (16.03, 46.7)},
    3.0: {"last": (17.59, 35.6), "pas-mt": (15.46, 53.3), "pas-pt": (15.92, 54.3)},
    3.5: {"last": (16.13, 53.5), "pas-mt": (15.45, 57.9), "pas-pt": (16.00, 61.8)},
    4.0: {"last": (15.90, 56.5), "pas-mt": (15.44, 64.8), "pas-pt": (15.99, 62.3)},
}
# 1.3 lies between markers of the figure; ours is measured there too.
ALPHAS = (1.0, 1.1, 1.3, 1.5, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0)

# Table V, SD: average seconds to recreate a snapshot, by plan and leading bytes (0: all of them),
# for the schemes independent and parallel.
RETRIEVAL: dict[tuple[str, int], Point] = {
    ("spt", 0): (3.49, 2.16),
    ("mst", 0): (8.47, 4.85),
    ("auto", 0): (8.10, 4.59),
    ("auto", 2): (3.19, 0.38),
    ("auto", 1): (1.60, 0.18),
}

# Figure 5(a): budgets of the snapshots {1, 2} and {3, 4, 5}.
TOY_BUDGETS = (3.0, 6.0)
_TOY_EDGES = (
    (0, 1, 2, 1),
    (0, 2, 8, 2),
    (0, 3, 2, 1),
    (0, 4, 8, 2),
    (0, 5, 8, 2),
    (1, 3, 1, 0.5),
    (2, 4, 4, 1),
    (2, 5, 4, 1),
    (4, 5, 4, 1),
)


def toy() -> Graph:
    """Return the paper's example (figure 5), each edge in both directions."""
    builder = Builder()
    for _ in range(5):
        builder.add_vertex()
    for a, b, storage, recreation in _TOY_EDGES:
        builder.add_edge(a, b, storage, recreation)
        if a:
            builder.add_edge(b, a, storage, recreation)
    builder.add_group([1, 2])
    builder.add_group([3, 4, 5])
    return builder.build()
