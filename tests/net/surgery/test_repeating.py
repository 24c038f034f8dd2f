"""Copies compute what their originals do, one behind the other."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.net import build, to_json  # noqa: E402
from modelhub.net.surgery import Surgeon, SurgeryError, initialise  # noqa: E402
from tests.net.surgery.subjects import equal, run, subject  # noqa: E402


def test_a_layer_three_times() -> None:
    whole = subject("named")
    surgeon = Surgeon(whole.network)
    surgeon.repeat(["conv5"], 3)
    edited = surgeon.finish()
    assert edited.kept["conv5_3.weight"] == (0, "conv5.weight")
    names = [node.name for node in edited.network.nodes if node.name.startswith("conv5")]
    assert names == ["conv5", "conv5_2", "conv5_3"]
    found: list[Any] = []
    handle = whole.module.pool5.register_forward_pre_hook(lambda _m, args: found.append(args[0]))
    handle_conv = whole.module.conv5.register_forward_hook(
        lambda module, _args, out: module.forward(module.forward(out))
    )
    with torch.no_grad():
        expected = whole.module(whole.inputs(2))
    handle.remove()
    handle_conv.remove()
    assert equal(run(edited, whole.weights, whole.inputs(2)), expected)


def test_an_encoder_layer_twice() -> None:
    whole = subject("encoder")
    surgeon = Surgeon(whole.network)
    layer = [n.name for n in whole.network.nodes if n.name.startswith("encoder.layers.1.")]
    surgeon.repeat(layer, 2)
    edited = surgeon.finish()
    copies = [t.name for t in edited.network.tensors if t.name.startswith("encoder.layers.1_2.")]
    assert len(copies) == 12
    modules = {n.module for n in edited.network.nodes if n.name.startswith("encoder.layers.1_2.")}
    assert "encoder.layers.1_2.self_attn" in modules
    layers = whole.module.encoder.layers
    layers.append(layers[1])
    try:
        with torch.no_grad():
            torch.backends.mha.set_fastpath_enabled(False)
            expected = whole.module(whole.inputs(3))["logits"]
    finally:
        del layers[2]
        torch.backends.mha.set_fastpath_enabled(True)
    assert equal(run(edited, whole.weights, whole.inputs(3))["logits"], expected)


def test_copies_are_tensors_of_their_own() -> None:
    whole = subject("named")
    surgeon = Surgeon(whole.network)
    surgeon.repeat(["conv3", "relu_2"], 2)
    edited = surgeon.finish()
    assert [n.name for n in edited.network.nodes if "_2" in n.name][-2:] == ["conv3_2", "relu_2_2"]
    module = build(edited.network, initialise(edited, [whole.weights], 0)).train()
    torch.optim.SGD(module.parameters(), lr=0.5).zero_grad()
    module(whole.inputs(4)).square().sum().backward()
    assert not torch.equal(module.conv3.weight.grad, module.conv3_2.weight.grad)


def test_copies_of_copies_and_of_functions_have_names() -> None:
    surgeon = Surgeon(subject("mlp").network)
    tanh = next(n.name for n in surgeon.network().nodes if n.kind == "TANH")
    surgeon.repeat([tanh], 2)
    surgeon.repeat([tanh], 3)
    names = [n.name for n in surgeon.finish().network.nodes if n.kind == "TANH"]
    assert names == [tanh, f"{tanh}_3", f"{tanh}_4", f"{tanh}_2"]


def test_fresh_weights_are_copied_too() -> None:
    whole = subject("named")
    surgeon = Surgeon(whole.network)
    surgeon.change("conv5", "kernel", 1)
    surgeon.change("conv5", "padding", 0)
    surgeon.repeat(["conv5"], 2)
    edited = surgeon.finish()
    weights = initialise(edited, [whole.weights], 9)
    assert (weights["conv5.weight"] == weights["conv5_2.weight"]).all()


def test_once_is_nothing() -> None:
    surgeon = Surgeon(subject("named").network)
    surgeon.repeat(["conv5"], 1)
    assert to_json(surgeon.finish().network) == to_json(subject("named").network)


@pytest.mark.parametrize(
    ("nodes", "times", "reason"),
    [
        (["conv4"], 2, r"a copy could not read .*\(s0, 8, 4, 4\), where .*\(s0, 12, 4, 4\)"),
        (["conv3", "conv5"], 2, "must read one value"),
        (["conv5"], 0, "from 1 to"),
        (["conv5"], 10**9, "from 1 to"),
        ([], 2, "no nodes"),
        (["conv77"], 2, "no node"),
    ],
)
def test_refused(nodes: list[str], times: int, reason: str) -> None:
    surgeon = Surgeon(subject("named").network)
    with pytest.raises(SurgeryError, match=reason):
        surgeon.repeat(nodes, times)
    assert to_json(surgeon.finish().network) == to_json(subject("named").network)
