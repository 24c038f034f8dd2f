"""What a network tells of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelhub.net.arguments import Ref, Weight
from modelhub.net.graph import (
    CONSTANT_BYTES_MAX,
    Group,
    Network,
    Node,
    Tensor,
    Value,
    check,
    leaves,
)
from modelhub.net.graph_json import from_json

GOLDEN = Path(__file__).parents[1] / "golden" / "network-v2" / "good"
X = {"x": Value("float32", ("s0", 4))}


def _golden(name: str) -> Network:
    return from_json((GOLDEN / name).read_bytes())


def test_nodes() -> None:
    conv, relu, pool = _golden("example.json").nodes
    assert [node.kind for node in (conv, relu, pool)] == ["CONV", "RELU", "POOL"]
    assert [node.mode for node in (conv, relu, pool)] == ["", "", "MAX"]
    assert conv.inputs == ("x",)
    assert conv.parameters == ("conv1.weight",)
    assert conv.attributes == {
        "bias": None,
        "stride": (1, 1),
        "padding": (1, 1),
        "dilation": (1, 1),
        "groups": 1,
    }


def test_edges() -> None:
    network = _golden("example.json")
    assert network.edges == (("x", "conv1"), ("conv1", "relu"), ("relu", "pool"))
    assert network.readers() == {
        "x": ("conv1",),
        "conv1": ("relu",),
        "relu": ("pool",),
        "pool": (),
    }


def test_inputs_are_in_the_order_of_the_op() -> None:
    node = next(n for n in _golden("every-argument.json").nodes if n.name == "bn")
    assert node.inputs == ("x",)
    assert node.parameters == ("bn.running_mean", "bn.running_var")
    assert node.counter == "bn.num_batches_tracked"


def test_leaves() -> None:
    output = Group("tuple", (Ref("a"), Group("list", (None, Weight("w")))))
    assert list(leaves(output)) == [Ref("a"), None, Weight("w")]


def _relu(source: str = "x", name: str = "relu") -> Node:
    values = (Value("float32", ("s0", 4)),)
    return Node(name, "aten.relu.default", arguments={"self": Ref(source)}, values=values)


def test_a_sound_network() -> None:
    check(Network(X, (_relu(), _relu("relu", "again")), (), Ref("again")))


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Network(X, (_relu("later"), _relu("x", "later")), ()), "not before it"),
        (Network(X, (_relu(), _relu()), ()), "the name is taken"),
        (Network(X, (), (), Ref("y")), "not before it"),
        (Network(X, (), (), executable=False), "no inputs or outputs"),
        (Network({}, (_relu(),), (), executable=False), "a kind and nothing else"),
        (Network(X, (Node("n", stated_kind="CONV"),), ()), "follow from its op"),
        (Network({}, (), (Tensor("a", "bool", ()), Tensor("a.b", "bool", ()))), "both a tensor"),
        (Network({}, (), (Tensor("a", "bool", (), "constant"),)), "has 0 bytes of its own"),
        (Network({}, (), (Tensor("a", "bool", (), data=b"1"),)), "has 1 bytes of its own"),
    ],
)
def test_rules(network: Network, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check(network)


@pytest.mark.parametrize("more", [0, 1])
def test_most_bytes_of_constants(more: int) -> None:
    size = CONSTANT_BYTES_MAX + more
    network = Network({}, (), (Tensor("c", "uint8", (size,), "constant", data=b"0" * size),))
    if more:
        with pytest.raises(ValueError, match="bytes of constants, at most"):
            check(network)
    else:
        check(network)


def test_ties() -> None:
    first = Tensor("a.w", "float32", (2,))
    check(Network({}, (), (first, Tensor("b.w", "float32", (2,), tied="a.w"))))
    with pytest.raises(ValueError, match="of another form"):
        check(Network({}, (), (first, Tensor("b.w", "float32", (3,), tied="a.w"))))
    with pytest.raises(ValueError, match="no tensor before it"):
        check(Network({}, (), (Tensor("b.w", "float32", (2,), tied="a.w"), first)))
