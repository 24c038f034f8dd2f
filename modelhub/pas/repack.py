"""Carry an archival plan out: store anew what the plan stores in another way, and nothing else.

Tensors are written in the order of the new plan, a base before what stands on it, into packs of
bounded size. After each pack that is sealed and synced, the caller moves the places of its tensors
in one transaction. Each state between two transactions is sound:

- Call a tensor *settled* if it is stored as the plan says and so are all tensors below it in the
  plan. A tensor is moved only after the one it will stand on is settled, so the chain of a settled
  tensor has settled ones alone: it is a path of the plan, and ends.
- The chain of one that is not settled follows the old forms, which run in no circle, until it ends
  or meets a settled tensor, from where it goes on as above.

So no circle arises although an object may move below one that stood on it before. Killed anywhere,
what is written and not named is garbage, what is named is settled, and another run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from modelhub import ids
from modelhub.archival import NO_EDGE
from modelhub.errors import CorruptionError
from modelhub.pas.edge_costs import ALONE, EdgeCost, EdgeCosts
from modelhub.pas.held import Held
from modelhub.pas.measure import Measured
from modelhub.pas.session import Base, Session
from modelhub.pas.store import Place, Store
from modelhub.tensors.arrays import TensorSpec

__all__ = ["Repacked", "repack", "top_down", "verify_rewritten"]

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Repacked:
    """What was done: tensors moved, those that came out longer than alone, bytes.

    `estimated_bytes` and `true_bytes` are of the tensors whose costs were estimates; `error_bytes`
    is the sum of what each estimate was wrong by.
    """

    moved: int = 0
    fallen_back: int = 0
    written_bytes: int = 0
    estimated_bytes: int = 0
    true_bytes: int = 0
    error_bytes: int = 0
    packs: list[bytes] = field(default_factory=list)


def top_down(source: np.ndarray, plan: np.ndarray) -> list[int]:
    """Return the vertices of a plan, each after the one it stands on; the empty one is left out.

    Those that stand on one another are close together.

    Args:
        source: Source vertex of each edge.
        plan: Edge of each vertex, uint32 [V]; that of vertex 0 is not looked at.
    """
    below: dict[int, list[int]] = {}
    for vertex, parent in enumerate(source[plan[1:]].tolist(), 1):
        below.setdefault(parent, []).append(vertex)
    order: list[int] = []
    todo = below.get(0, [])[::-1]
    while todo:
        vertex = todo.pop()
        order.append(vertex)
        todo += below.get(vertex, ())[::-1]
    return order


def verify_rewritten(session: Session, objects: Mapping[bytes, TensorSpec]) -> None:
    """Read back tensors that were sealed, before anything is told to read them there.

    Raises:
        CorruptionError: one is not what was stored.
    """
    for object_id, spec in objects.items():
        data = session.store.read(object_id).data
        if ids.tensor_id(spec.dtype, spec.shape, data) != object_id:
            raise CorruptionError(
                "a tensor stored anew does not read back as it was",
                where=f"object {object_id.hex()}",
                hint="nothing was changed; check the memory and the disk of this machine",
            )


class _Repacker:
    """Writes moved tensors into sessions; knows how deep each vertex is by now."""

    def __init__(self, store: Store, measured: Measured, plan: np.ndarray, costs: EdgeCosts):
        self._store = store
        self._held = Held(store)
        self._measured = measured
        self._costs = costs
        self._source = measured.graph.source
        self._plan = plan
        self._depth = [0] * measured.graph.vertices
        self._before: dict[int, EdgeCost | None] = {}
        self.done = Repacked()

    def place(self, vertex: int) -> None:
        """Take note of a vertex that stays as it is."""
        parent = int(self._source[self._plan[vertex]])
        self._depth[vertex] = 0 if parent == 0 else self._depth[parent] + 1

    def write(self, session: Session, vertex: int) -> None:
        """Store a vertex as the plan says, or alone where that turns out shorter."""
        objects, specs = self._measured.objects, self._measured.specs
        parent = int(self._source[self._plan[vertex]])
        spec, parent_spec = specs[vertex], specs[parent]
        assert spec is not None, "pieces of files do not move"
        data = self._held.read(objects[vertex])
        base = None
        if parent_spec is not None:
            raw = self._held.read(objects[parent])
            base = Base(objects[parent], self._depth[parent], parent_spec, raw)
        self._before[vertex] = self._costs.get(objects[vertex], objects[parent])
        is_delta = session.rewrite_tensor(objects[vertex], spec, data, base)
        self._depth[vertex] = self._depth[parent] + 1 if is_delta else 0
        if base is not None and not is_delta:
            self.done.fallen_back += 1

    def specs(self, vertices: Sequence[int]) -> dict[bytes, TensorSpec]:
        """Return dtype and shape of the tensors of some vertices."""
        pairs = ((self._measured.objects[v], self._measured.specs[v]) for v in vertices)
        return {object_id: spec for object_id, spec in pairs if spec is not None}

    def count(self, places: Mapping[bytes, Place], vertices: Sequence[int]) -> None:
        """Learn the true costs of what was written."""
        for vertex in vertices:
            object_id = self._measured.objects[vertex]
            tried = self._measured.objects[int(self._source[self._plan[vertex]])]
            place = places[object_id]
            entry = self._store.reader(place.pack).entry(place.index)
            is_delta = entry.base is not None
            true = EdgeCost(entry.stored_bytes, entry.segment_bytes, is_delta, True)
            self._costs.put(object_id, tried, true)
            if not is_delta:
                self._costs.put(object_id, ALONE, true)
            before = self._before.pop(vertex)
            self.done.moved += 1
            self.done.written_bytes += true.stored_bytes
            if before is not None and not before.exact:
                self.done.estimated_bytes += before.stored_bytes
                self.done.true_bytes += true.stored_bytes
                self.done.error_bytes += abs(before.stored_bytes - true.stored_bytes)


def repack(
    store: Store,
    open_session: Callable[[], Session],
    move: Callable[[Mapping[bytes, Place]], None],
    measured: Measured,
    plan: np.ndarray,
    costs: EdgeCosts,
    progress: Progress | None = None,
) -> Repacked:
    """Store every tensor as a plan says; the writer's lock must be held.

    Args:
        store: Reads objects where they are now, moves included.
        move: Tells the catalog, durably and at once, where objects are from now on.
        plan: Edge of each vertex, uint32 [V].
        costs: Learns the true cost of what is written.
        progress: Told of raw bytes done, and of all that are to move.

    Raises:
        CorruptionError: a tensor cannot be read; what was moved before stays moved.
    """
    repacker = _Repacker(store, measured, plan, costs)
    moving = [v for v in range(1, measured.graph.vertices) if plan[v] != measured.current[v]]
    sizes = {v: spec.nbytes for v in moving if (spec := measured.specs[v]) is not None}
    total, done = sum(sizes.values()), 0
    waiting = top_down(measured.graph.source, plan)[::-1]
    while waiting:
        written: list[int] = []
        with open_session() as session:
            while waiting and not session.full:
                vertex = waiting.pop()
                if plan[vertex] == measured.current[vertex]:
                    repacker.place(vertex)
                    continue
                repacker.write(session, vertex)
                written.append(vertex)
                done += sizes[vertex]
                if progress is not None:
                    progress(done, total)
            session.seal()
            verify_rewritten(session, repacker.specs(written))
        if written:
            # Outside of the session, which takes back its packs when anything fails: from here on
            # it cannot be known whether the catalog names them.
            move(session.places)
            repacker.count(session.places, written)
            repacker.done.packs += session.packs
    assert measured.current[0] == NO_EDGE
    return repacker.done
