"""What a plan costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modelhub import _core
from modelhub.archival.graph import Graph, as_array
from modelhub.errors import UsageError

__all__ = [
    "SCHEMES",
    "Costs",
    "allowed",
    "check_scheme",
    "evaluate",
    "keeps",
    "least_costs",
    "plan_by",
    "spt_costs",
]

Floats = npt.NDArray[np.float64]
Plan = npt.NDArray[np.uint32]

SCHEMES = ("independent", "parallel", "reusable")

# Relative; the core's Allowed() has the same.
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """What a plan stores, and what each vertex [V] and each group [G] costs to recreate by it."""

    storage: float
    recreation: Floats
    groups: Floats


def allowed(budget: Floats) -> Floats:
    """Return the most that counts as keeping each budget: costs are sums of rounded numbers."""
    return budget + _TOLERANCE * budget


def keeps(groups: Floats, budget: Floats) -> bool:
    """Return whether costs of groups are within their budgets, rounding aside."""
    return bool(np.all(groups <= allowed(budget)))


def check_scheme(scheme: str, *, optimised: bool) -> None:
    """Raise UsageError unless `scheme` is one, and one that plans are made for if `optimised`."""
    if scheme not in SCHEMES:
        raise UsageError(f"retrieval scheme {scheme!r}", expected=", ".join(SCHEMES))
    if optimised and scheme == "reusable":
        raise UsageError(
            "retrieval scheme reusable",
            expected="independent or parallel",
            hint="make a plan for one of these and evaluate it for reusable",
        )


def evaluate(graph: Graph, plan: Plan, scheme: str = "independent") -> Costs:
    """Return what a plan costs: the number of the edge of each vertex [V], NO_EDGE for vertex 0.

    Args:
        graph: The storage graph.
        plan: uint32 [V].
        scheme: The retrieval scheme: a group costs the sum over its members of what each costs
            (`independent`), the largest of them (`parallel`), or the sum over the edges of all
            their paths, each edge once (`reusable`).

    Raises:
        UsageError: it is no spanning tree from vertex 0, or no such scheme.
    """
    check_scheme(scheme, optimised=False)
    recreation, groups = np.zeros(graph.vertices), np.zeros(graph.groups)
    edges = as_array(plan, np.uint32, "a plan")
    storage = _core.archival_evaluate(graph.parts(), scheme, edges, recreation, groups)
    return Costs(storage, recreation, groups)


def plan_by(
    graph: Graph,
    solver: str,
    *,
    budget: Floats | None = None,
    scheme: str = "independent",
    alpha: float = 1.0,
) -> Plan:
    """Return the plan of a solver of the core: mst, spt, last, pas-mt or pas-pt."""
    plan = np.empty(graph.vertices, np.uint32)
    _core.archival_solve(graph.parts(), budget, scheme, solver, alpha, plan)
    return plan


def spt_costs(graph: Graph, scheme: str = "independent") -> Floats:
    """Return what each group [G] costs to recreate by the plan of shortest paths.

    That is the least there is, so what `alpha` multiplies; with segments, where one edge serves
    both a vertex's whole and its high segments, the least that could be attained for all.
    """
    return evaluate(graph, plan_by(graph, "spt"), scheme).groups


def least_costs(graph: Graph, scheme: str = "independent") -> Floats:
    """Return what each group [G] costs at least, in any plan (independent or parallel)."""
    recreation = np.empty(graph.vertices)
    _core.archival_least_costs(graph.parts(), recreation)
    sizes = np.diff(graph.group_begin).astype(np.int64)
    group_of = np.repeat(np.arange(graph.groups), sizes)
    costs = recreation[graph.members]
    if scheme != "parallel":
        return np.bincount(group_of, costs, graph.groups).astype(np.float64)
    largest = np.zeros(graph.groups)
    np.maximum.at(largest, group_of, costs)
    return largest
