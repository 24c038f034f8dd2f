from __future__ import annotations

from typing import Any

import pytest

from modelhub.net import from_module, from_weights
from modelhub.net.blocks import Block, blocks, drawn_edges, drawn_outputs, rows

torch = pytest.importorskip("torch")

from tests.net.models import MODELS  # noqa: E402

nn = torch.nn


def test_equal_blocks_are_one_row() -> None:
    network = from_module(MODELS["encoder"].make(), (MODELS["encoder"].inputs(2),))
    found = rows(network, aux=False)
    labels = [(row.depth, row.label, row.repeat) for row in found]
    assert labels[:5] == [
        (0, "emb", 1),
        (0, "slice", 1),
        (0, "add", 1),
        (0, "encoder.layers", 1),
        (1, "0..1", 2),
    ]
    assert labels[-1] == (0, "head", 1)
    both = next(row for row in found if row.repeat == 2)
    assert len(both.nodes) == 26
    # With what only arranges values the two layers are not built alike.
    assert all(row.repeat == 1 for row in rows(network))


def test_blocks_hold_every_node_once_in_order() -> None:
    for name in MODELS:
        network = from_module(MODELS[name].make(), (MODELS[name].inputs(2),), check=False)
        assert [n.name for n in blocks(network).nodes()] == [n.name for n in network.nodes]


def test_a_module_that_runs_twice_makes_two_blocks() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

        def forward(self, x: Any) -> Any:
            return self.body(torch.tanh(self.body(x)))

    network = from_module(Twice(), (torch.randn(2, 4),))
    found = [c.path if isinstance(c, Block) else c.name for c in blocks(network).children]
    assert found == ["body", "tanh", "body"]


def test_edges_go_through_what_arranges_values() -> None:
    network = from_module(MODELS["encoder"].make(), (MODELS["encoder"].inputs(2),))
    edges = drawn_edges(network)
    first = "encoder.layers.0.self_attn"
    assert (f"{first}.linear", first) in edges
    # Sizes are no steps: the input is read by the embedding alone.
    assert [target for source, target in edges if source == "tokens"] == ["emb"]
    assert drawn_outputs(network) == ("head",)


def test_weights_alone() -> None:
    network = from_weights([(f"layer.{i}.weight", "float32", (3, 4)) for i in range(3)])
    assert [node.name for row in rows(network) for node in row.nodes][-1] == "layer.2"
    assert drawn_edges(network) == []
