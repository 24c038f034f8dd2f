"""Tell why a plan stores each tensor as it does.

Tensors with the same base snapshot and the same *reason* are told together. The *alternative* of a
tensor is the edge of least storage cost besides its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from modelhub.archival import Graph, allowed, evaluate
from modelhub.dlv.archive_groups import SnapshotGroups
from modelhub.pas.measure import Measured
from modelhub.pas.repack import top_down

__all__ = ["Explanation", "Flow", "Reason", "explain"]

# Nobody asks why what is a fiftieth smaller was not taken.
_AS_SMALL = 0.98


@dataclass(frozen=True, slots=True)
class Reason:
    """Tensors of one snapshot that are stored in one way for one reason; sizes in bytes.

    Args:
        rev: The snapshot that they came with first.
        base: The snapshot whose tensors they stand on; empty where they stand alone.
        why: The reason, in words.
        tensors: Their names.
        alone_bytes: What they would take alone.
        chosen_bytes: What they take.
        other_bytes: What their alternatives would take; None where there is none.
    """

    rev: str
    base: str
    why: str
    tensors: tuple[str, ...]
    alone_bytes: int
    chosen_bytes: int
    other_bytes: int | None


@dataclass(frozen=True, slots=True)
class Flow:
    """Deltas of one snapshot's tensors (`target`) on those of another: how many, their bytes."""

    source: int
    target: int
    tensors: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a plan is as it is, and the plan as flows between groups.

    Args:
        groups: The first revision of each group; flows and parents count from 0.
        parents: The groups that each was made from.
        alone_bytes: Bytes of each group's own tensors that stand alone.
        delta_bytes: Bytes of those that are deltas.
    """

    reasons: tuple[Reason, ...]
    groups: tuple[str, ...]
    parents: tuple[tuple[int, ...], ...]
    flows: tuple[Flow, ...]
    alone_bytes: tuple[int, ...]
    delta_bytes: tuple[int, ...]


@dataclass(slots=True)
class _Sum:
    names: list[str] = field(default_factory=list)
    alone: float = 0.0
    chosen: float = 0.0
    other: float = 0.0
    others: int = 0


class _Explainer:
    def __init__(
        self,
        found: SnapshotGroups,
        measured: Measured,
        plan: np.ndarray,
        budgets: np.ndarray,
        scheme: str,
    ) -> None:
        self._found = found
        self._graph: Graph = measured.graph
        self._fixed = measured.fixed
        self._plan = plan
        self._allowed = allowed(budgets)
        self._scheme = scheme
        self._costs = evaluate(measured.graph, plan, scheme)
        self._into: dict[int, list[int]] = defaultdict(list)
        for edge, target in enumerate(self._graph.target.tolist()):
            self._into[target].append(edge)
        self._order = top_down(self._graph.source, plan)
        self._position = {vertex: place for place, vertex in enumerate(self._order)}
        self._below = self._subtree_sizes()
        self._groups_of: dict[int, Counter[int]] = defaultdict(Counter)
        for group in range(len(found.groups)):
            begin, end = (int(n) for n in self._graph.group_begin[group : group + 2])
            for vertex in self._graph.members[begin:end].tolist():
                self._groups_of[vertex][group] += 1

    def _subtree_sizes(self) -> np.ndarray:
        """Return how many vertices each subtree has; its run in the order is that long."""
        sizes = np.ones(self._graph.vertices, np.int64)
        for vertex in reversed(self._order):
            parent = int(self._graph.source[self._plan[vertex]])
            if parent:
                sizes[parent] += sizes[vertex]
        return sizes

    def reason(self, vertex: int) -> tuple[str, int | None]:
        """Return why a vertex is stored as it is, and its alternative."""
        graph, chosen = self._graph, int(self._plan[vertex])
        others = [edge for edge in self._into[vertex] if edge != chosen]
        if self._fixed[vertex]:
            return "in the progressive layout", None
        if not others:
            return "no base makes it shorter", None
        other = min(others, key=lambda edge: float(graph.storage[edge]))
        if graph.storage[other] >= graph.storage[chosen] * _AS_SMALL:
            return "about the smallest that it could be", other
        return self._rejected(vertex, other), other

    def _rejected(self, vertex: int, other: int) -> str:
        graph = self._graph
        source = int(graph.source[other])
        begin = self._position[vertex]
        run = self._order[begin : begin + int(self._below[vertex])]
        if source in run:
            return "its next best base stands on it"
        more = self._costs.recreation[source] + graph.recreation[other]
        more = float(more - self._costs.recreation[vertex])
        broken = self._broken(run, more)
        if broken is not None:
            return f"the budget of {self._found.revs[broken][0]}"
        return "so that others are smaller"

    def _broken(self, run: Iterable[int], more: float) -> int | None:
        """Return a group whose budget breaks if each vertex of a subtree costs so much more."""
        if more <= 0:
            return None
        costs: dict[int, float] = {}
        for vertex in run:
            for group, times in self._groups_of[vertex].items():
                before = costs.get(group, float(self._costs.groups[group]))
                if self._scheme == "parallel":
                    costs[group] = max(before, float(self._costs.recreation[vertex]) + more)
                else:
                    costs[group] = before + times * more
        for group, cost in costs.items():
            if cost > self._allowed[group]:
                return group
        return None

    def alone(self, vertex: int) -> float:
        """Return what a vertex takes alone."""
        edges = (e for e in self._into[vertex] if self._graph.source[e] == 0)
        return min(float(self._graph.storage[edge]) for edge in edges)


def explain(
    found: SnapshotGroups, measured: Measured, plan: np.ndarray, budgets: np.ndarray, scheme: str
) -> Explanation:
    """Return why each tensor is stored as it is.

    Args:
        plan: Edge of each vertex, uint32 [V].
        budgets: Of each group, float64 [G].
    """
    explainer = _Explainer(found, measured, plan, budgets, scheme)
    graph = measured.graph
    sums: dict[tuple[int, int, str], _Sum] = defaultdict(_Sum)
    flows: Counter[tuple[int, int]] = Counter()
    flow_bytes: Counter[tuple[int, int]] = Counter()
    alone_bytes, delta_bytes = [0] * len(found.groups), [0] * len(found.groups)
    for vertex in range(1, graph.vertices):
        stored = float(graph.storage[plan[vertex]])
        group, name = found.owners[measured.objects[vertex]]
        source = int(graph.source[plan[vertex]])
        base = -1 if source == 0 else found.owners[measured.objects[source]][0]
        if base >= 0:
            flows[base, group] += 1
            flow_bytes[base, group] += round(stored)
            delta_bytes[group] += round(stored)
        else:
            alone_bytes[group] += round(stored)
        if measured.specs[vertex] is None:
            continue
        why, other = explainer.reason(vertex)
        total = sums[group, base, why]
        total.names.append(name)
        total.alone += explainer.alone(vertex)
        total.chosen += stored
        if other is not None:
            total.other += float(graph.storage[other])
            total.others += 1
    return Explanation(
        reasons=tuple(_reason(found, key, total) for key, total in sorted(sums.items())),
        groups=tuple(revs[0] for revs in found.revs),
        parents=tuple(found.parents),
        flows=tuple(Flow(*key, n, flow_bytes[key]) for key, n in sorted(flows.items())),
        alone_bytes=tuple(alone_bytes),
        delta_bytes=tuple(delta_bytes),
    )


def _reason(found: SnapshotGroups, key: tuple[int, int, str], total: _Sum) -> Reason:
    group, base, why = key
    return Reason(
        rev=found.revs[group][0],
        base="" if base < 0 else found.revs[base][0],
        why=why,
        tensors=tuple(sorted(total.names)),
        alone_bytes=round(total.alone),
        chosen_bytes=round(total.chosen),
        other_bytes=round(total.other) if total.others else None,
    )
