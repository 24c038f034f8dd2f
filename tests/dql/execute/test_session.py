from __future__ import annotations

import pytest

from dql import DqlError, ast
from dql.backend import Probe
from dql.execute.session import Session
from dql.memory import MemoryVersion
from tests.dql.execute.indexed import IndexedBackend, UnorderedBackend
from tests.dql.memory.models import MAX, NOW, STORE, A, B


def _session(backend: IndexedBackend | None = None, most: int = 10) -> Session:
    return Session(backend or IndexedBackend(STORE.all), {}, NOW, most, explaining=False)


def test_each_version_is_asked_for_once() -> None:
    backend = IndexedBackend(STORE.all)
    session = _session(backend)
    assert session.version("a") is session.version("a") is A
    assert session.version("nothing") is None
    assert backend.asked == {"versions": 0, "version": 2, "probe": 0}


def test_lineage_is_walked_step_by_step() -> None:
    backend = IndexedBackend(STORE.all)
    session = _session(backend)
    assert [each.id for each in session.parents(B)] == ["a"]
    assert [each.id for each in session.children(A)] == ["b", "d"]
    assert backend.asked["versions"] == 0


def test_versions_that_share_a_network_share_its_wiring() -> None:
    session = _session()
    other = MemoryVersion("other", {}, layers=MAX)
    assert session.wiring(A) is session.wiring(A) is session.wiring(other)
    assert session.wiring(STORE.all[4]) is None


@pytest.mark.parametrize("kind", [IndexedBackend, UnorderedBackend])
def test_the_order_is_that_of_the_backend_and_then_that_of_making(
    kind: type[IndexedBackend],
) -> None:
    backend = kind(STORE.all)
    session = _session(backend)
    for name in ("z", "y"):
        session.made(MemoryVersion(name))
    ids = sorted(["z", "c", "y", "a"], key=session.rank)
    assert ids == ["a", "c", "z", "y"]
    assert backend.asked["versions"] == (kind is UnorderedBackend)


def test_truths_are_not_counted_as_numbers() -> None:
    backend = IndexedBackend([MemoryVersion("a", config={"on": 1}), MemoryVersion("b")])
    session = _session(backend)
    path = ("config", "on")
    assert session.estimate(Probe(path, 1, 1)) == 1
    assert session.estimate(Probe(path, True, True)) == 0


def test_only_so_many_combinations_are_tried() -> None:
    session = _session(most=2)
    for _ in range(2):
        session.tried(ast.Text("x"), "x")
    with pytest.raises(DqlError, match="More than 2 combinations"):
        session.tried(ast.Text("x"), "x")
