"""Archival plans: what to store against what, so that little is stored and reading stays cheap.

Numbers only; `docs/reference/archival.md` tells the whole of it.

A *storage graph* has a *vertex* for each thing that is stored, beside the empty vertex 0, and an
*edge* for each way to store one: its target against its source, at a *storage cost* and a
*recreation cost*. A *plan* takes one edge for each vertex, so that it is a tree from vertex 0. A
*group* is a set of vertices recreated together; its *budget* is what that may cost. The *retrieval
scheme* says how the costs of its members add up.
"""

from __future__ import annotations

from modelhub.archival.evaluate import SCHEMES, Costs, allowed, evaluate, keeps, spt_costs
from modelhub.archival.graph import NO_EDGE, Builder, Graph
from modelhub.archival.solve import SOLVERS, Solution, solve

__all__ = [
    "NO_EDGE",
    "SCHEMES",
    "SOLVERS",
    "Builder",
    "Costs",
    "Graph",
    "Solution",
    "allowed",
    "evaluate",
    "keeps",
    "solve",
    "spt_costs",
]
