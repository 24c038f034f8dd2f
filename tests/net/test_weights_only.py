"""Layers told from names and shapes alone."""

from __future__ import annotations

import pytest

from modelhub.errors import BadInputError
from modelhub.net import build, from_json, from_weights, to_json
from modelhub.net.graph import check


def _kinds(*records: tuple[str, tuple[int, ...]]) -> dict[str, str]:
    network = from_weights((name, "float32", shape) for name, shape in records)
    check(network)
    return {node.name: node.kind for node in network.nodes}


def test_kinds() -> None:
    assert _kinds(
        ("wte.weight", (50, 8)),
        ("conv1.weight", (4, 3, 3, 3)),
        ("conv1.bias", (4,)),
        ("bn1.weight", (4,)),
        ("bn1.bias", (4,)),
        ("bn1.running_mean", (4,)),
        ("rnn.weight_ih_l0", (24, 8)),
        ("rnn.weight_hh_l0", (24, 6)),
        ("gru.weight_hh_l0", (18, 6)),
        ("attn.in_proj_weight", (24, 8)),
        ("attn.out_proj.weight", (8, 8)),
        ("ln.weight", (8,)),
        ("ln.bias", (8,)),
        ("final_norm.weight", (8,)),
        ("fc.weight", (3, 8)),
    ) == {
        "wte": "EMBED",
        "conv1": "CONV",
        "bn1": "BN",
        "rnn": "LSTM",
        "gru": "GRU",
        "attn": "ATTN",
        "attn.out_proj": "FULL",
        "ln": "LN",
        "final_norm": "RMSNORM",
        "fc": "FULL",
    }


def test_no_edges_and_not_executable() -> None:
    network = from_weights([("fc.weight", "float32", (3, 8)), ("fc.bias", "float32", (3,))])
    assert network.edges == ()
    assert not network.executable
    assert network.nodes[0].parameters == ("fc.weight", "fc.bias")
    assert from_json(to_json(network)) == network


def test_names_that_a_network_cannot_hold_are_left_out() -> None:
    records = [("a b.weight", (2, 2)), ("fc..w", (2, 2)), ("top", (1,)), ("fc.weight", (2, 2))]
    assert _kinds(*records) == {"fc": "FULL"}


def test_a_tensor_that_is_also_a_module() -> None:
    assert _kinds(("fc.weight", (2, 2)), ("fc.weight.extra", (2,))) == {"fc": "FULL"}


def test_cannot_be_built() -> None:
    torch = pytest.importorskip("torch")
    network = from_weights([("fc.weight", "float32", (3, 8))])
    with pytest.raises(BadInputError, match="no edges"):
        build(network, {"fc.weight": torch.zeros(3, 8)})
