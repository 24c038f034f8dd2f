from __future__ import annotations

import math

import pytest

from modelhub.net import from_module, from_weights
from modelhub.net.flops import costs
from modelhub.net.graph import Network, Node
from modelhub.net.sizes import resolve

torch = pytest.importorskip("torch")

from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from tests.net.models import MODELS  # noqa: E402

nn = torch.nn

SIZES = {"s0": 2, "s1": 7}


def _products(network: Network, flops: dict[str, int]) -> int:
    """Sum what torch counts too: products, without biases, softmax and scaling."""
    values = {node.name: node.values for node in network.nodes}
    total = 0
    for node in network.nodes:
        if node.kind in ("CONV", "CONV_TRANSPOSE", "FULL", "MATMUL"):
            bias = node.arguments.get("bias") is not None
            given = math.prod(resolve(node.values[0].shape, SIZES))
            total += flops[node.name] - given * bias
        elif node.kind == "ATTN":
            query, key = (
                resolve(values[node.arguments[name].node][0].shape, SIZES)
                for name in ("query", "key")
            )
            scores = math.prod(query[:-1]) * key[-2]
            mask = node.arguments.get("attn_mask") is not None
            total += flops[node.name] - scores * (6 + mask)
    return total


@pytest.mark.parametrize("name", sorted(MODELS))
def test_parameters_and_products_are_those_of_torch(name: str) -> None:
    case = MODELS[name]
    torch.manual_seed(0)
    model, x = case.make(), case.inputs(2)
    network = from_module(model, (x,))
    found = costs(network, SIZES)
    assert found.parameters == sum(p.numel() for p in model.parameters())
    if name in ("lstm", "gru"):
        # torch sees no LSTM here and counts a GRU by the kernels it happens to choose.
        return
    # In train mode no fused kernels hide the products of nn.TransformerEncoder.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model.train()(x)
    nodes = {name: cost.flops or 0 for name, cost in found.nodes.items()}
    assert _products(network, nodes) == counter.get_total_flops()


def test_recurrent_by_hand() -> None:
    torch.manual_seed(0)
    network = from_module(MODELS["lstm"].make(), (MODELS["lstm"].inputs(2),))
    # 2 examples of 7 steps; both ways: 2 * 4 * 6 x (8 + 6), then 2 * 4 * 6 x (12 + 6) weights.
    steps, hidden = 2 * 7, 6
    matrices = 2 * 4 * hidden * (8 + hidden) + 2 * 4 * hidden * (12 + hidden)
    biases = 4 * 2 * 4 * hidden
    assert costs(network, SIZES).nodes["rnn"].flops == steps * (
        2 * matrices + biases + 4 * 13 * hidden
    )


def test_groups_dilation_and_pools_by_hand() -> None:
    model = nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=2, dilation=2, groups=2), nn.AvgPool2d(2), nn.ReLU()
    )
    found = costs(from_module(model, (torch.randn(2, 4, 6, 6),))).nodes
    assert found["0"].flops == 2 * (8 * 6 * 6) * (2 * 3 * 3) + 8 * 6 * 6
    assert found["1"].flops == 8 * 3 * 3 * 4
    assert found["2"].flops == 8 * 3 * 3
    assert found["0"].parameters == 8 * 2 * 3 * 3 + 8


def test_what_has_no_rule_is_told() -> None:
    network = from_module(MODELS["unet"].make(), (MODELS["unet"].inputs(2),))
    found = costs(network)
    assert found.not_counted == {"aten.upsample_bilinear2d.vec": 1}
    assert found.nodes["smooth"].flops is None


def test_sizes_scale() -> None:
    network = from_module(MODELS["mlp"].make(), (MODELS["mlp"].inputs(2),))
    one, ten = costs(network), costs(network, {"s0": 10})
    assert one.flops is not None
    assert ten.flops == 10 * one.flops
    assert (one.sizes, ten.sizes) == ({"s0": 1}, {"s0": 10})


def test_tied_weights_count_once_and_arranging_costs_nothing() -> None:
    network = from_module(MODELS["encoder"].make(), (MODELS["encoder"].inputs(2),))
    found = costs(network)
    assert found.nodes["emb"].parameters == found.nodes["head"].parameters == 160
    assert all(found.nodes[n.name].flops == 0 for n in network.nodes if n.kind == "AUX")


def test_weights_alone_have_no_flops() -> None:
    found = costs(from_weights([("fc.weight", "float32", (3, 4)), ("fc.bias", "float32", (3,))]))
    assert (found.parameters, found.flops, found.nodes["fc"].flops) == (15, None, None)


def test_a_size_without_a_number_is_not_counted() -> None:
    network = from_module(MODELS["mlp"].make(), (MODELS["mlp"].inputs(2),))
    strange = [
        Node(
            n.name, n.op, n.module, n.arguments, tuple(type(v)(v.dtype, ("u7",)) for v in n.values)
        )
        for n in network.nodes
    ]
    found = costs(Network(network.inputs, tuple(strange), network.tensors, network.outputs))
    assert found.not_counted["aten.linear.default"] == 2
    assert found.flops == 0
