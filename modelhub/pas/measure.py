"""Fill the matrix storage graph of a repository (Miao, Li, Davis and Deshpande, ICDE 2017, IV-C).

Vertices are the objects that checkouts read, and the empty one; a *group* is what a checkout of
one snapshot reads; an edge is a way to store an object: alone, or as a delta on another one. Its
storage cost is the bytes of the entry, its recreation cost the payload bytes that are read for it,
which is what a checkout counts as `bytes_read`, or milliseconds by `pas.rates`.

What is stored has its true cost; of everything else a sample is coded. Costs are modelled so that
no checkout reads more than its group costs: where a delta is read by its leading planes, which
takes its base whole (docs/formats/pack.md, *Fewer planes*), the last plane of the base is added, be
it read already or not.

A tensor in the progressive layout has one edge, that of its entry as it is: it stays alone until
somebody asks for the other layout, but others may stand on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from modelhub import ids
from modelhub.archival import NO_EDGE, Builder, Graph
from modelhub.codec.presets import LEADING_PLANES, can_be_base, needs_leading
from modelhub.pas.edge_costs import ALONE, EdgeCost, EdgeCosts
from modelhub.pas.estimate import estimate
from modelhub.pas.held import HELD_BYTES_MAX, Held
from modelhub.pas.rates import Rates
from modelhub.pas.store import Store
from modelhub.tensors.arrays import TensorSpec
from modelhub.tensors.dtypes import by_code, by_name

__all__ = [
    "CANDIDATES_MAX",
    "Group",
    "Measured",
    "Similar",
    "chain_costs",
    "measure",
]

# Bases tried for a tensor. In fine-tunes and epochs the nearest few are the best ones, and reading
# them is what measuring costs.
CANDIDATES_MAX = 6
# Below this a record is longer than what a delta could save.
_RAW_BYTES_MIN = 512

Progress = Callable[[int, int], None]
# (tensor, its dtype, bases by name) -> bases by name and by content, the most promising first.
Similar = Callable[[bytes, str, Sequence[bytes]], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Group:
    """A snapshot as a checkout reads it.

    Args:
        reads: Objects, each as often as it is read.
        names: The stored object of each tensor name.
        near: Numbers of the groups whose tensors of the same name are tried as bases, the most
            promising first.
    """

    reads: tuple[bytes, ...]
    names: Mapping[str, bytes]
    near: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A storage graph, and what its vertices and edges are.

    Args:
        objects: The object of each vertex; vertex 0 is the empty one.
        specs: Dtype and shape of each vertex; None for the empty one and for pieces of files.
        exact: Whether each edge's cost is that of an entry as written.
        current: The edge that each vertex is stored by now (`NO_EDGE`: by none of them,
            since no snapshot needs its base).
        stored_bytes: What each vertex takes now.
        fixed: Whether each vertex is in the progressive layout, and stays as it is.
        estimated: How many edges were measured in this run and not known before.
    """

    graph: Graph
    objects: list[bytes]
    specs: list[TensorSpec | None]
    exact: np.ndarray
    current: np.ndarray
    stored_bytes: np.ndarray
    fixed: np.ndarray
    estimated: int


class _Measurer:
    """Collects vertices in an order in which same-named tensors follow each other, then edges."""

    def __init__(
        self, store: Store, groups: Sequence[Group], costs: EdgeCosts, rates: Rates | None
    ) -> None:
        self._groups = groups
        self._costs = costs
        self._rates = rates
        self._held = Held(store)
        self._builder = Builder()
        self._exact: list[bool] = []
        # Of each vertex, the last plane of a float32 alone: what its high segments leave out.
        self._low: list[float] = [0.0]
        self._segmented = False
        self._threads = store.threads
        self.measured = 0
        self.number = self._vertices()
        self.objects = [b"", *self.number]
        self.entries = [store.entry(object_id) for object_id in self.number]
        self.specs: list[TensorSpec | None] = [None]
        for entry in self.entries:
            self._builder.add_vertex()
            tensor = entry.kind == ids.TENSOR
            dtype = by_code(entry.dtype_code).name
            self.specs.append(TensorSpec(dtype, tuple(entry.shape)) if tensor else None)

    def _vertices(self) -> dict[bytes, int]:
        names: dict[bytes, tuple[str, int]] = {}
        for place, group in enumerate(self._groups):
            for name, object_id in group.names.items():
                names.setdefault(object_id, (name, place))
        found = dict.fromkeys(o for group in self._groups for o in (*group.reads, *names))
        ordered = sorted(found, key=lambda object_id: names.get(object_id, ("", 0)))
        return {object_id: vertex for vertex, object_id in enumerate(ordered, 1)}

    def candidates(self, similar: Similar | None) -> dict[int, list[int]]:
        """Return the bases to try for each vertex, the most promising first."""
        found: dict[int, dict[int, None]] = {}
        for group in self._groups:
            for name, object_id in group.names.items():
                own = found.setdefault(self.number[object_id], {})
                for near in group.near:
                    base = self._groups[near].names.get(name)
                    if base is not None and base != object_id:
                        own.setdefault(self.number[base])
        if similar is not None:
            for vertex, own in found.items():
                spec = self.specs[vertex]
                if spec is None:
                    continue
                named = [self.objects[base] for base in own]
                ranked = similar(self.objects[vertex], spec.dtype, named)
                bases = (self.number.get(base) for base in ranked)
                found[vertex] = dict.fromkeys(b for b in bases if b is not None and b != vertex)
        return {vertex: self._fitting(vertex, list(own)) for vertex, own in found.items()}

    def _fitting(self, vertex: int, bases: list[int]) -> list[int]:
        own = self.specs[vertex]
        if own is None or own.nbytes < _RAW_BYTES_MIN or self._is_fixed(vertex):
            return []
        fitting = []
        for base in bases:
            spec = self.specs[base]
            if spec is not None and spec.count and can_be_base(spec, own):
                fitting.append(base)
        return fitting[:CANDIDATES_MAX]

    def add_edges(
        self, candidates: Mapping[int, Sequence[int]], progress: Progress | None
    ) -> tuple[list[int], list[int]]:
        """Add every edge; return the current edge and the stored bytes of each vertex."""
        alone: list[EdgeCost] = []
        deltas: list[tuple[int, int, EdgeCost]] = []
        total, done = sum(entry.raw_bytes for entry in self.entries if not entry.is_fixed), 0
        with ThreadPoolExecutor(self._threads, "modelhub-measure") as pool:
            for vertex, entry in enumerate(self.entries, 1):
                is_delta = entry.base is not None
                true = EdgeCost(entry.stored_bytes, entry.segment_bytes, is_delta, True)
                if entry.is_fixed:
                    # What it takes alone in the other layout is another cost, and not asked for.
                    alone.append(true)
                    continue
                base = ALONE if entry.base is None else entry.base
                self._costs.put(self.objects[vertex], base, true)
                bases = dict.fromkeys([0, *candidates.get(vertex, ())])
                if entry.base in self.number:
                    bases.setdefault(self.number[entry.base])
                whole, *others = self._measure(pool, vertex, list(bases))
                alone.append(whole)
                for other, cost in zip(list(bases)[1:], others, strict=True):
                    # A delta that is no shorter would only make reading longer.
                    pays = cost.stored_bytes < whole.stored_bytes
                    if cost.is_delta and (self.objects[other] == base or pays):
                        deltas.append((other, vertex, cost))
                done += entry.raw_bytes
                if progress is not None:
                    progress(done, total)
        return self._add_all(alone, deltas), [0, *(e.stored_bytes for e in self.entries)]

    def _measure(
        self, pool: ThreadPoolExecutor, vertex: int, bases: Sequence[int]
    ) -> list[EdgeCost]:
        """Return what a vertex takes against each base, 0 for alone."""
        own_id = self.objects[vertex]
        missing = [b for b in bases if self._costs.get(own_id, self.objects[b]) is None]
        if missing:
            own = self.specs[vertex]
            assert own is not None, "pieces of files stand alone"
            raw = self._held.read(own_id)
            # All at once only where they may be in memory together.
            step = len(missing) if own.nbytes * (len(missing) + 1) <= HELD_BYTES_MAX else 1
            for start in range(0, len(missing), step):
                some = missing[start : start + step]
                against = [
                    None if base == 0 else self._held.read(self.objects[base]) for base in some
                ]
                specs = [self.specs[base] for base in some]
                tried = partial(estimate, raw, own, preset=self._costs.preset)
                for base, found in zip(some, pool.map(tried, against, specs), strict=True):
                    cost = EdgeCost(found.stored_bytes, found.segment_bytes, found.is_delta, False)
                    self._costs.put(own_id, self.objects[base], cost)
            self.measured += len(missing)
        known = [self._costs.get(own_id, self.objects[base]) for base in bases]
        return [cost for cost in known if cost is not None]

    def _add_all(
        self, alone: Sequence[EdgeCost], deltas: Sequence[tuple[int, int, EdgeCost]]
    ) -> list[int]:
        """Put all edges into the graph; return the one that each vertex is stored by."""
        # Costs by segment make planning harder, and matter only where one is read without others.
        self._segmented = any(self._from_high(source, target) for source, target, _ in deltas)
        current = [NO_EDGE]
        for vertex, cost in enumerate(alone, 1):
            edge = self._add(0, vertex, cost)
            self._low.append(self._part(vertex, cost, whole=True) - self._part(vertex, cost))
            current.append(edge if self.entries[vertex - 1].base is None else NO_EDGE)
        for source, vertex, cost in deltas:
            edge = self._add(source, vertex, cost)
            if self.entries[vertex - 1].base == self.objects[source]:
                current[vertex] = edge
        return current

    def _is_fixed(self, vertex: int) -> bool:
        return vertex > 0 and self.entries[vertex - 1].is_fixed

    def _from_high(self, source: int, target: int) -> bool:
        """Say whether a delta needs the leading planes of its base alone."""
        base, own = self.specs[source], self.specs[target]
        return base is not None and own is not None and needs_leading(base, own)

    def _part(self, vertex: int, cost: EdgeCost, *, whole: bool = False) -> float:
        """Return what an entry costs to read, whole or by its high segments."""
        spec = self.specs[vertex]
        cut = not whole and not cost.is_delta and spec is not None and spec.dtype == "float32"
        cut = cut and not self._is_fixed(vertex)
        payload = sum(cost.segment_bytes[:LEADING_PLANES] if cut else cost.segment_bytes)
        if self._rates is None:
            return float(payload)
        width = 1 if spec is None else by_name(spec.dtype).width
        raw = self.entries[vertex - 1].raw_bytes
        return self._rates.milliseconds(raw, payload, width, cost.is_delta)

    def _add(self, source: int, target: int, cost: EdgeCost) -> int:
        self._exact.append(cost.exact)
        whole = self._part(target, cost, whole=True)
        if not self._segmented:
            return self._builder.add_edge(source, target, float(cost.stored_bytes), whole)
        from_high = self._from_high(source, target)
        high = self._part(target, cost) + (0.0 if from_high else self._low[source])
        return self._builder.add_edge(
            source, target, float(cost.stored_bytes), whole, high=high, from_high=from_high
        )

    def build(self, current: Sequence[int], stored: Sequence[int]) -> Measured:
        """Return the graph with the groups in it."""
        for group in self._groups:
            self._builder.add_group(self.number[object_id] for object_id in group.reads)
        return Measured(
            graph=self._builder.build(),
            objects=self.objects,
            specs=self.specs,
            exact=np.array(self._exact, bool),
            current=np.array(current, np.uint32),
            stored_bytes=np.array(stored, np.int64),
            fixed=np.array([False, *(entry.is_fixed for entry in self.entries)], bool),
            estimated=self.measured,
        )


def measure(
    store: Store,
    groups: Sequence[Group],
    costs: EdgeCosts,
    *,
    rates: Rates | None = None,
    similar: Similar | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Return the storage graph of what the groups read.

    Reads each tensor and its candidates once, but for what `costs` knows; what was measured is
    added there. Memory: that of `Held`.

    Args:
        rates: Recreation costs are milliseconds by these; None: bytes.
        progress: Told of raw bytes done, and of all.

    Raises:
        CorruptionError: a tensor is damaged.
    """
    measurer = _Measurer(store, groups, costs, rates)
    current, stored = measurer.add_edges(measurer.candidates(similar), progress)
    return measurer.build(current, stored)


def chain_costs(
    store: Store, objects: Iterable[bytes], rates: Rates | None = None
) -> dict[bytes, float]:
    """Return what reading each object costs through its chain as stored, bases read whole."""
    known: dict[bytes, float] = {}
    for object_id in objects:
        path: list[tuple[bytes, float]] = []
        wanted: bytes | None = object_id
        while wanted is not None and wanted not in known:
            entry = store.entry(wanted)
            payload = sum(entry.segment_bytes)
            cost = float(payload)
            if rates is not None:
                is_delta = entry.base is not None
                cost = rates.milliseconds(entry.raw_bytes, payload, entry.width, is_delta)
            path.append((wanted, cost))
            wanted = entry.base
        below = 0.0 if wanted is None else known[wanted]
        for found, cost in reversed(path):
            below += cost
            known[found] = below
    return known
