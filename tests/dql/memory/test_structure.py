"""What is found of a structure is found once, and what is kept is bounded."""

from __future__ import annotations

from dql.memory import MemoryNetwork, MemoryNode
from dql.memory.structure import Structure


def _chain(count: int) -> Structure:
    nodes = [MemoryNode(f"n{at}", "CONV", (f"n{at - 1}" if at else "x",)) for at in range(count)]
    return Structure(MemoryNetwork(nodes))


def test_a_hop_is_made_once() -> None:
    structure = _chain(4)
    first = structure.hop(["n1"], "next", "any")
    assert first == ("n2", "n3")
    assert structure.hop(("n1",), "next", "any") is first
    assert structure.hop(["n1"], "next", "near") == ("n2",)
    assert structure.hop(["n1"], "prev", "any") == ("n0",)
    assert structure.hop(["n1"], "next", "any", frozenset({"RELU"})) == first


def test_what_was_not_found_is_found_once_too() -> None:
    asked: list[int] = []
    structure = _chain(1)
    for _ in range(3):
        assert structure.once("key", lambda: asked.append(1)) is None
    assert asked == [1]


def test_what_is_kept_is_bounded() -> None:
    structure = _chain(300)
    for number in range(300):
        reached = structure.hop([f"n{number}"], "next", "any")
        assert len(reached) == 299 - number
        kept = sum(len(each) for each in structure._known.values())
        assert kept < 1_000 + 5 * 300
