"""Masks that come from an input do not stand in the way of what hangs together."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.net import build, from_module  # noqa: E402
from modelhub.net.surgery import Layer, Surgeon, cut, initialise  # noqa: E402

nn = torch.nn


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)

    def forward(self, x: Any, mask: Any) -> Any:
        scores = self.query(x) @ x.transpose(1, 2) + (1.0 - mask[:, None].float()) * -1e4
        return self.norm(x + scores.softmax(-1) @ x)


class _Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Embedding(20, 8)
        self.layers = nn.ModuleList([_Layer(), _Layer()])

    def forward(self, tokens: Any, mask: Any) -> Any:
        x = self.emb(tokens)
        for layer in self.layers:
            x = layer(x, mask)
        return x


def test_a_masked_layer_can_be_cut_dropped_and_repeated() -> None:
    torch.manual_seed(1)
    module = _Masked().eval()
    tokens, mask = torch.randint(0, 20, (2, 6)), torch.tensor([[1, 1, 1, 1, 0, 0], [1] * 6])
    network = from_module(module, (tokens, mask))
    weights = module.state_dict()
    layer = [n.name for n in network.nodes if n.name.startswith("layers.1.")]

    def run(edited: Any, *inputs: Any) -> Any:
        with torch.no_grad():
            return build(edited.network, initialise(edited, [weights], 0))(*inputs)

    with torch.no_grad():
        first = module.layers[0](module.emb(tokens), mask)
        second = module.layers[1](first, mask)
        third = module.layers[1](second, mask)
    part = cut(network, ["layers.1.query"], ["layers.1.norm"])
    assert list(part.network.inputs) == ["layers.0.norm", "mask"]
    assert torch.equal(run(part, first, mask), second)
    surgeon = Surgeon(network)
    surgeon.repeat(layer, 2)
    assert torch.equal(run(surgeon.finish(), tokens, mask), third)
    surgeon = Surgeon(network)
    surgeon.replace(layer, [Layer("DROPOUT", "nothing")])
    surgeon.delete("nothing")
    assert torch.equal(run(surgeon.finish(), tokens, mask), first)
    surgeon = Surgeon(network)
    surgeon.stitch("layers.0.norm", network, "layers.1.query")
    edited = surgeon.finish()
    assert list(edited.network.inputs) == ["tokens", "mask"]
    with torch.no_grad():
        found = build(edited.network, initialise(edited, [weights, weights], 0))(tokens, mask)
    assert torch.equal(found, second)
