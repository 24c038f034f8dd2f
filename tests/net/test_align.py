from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelhub.net import from_module, from_weights
from modelhub.net.align import Alignment, align
from modelhub.net.arguments import Ref
from modelhub.net.graph import Network, Node, Value
from modelhub.net.surgery import Surgeon

torch = pytest.importorskip("torch")

from tests.net.models import MODELS, Block, Encoder, ResNet  # noqa: E402

nn = torch.nn

X = torch.randn(2, 3, 8, 8)
TOKENS = torch.randint(0, 20, (2, 7))


def _net(model: nn.Module, x: torch.Tensor = X) -> Network:
    return from_module(model, (x,), check=False)


def _convs(
    act: Callable[[], nn.Module] | None = None,
    pool: Callable[[int], nn.Module] = nn.MaxPool2d,
    classes: int = 3,
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(4):
        layers.append(nn.Conv2d(3, 3, 3, padding=1))
        if act is not None:
            layers.append(act())
    return nn.Sequential(*layers, pool(2), nn.Flatten(), nn.Linear(48, classes))


def _changes(found: Alignment) -> dict[str, dict[str, tuple[Any, Any]]]:
    return {m.left: {what: (a, b) for what, a, b in m.changes} for m in found.changed}


def test_equal_networks_are_the_same() -> None:
    found = align(_net(_convs()), _net(_convs()))
    assert found.same
    assert [(m.left, m.right) for m in found.matches] == [(str(i), str(i)) for i in range(7)]


def test_relu_after_each_convolution() -> None:
    found = align(_net(_convs()), _net(_convs(nn.ReLU)))
    assert found.added == ("1", "3", "5", "7")
    assert (found.removed, found.changed) == ((), ())
    # The numbers of a Sequential moved on: matched all the same.
    assert {m.left: m.right for m in found.matches}["3"] == "6"
    assert found.edges_removed == (("0", "1"), ("1", "2"), ("2", "3"), ("3", "4"))
    assert ("0", "1") in found.edges_added
    assert len(found.edges_added) == 8


def test_replaced_pool() -> None:
    found = align(_net(_convs()), _net(_convs(pool=nn.AvgPool2d)))
    assert _changes(found) == {"4": {"mode": ("MAX", "AVG")}}
    assert (found.added, found.removed, found.edges_added) == ((), (), ())


def test_replaced_activation_is_a_change_of_kind() -> None:
    found = align(_net(_convs(nn.ReLU)), _net(_convs(nn.GELU)))
    assert _changes(found) == {name: {"kind": ("RELU", "GELU")} for name in "1357"}
    assert (found.added, found.removed, found.edges_added) == ((), (), ())


def test_new_head() -> None:
    found = align(_net(_convs()), _net(_convs(classes=9)))
    assert _changes(found) == {"6": {"weight": ((3, 48), (9, 48)), "bias": ((3,), (9,))}}
    assert not found.renamed


def test_renamed_layers() -> None:
    class Renamed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = _convs(nn.ReLU)

        def forward(self, x: Any) -> Any:
            return self.body(x)

    found = align(_net(_convs(nn.ReLU)), _net(Renamed()))
    assert [(m.left, m.right) for m in found.renamed] == [(str(i), f"body.{i}") for i in range(11)]
    assert (found.added, found.removed, found.changed, found.edges_added) == ((), (), (), ())


def test_dropped_encoder_layer() -> None:
    short = Encoder()
    short.encoder.layers = short.encoder.layers[:1]
    short.encoder.num_layers = 1
    found = align(_net(Encoder(), TOKENS), _net(short, TOKENS))
    assert all(name.startswith("encoder.layers.1.") for name in found.removed)
    assert (found.added, found.changed, found.renamed) == ((), (), ())
    assert found.edges_added == (("encoder.layers.0.norm2", "head"),)


def test_deeper_resnet_has_new_blocks_as_a_whole() -> None:
    deep = ResNet()
    deep.layer1 = nn.Sequential(Block(4, 4, 1), Block(4, 4, 1), Block(4, 8, 2), Block(8, 8, 1))
    found = align(_net(ResNet()), _net(deep))
    assert {name.split(".")[1] for name in found.added} == {"1", "3"}
    assert len(found.added) == 14
    assert (found.removed, found.changed) == ((), ())
    assert all(m.right == m.left.replace("layer1.1", "layer1.2") for m in found.renamed)


@pytest.mark.parametrize(("left", "right"), [("resnet", "encoder"), ("lstm", "encoder")])
def test_unrelated_networks(left: str, right: str) -> None:
    a, b = (_net(MODELS[n].make(), MODELS[n].inputs(2)) for n in (left, right))
    found = align(a, b)
    kinds_a = {node.name: node.kind for node in a.nodes}
    kinds_b = {node.name: node.kind for node in b.nodes}
    assert len(found.matches) <= 6
    # A linear layer among others is not the one linear layer of the other network.
    assert "fc" in found.removed
    assert all(kinds_a[m.left] == kinds_b[m.right] for m in found.matches)
    assert len(found.matches) + len(found.removed) == len(a.nodes)
    assert len(found.matches) + len(found.added) == len(b.nodes)
    assert not found.same


def _chain(*names: str, op: str = "aten.relu.default") -> Network:
    nodes, before = [], "x"
    for name in names:
        value = Value("float32", (1,))
        nodes.append(Node(name, op, "", {"self": Ref(before)}, (value,)))
        before = name
    return Network({"x": Value("float32", (1,))}, tuple(nodes), (), Ref(before))


def test_order_alone_is_a_move() -> None:
    value = Value("float32", (1,))
    relu = Node("a", "aten.relu.default", "", {"self": Ref("x")}, (value,))
    gelu = Node("b", "aten.gelu.default", "", {"self": Ref("x")}, (value,))
    end = Node("c", "aten.add.Tensor", "", {"self": Ref("a"), "other": Ref("b")}, (value,))
    left = Network({"x": value}, (relu, gelu, end), (), Ref("c"))
    right = Network({"x": value}, (gelu, relu, end), (), Ref("c"))
    found = align(left, right)
    assert [m.moved for m in found.matches].count(True) == 1
    assert (found.added, found.removed) == ((), ())
    assert (found.edges_added, found.edges_removed) == ((), ())


def test_frozen_layers_are_a_change() -> None:
    network = from_module(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), (torch.randn(2, 3),))
    surgeon = Surgeon(network)
    surgeon.freeze(["0"])
    found = align(network, surgeon.finish().network)
    assert _changes(found) == {"0": {"frozen": (None, True)}}


def test_large_tables_are_split_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    left = _chain(*(f"l{i}" for i in range(60)))
    right = _chain(*(f"l{i}" for i in range(0, 90, 2)))
    whole = align(left, right)
    monkeypatch.setattr("modelhub.net.subsequence._CELLS_MAX", 50)
    assert align(left, right) == whole
    assert len(whole.matches) == 45


def test_weights_alone_are_compared_by_layers() -> None:
    left = from_weights([("a.weight", "float32", (3, 4)), ("b.weight", "float32", (2, 3))])
    right = from_weights([("a.weight", "float32", (3, 4)), ("b.weight", "float32", (5, 3))])
    found = align(left, right)
    assert _changes(found) == {"b": {"weight": ((2, 3), (5, 3))}}
    assert (found.edges_added, found.edges_removed) == ((), ())
    assert align(Network({}, (), (), executable=False), right).added == ("a", "b")
