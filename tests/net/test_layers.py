"""Attributes of layers by the words of queries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.net import Network, Node, Tensor, Value, from_module, from_weights  # noqa: E402
from modelhub.net.arguments import Ref, Weight  # noqa: E402
from modelhub.net.graph import check  # noqa: E402
from modelhub.net.layers import attributes_of  # noqa: E402
from tests.net.surgery.subjects import subject  # noqa: E402

nn = torch.nn
_PLAIN = {"stride": (1, 1), "dilation": (1, 1), "groups": 1, "bias": True}


@pytest.mark.parametrize(
    ("name", "node", "expected"),
    [
        ("lenet", "conv1", {**_PLAIN, "kernel": (5, 5), "padding": (2, 2), "in": 1, "out": 6}),
        (
            "named",
            "conv2",
            {**_PLAIN, "kernel": (3, 3), "padding": (1, 1), "groups": 2, "in": 8, "out": 12},
        ),
        (
            "unet",
            "up",
            {
                **_PLAIN, "kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "in": 8, "out": 4,
            },
        ),
        ("lenet", "fc1", {"in": 64, "out": 12, "bias": True}),
        ("encoder", "head", {"in": 8, "out": 20, "bias": False}),
        (
            "alexnet",
            "features.2",
            {
                "mode": "MAX", "kernel": (3, 3), "stride": (2, 2), "padding": (0, 0),
                "dilation": (1, 1), "global": False,
            },
        ),
        # Without a stride of its own a pool steps by its kernel.
        (
            "lenet",
            "max_pool2d",
            {
                "mode": "MAX", "kernel": (2, 2), "stride": (2, 2), "padding": (0, 0),
                "dilation": (1, 1), "global": False,
            },
        ),
        ("resnet", "adaptive_avg_pool2d", {"mode": "AVG", "global": True}),
        ("alexnet", "avgpool", {"mode": "AVG", "global": False}),
        ("resnet", "bn1", {"out": 4, "eps": 1e-5, "momentum": 0.1}),
        ("encoder", "encoder.layers.0.norm1", {"out": 8, "eps": 1e-5}),
        ("lstm", "rnn", {"in": 8, "out": 6, "layers": 2, "bidirectional": True, "rate": 0.3}),
        ("gru", "rnn", {"in": 8, "out": 6, "layers": 2, "bidirectional": False, "rate": 0.3}),
        ("lstm", "emb", {"in": 20, "out": 8}),
        (
            "encoder",
            "encoder.layers.0.self_attn",
            {"heads": 2, "out": 8, "causal": False, "rate": 0.1},
        ),
        ("mlp", "3", {"rate": 0.2}),
        ("lenet", "log_softmax", {"axis": 1}),
        ("unet", "cat", {"axis": 1}),
        ("lenet", "relu", {}),
        ("lenet", "view", {}),
    ],
)  # fmt: skip
def test_of_a_node(name: str, node: str, expected: dict[str, Any]) -> None:
    assert attributes_of(subject(name).network)[node] == expected


def test_of_layers_that_are_rare() -> None:
    class Rare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(4, 4, 3, padding="same")
            self.gn = nn.GroupNorm(2, 4)
            self.norm = nn.InstanceNorm1d(4, affine=False)
            self.bare = nn.BatchNorm1d(4, affine=False, track_running_stats=False)
            self.act = nn.LeakyReLU(0.2)
            self.pool = nn.AvgPool1d(2)

        def forward(self, x: Any) -> Any:
            return self.pool(self.act(self.bare(self.norm(self.gn(self.conv(x))))))

    found = attributes_of(from_module(Rare(), (torch.randn(2, 4, 8),)))
    assert found["conv"]["padding"] == "same"
    assert found["conv"]["kernel"] == (3,)
    assert found["gn"] == {"out": 4, "eps": 1e-5, "groups": 2}
    # No tensor tells the number of channels.
    assert found["bare"] == {"eps": 1e-5, "momentum": 0.1}
    assert found["act"] == {"slope": 0.2}
    assert found["pool"] == {
        "mode": "AVG", "global": False, "kernel": (2,), "stride": (2,), "padding": (0,),
    }  # fmt: skip


def test_of_weights_alone() -> None:
    network = from_weights(
        [
            ("conv.weight", "float32", (8, 2, 3, 5)),
            ("conv.bias", "float32", (8,)),
            ("fc.weight", "float32", (4, 32)),
            ("embed.weight", "float32", (100, 8)),
            ("bn.weight", "float32", (8,)),
            ("bn.bias", "float32", (8,)),
            ("bn.running_mean", "float32", (8,)),
            ("rnn.weight_ih_l0", "float32", (24, 8)),
            ("rnn.weight_hh_l0", "float32", (24, 6)),
            ("rnn.weight_ih_l1", "float32", (24, 6)),
            ("rnn.weight_hh_l1", "float32", (24, 6)),
            ("attn.in_proj_weight", "float32", (24, 8)),
            ("other.thing", "float32", (2, 2)),
        ]
    )
    assert attributes_of(network) == {
        # How many groups a convolution has, and so what it reads, shapes do not tell.
        "conv": {"kernel": (3, 5), "out": 8, "bias": True},
        "fc": {"in": 32, "out": 4, "bias": False},
        "embed": {"in": 100, "out": 8},
        "bn": {"out": 8},
        "rnn": {"in": 8, "out": 6, "layers": 2, "bidirectional": False},
        "attn": {"out": 8},
        "other": {},
    }


@pytest.mark.parametrize(
    "records",
    [
        [("x.in_proj_weight", "float32", ())],
        [("x.weight_hh_l0", "float32", (4, 1)), ("x.weight_ih_l0", "float32", ())],
        [("bn.running_mean", "float32", ()), ("bn.weight", "float32", (2, 2))],
    ],
)
def test_shapes_of_strangers_raise_nothing(records: Any) -> None:
    network = from_weights(records)
    attributes_of(network)
    for kind in ("CONV", "FULL", "EMBED", "LSTM", "ATTN", "BN"):
        nodes = tuple(replace(node, stated_kind=kind) for node in network.nodes)
        attributes_of(replace(network, nodes=nodes))


@pytest.mark.parametrize("kind", ["conv2d.default", "linear.default", "embedding.default"])
def test_networks_of_strangers_raise_nothing(kind: str) -> None:
    words = {"embedding.default": "indices"}.get(kind, "input")
    node = Node(
        "n",
        op=f"aten.{kind}",
        arguments={words: Ref("x"), "weight": Weight("w")},
        values=(Value("float32", ()),),
    )
    network = Network({"x": Value("float32", ())}, (node,), (Tensor("w", "float32", ()),), Ref("n"))
    check(network)
    assert "out" not in attributes_of(network)["n"]
