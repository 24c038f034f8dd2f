"""Outlines: what queries ask of a network, and the near hops between kinds."""

from __future__ import annotations

import random

import pytest

from modelhub.net import Network, from_weights
from modelhub.net.arguments import Ref
from modelhub.net.graph import Node, Value
from modelhub.net.outline import SEEN_THROUGH, outline_of, pairs_of

_F = Value("float32", (1, 4))
_N = Value("int", ())


def _node(name: str, op: str, *sources: str) -> Node:
    names = ("input", "other") if len(sources) > 1 else ("input",)
    if op.startswith("aten.add"):
        names = ("self", "other")
    elif op.startswith("aten.relu"):
        names = ("self",)
    arguments = {key: Ref(source) for key, source in zip(names, sources, strict=False)}
    return Node(name, op, arguments=arguments, values=(_F,))


def test_nodes_edges_and_outputs_by_number() -> None:
    network = Network(
        inputs={"x": _F, "y": _F},
        nodes=(
            _node("r", "aten.relu.default", "x"),
            _node("s", "aten.add.Tensor", "r", "y"),
            _node("t", "aten.add.Tensor", "s", "r"),
        ),
        tensors=(),
        outputs=Ref("t"),
    )
    found = outline_of(network)
    assert found.inputs == ("x", "y")
    assert found.names == ("r", "s", "t")
    assert found.kinds == ("RELU", "ADD", "ADD")
    assert found.sources == ((0,), (2, 1), (3, 2))
    assert found.outputs == (4,)
    assert found.pairs == {("RELU", "ADD"), ("ADD", "ADD")}


def test_what_reads_a_size_does_not_follow_the_value() -> None:
    size = Node("size", "sym.size", arguments={"input": Ref("x"), "dim": 0}, values=(_N,))
    zeros = Node("zeros", "aten.zeros.default", arguments={"size": (Ref("size"), 4)}, values=(_F,))
    network = Network(
        inputs={"x": _F},
        nodes=(size, zeros, _node("s", "aten.add.Tensor", "x", "zeros")),
        tensors=(),
        outputs=Ref("s"),
    )
    assert outline_of(network).sources == ((0,), (), (0, 2))


def test_weights_alone_have_kinds_and_no_pairs() -> None:
    found = outline_of(
        from_weights([("conv1.weight", "float32", (8, 3, 3, 3)), ("fc.weight", "float32", (2, 8))])
    )
    assert not found.executable
    assert found.kinds == ("CONV", "FULL")
    assert found.sources == ((), ())
    assert found.pairs == frozenset()


def test_pairs_pass_over_what_does_no_work_unless_it_is_looked_for() -> None:
    kinds = ["CONV", "RELU", "DROPOUT", "RELU", "POOL", "CONV"]
    chain = [(number,) for number in range(len(kinds))]
    assert pairs_of(kinds, chain, 1) == {
        ("CONV", "RELU"), ("CONV", "DROPOUT"), ("CONV", "POOL"),
        ("RELU", "DROPOUT"), ("RELU", "RELU"), ("RELU", "POOL"),
        ("DROPOUT", "RELU"), ("DROPOUT", "POOL"), ("POOL", "CONV"),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_pairs_are_what_a_walk_for_each_kind_finds(seed: int) -> None:
    rng = random.Random(seed)
    words = ["CONV", "POOL", "RELU", "DROPOUT", "AUX", "ADD"]
    kinds = [rng.choice(words) for _ in range(25)]
    sources = [
        tuple({rng.randrange(number + 1) for _ in range(rng.randint(1, 2))})
        for number in range(len(kinds))
    ]
    expected = set()
    for start, kind in enumerate(kinds):
        for wanted in words:
            todo, seen = [start + 1], set()
            while todo:
                here = todo.pop()
                for number, read in enumerate(sources):
                    if here not in read or number in seen:
                        continue
                    seen.add(number)
                    if kinds[number] == wanted:
                        expected.add((kind, wanted))
                    elif kinds[number] in SEEN_THROUGH:
                        todo.append(number + 1)
    assert pairs_of(kinds, sources, 1) == expected


def test_a_long_chain_takes_linear_time() -> None:
    # A walk from each of the nodes would take 2 * 10^8 steps.
    kinds = ["AUX"] * 20_000
    assert pairs_of(kinds, [(n,) for n in range(20_000)], 1) == {("AUX", "AUX")}
