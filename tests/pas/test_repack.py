"""A plan carried out pack by pack: between any two transactions every chain ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from modelhub import ids
from modelhub.archival import NO_EDGE
from modelhub.errors import CorruptionError
from modelhub.fs import files
from modelhub.fs.layout import Layout
from modelhub.pas import repack as repacking
from modelhub.pas.edge_costs import EdgeCosts
from modelhub.pas.measure import Group, Measured, measure
from modelhub.pas.repack import Repacked, repack
from modelhub.pas.session import Session
from modelhub.pas.store import Place, Store

SPEC = ("float32", (60, 50))


class World:
    """A store with tensors that are all alike; `order` counts from 1, as vertices do."""

    def __init__(self, root: Path, count: int) -> None:
        self.layout = Layout(root)
        for folder in (self.layout.dot, self.layout.packs_dir):
            files.make_dir(folder)
        self.places: dict[bytes, Place] = {}
        self.store = Store(self.layout, self.places.get)
        random = np.random.default_rng(0)
        first = random.standard_normal(SPEC[1]).astype("f4")
        self.raw: dict[bytes, bytes] = {}
        self.order = [b""]
        for _ in range(count):
            array = first + random.standard_normal(SPEC[1]).astype("f4") * 1e-5
            raw = array.reshape(-1).view(np.uint8)
            object_id = ids.tensor_id(*SPEC, raw)
            self.raw[object_id] = raw.tobytes()
            self.order.append(object_id)
            with self.session() as session:
                session.add_tensor(object_id, *SPEC, raw)
                session.seal()
            self.places.update(session.places)
        self.costs = EdgeCosts()
        self.transactions = 0

    def session(self, pack_bytes_max: int = 15_000) -> Session:
        return Session(self.layout, self.places.get, depth_max=1, pack_bytes_max=pack_bytes_max)

    def measured(self) -> Measured:
        near = tuple(range(len(self.order) - 1))
        groups = [Group((o,), {"w": o}, near) for o in self.order[1:]]
        found = measure(self.store, groups, self.costs)
        # Vertices by name, then by group: the order in which they were put in.
        assert found.objects == self.order
        return found

    def check(self) -> None:
        for object_id, raw in self.raw.items():
            assert self.store.read(object_id).data.tobytes() == raw

    def move(self, places: Mapping[bytes, Place]) -> None:
        self.places.update(places)
        self.transactions += 1
        self.check()

    def carry_out(self, parents: list[int]) -> Repacked:
        """Store vertex v + 1 on vertex parents[v]."""
        found = self.measured()
        edges = {
            (int(s), int(t)): e
            for e, (s, t) in enumerate(zip(found.graph.source, found.graph.target, strict=True))
        }
        plan = [NO_EDGE] + [edges[p, v] for v, p in enumerate(parents, 1)]
        done = repack(
            self.store, self.session, self.move, found, np.array(plan, np.uint32), self.costs
        )
        bases = [self.store.entry(o).base for o in self.order[1:]]
        assert bases == [self.order[p] or None for p in parents]
        return done


def test_any_plan_after_any_other(tmp_path: Path) -> None:
    """Trees turned upside down and at random, with a transaction for each tensor or two."""
    world = World(tmp_path, 6)
    plans = [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5, 6, 0], [0, 1, 1, 1, 1, 1], [6, 6, 6, 6, 6, 0]]
    dice = np.random.default_rng(1)
    for _ in range(4):
        order = dice.permutation(6) + 1
        plan = [0] * 6
        for place, vertex in enumerate(order):
            plan[vertex - 1] = 0 if place == 0 else int(order[dice.integers(place)])
        plans.append(plan)
    for plan in plans:
        before = world.transactions
        done = world.carry_out(plan)
        assert done.moved > 0
        assert world.transactions > before
    assert world.carry_out(plans[-1]).moved == 0


def test_depths_are_those_of_the_chain(tmp_path: Path) -> None:
    world = World(tmp_path, 4)
    world.carry_out([0, 1, 2, 3])
    world.carry_out([2, 3, 0, 3])
    chains = [len(world.store.chain(o)) - 1 for o in world.order[1:]]
    depths = [world.store.entry(o).depth for o in world.order[1:]]
    assert chains == [2, 1, 0, 1]
    # The last one was not moved, and tells what it stood on when it was written.
    assert depths == [2, 1, 0, 3]


def test_a_delta_that_does_not_pay_stands_alone(tmp_path: Path) -> None:
    world = World(tmp_path, 2)
    found = world.measured()
    raw = np.random.default_rng(5).standard_normal(SPEC[1]).astype("f4").reshape(-1)
    other = ids.tensor_id(*SPEC, raw.view(np.uint8))
    with world.session() as session:
        session.add_tensor(other, *SPEC, raw.view(np.uint8))
        session.seal()
    world.places.update(session.places)
    found.objects[1] = other
    plan = found.current.copy()
    edge = next(e for e in range(len(found.exact)) if found.graph.source[e] == 1)
    plan[2] = edge
    done = repack(world.store, world.session, world.move, found, plan, world.costs)
    assert done.fallen_back == 1
    assert world.store.entry(world.order[2]).base is None
    known = world.costs.get(world.order[2], other)
    assert known is not None
    assert known.exact
    assert not known.is_delta


def test_nothing_moves_that_does_not_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, 3)
    packs = set(world.layout.packs_dir.iterdir())
    places = dict(world.places)
    monkeypatch.setattr(repacking.ids, "tensor_id", lambda *_: b"another")
    with pytest.raises(CorruptionError, match="does not read back"):
        world.carry_out([0, 1, 2])
    assert world.places == places
    assert set(world.layout.packs_dir.iterdir()) == packs
