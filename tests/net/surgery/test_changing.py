"""Attributes change; weights whose shape changes are fresh, and what reads them follows."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.net import build, to_json  # noqa: E402
from modelhub.net.layers import attributes_of  # noqa: E402
from modelhub.net.surgery import Layer, Surgeon, SurgeryError, initialise  # noqa: E402
from tests.net.surgery.subjects import equal, run, subject  # noqa: E402


@pytest.mark.parametrize(
    ("name", "changes", "fresh"),
    [
        (
            "named",
            [("conv1", "kernel", 5), ("conv1", "padding", 2)],
            {"conv1.weight"},
        ),
        ("named", [("conv1", "out", 16)], {"conv1.weight", "conv1.bias", "conv2.weight"}),
        ("named", [("conv5", "out", 4)], {"conv5.weight", "conv5.bias", "fc6.weight"}),
        ("named", [("fc7", "out", 20)], {"fc7.weight", "fc7.bias", "fc8.weight"}),
        ("named", [("conv2", "groups", 4)], {"conv2.weight"}),
        ("named", [("conv1", "bias", False)], set()),
        ("named", [("pool1", "mode", "AVG"), ("pool1", "kernel", (2, 2))], set()),
        ("named", [("pool5", "global", True), ("fc6", "in", 8)], {"fc6.weight"}),
        ("resnet", [("conv1", "bias", True)], {"conv1.bias"}),
        ("resnet", [("bn1", "eps", 0.1), ("bn1", "momentum", 0.2)], set()),
        ("mobile", [("expand.0", "out", 12), ("excite", "out", 12)], None),
        ("lstm", [("rnn", "rate", 0.1), ("emb", "in", 30)], {"emb.weight"}),
        ("gru", [("emb", "out", 10)], {"emb.weight", "rnn.weight_ih_l0"}),
        ("encoder", [("encoder.layers.0.linear1", "out", 20)], None),
        ("encoder", [("encoder.layers.0.norm1", "eps", 0.5)], set()),
        ("encoder", [("encoder.layers.0.dropout1", "rate", 0.5)], set()),
        ("vit", [("encoder.layers.0.self_attn", "causal", True)], set()),
        ("unet", [("up", "out", 6)], {"up.weight", "up.bias", "out.weight"}),
        ("unet", [("middle", "out", 6)], None),
    ],
)
def test_changed_networks_run(
    name: str, changes: list[tuple[str, str, Any]], fresh: set[str] | None
) -> None:
    whole = subject(name)
    surgeon = Surgeon(whole.network)
    for change in changes:
        surgeon.change(*change)
    edited = surgeon.finish()
    assert fresh is None or set(edited.fresh) == fresh
    attributes = attributes_of(edited.network)
    for node, attribute, value in changes:
        found = attributes[node][attribute]
        assert found == value or set(found) == {value}
    found = run(edited, whole.weights, whole.inputs(3))
    expected = whole.module(whole.inputs(3))
    if isinstance(found, dict):
        found, expected = found["logits"], expected["logits"]
    assert found.shape == expected.shape
    assert not equal(found, expected) or attribute in ("rate", "momentum", "in")


def test_channels_follow_through_norms_and_skips() -> None:
    whole = subject("resnet")
    surgeon = Surgeon(whole.network)
    for node in ("conv1", "layer1.0.conv2"):
        surgeon.change(node, "out", 6)
    edited = surgeon.finish()
    shapes = {tensor.name: tensor.shape for tensor in edited.network.tensors}
    assert shapes["bn1.running_mean"] == (6,)
    assert shapes["layer1.0.conv1.weight"] == (4, 6, 3, 3)
    assert shapes["layer1.1.downsample.0.weight"] == (8, 6, 1, 1)
    assert edited.kept["layer1.0.bn1.weight"] == (0, "layer1.0.bn1.weight")
    assert run(edited, whole.weights, whole.inputs(2)).shape == (2, 5)


def test_a_sum_of_other_channels_is_refused_with_the_cause() -> None:
    surgeon = Surgeon(subject("resnet").network)
    surgeon.change("layer1.0.conv2", "out", 6)
    with pytest.raises(
        SurgeryError,
        match=r"fit at layer1.0.add .*\(s0, 6, 8, 8\), .*\(s0, 4, 8, 8\).*"
        r"out of layer1.0.conv2 is now 6, was 4",
    ):
        surgeon.finish()
    # Undone, it is as before but for weights.
    surgeon.change("layer1.0.conv2", "out", 4)
    assert to_json(surgeon.finish().network) == to_json(subject("resnet").network)


def test_another_kernel_says_what_it_did() -> None:
    surgeon = Surgeon(subject("named").network)
    surgeon.change("conv5", "kernel", 1)
    with pytest.raises(SurgeryError, match=r"fc6.*kernel of conv5 is now 1, was 3x3"):
        surgeon.finish()
    surgeon.change("conv5", "padding", 0)
    surgeon.finish()


def test_a_step_that_looks_at_broken_shapes_is_refused() -> None:
    surgeon = Surgeon(subject("named").network)
    surgeon.replace(["fc7"], [Layer("FULL", attributes={"out": 99})])
    with pytest.raises(SurgeryError, match="fit at fc8"):
        surgeon.append([Layer("BN")])
    surgeon.insert("conv1", [Layer("BN")])
    surgeon.change("fc8", "in", 99)
    surgeon.append([Layer("BN", "last")])
    assert "last" in {node.name for node in surgeon.finish().network.nodes}


def test_tied_weights_do_not_change_shape() -> None:
    surgeon = Surgeon(subject("encoder").network)
    with pytest.raises(SurgeryError, match=r"shares (emb|head).weight with other layers"):
        surgeon.change("emb", "out", 9)


def test_frozen_parameters_are_not_trained() -> None:
    whole = subject("resnet")
    surgeon = Surgeon(whole.network)
    surgeon.freeze(["conv1", "bn1"])
    edited = surgeon.finish()
    module = build(edited.network, initialise(edited, [whole.weights], 0)).train()
    fixed = {name for name, p in module.named_parameters() if not p.requires_grad}
    assert fixed == {"conv1.weight", "bn1.weight", "bn1.bias"}
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.1)
    module(whole.inputs(4)).square().sum().backward()
    optimizer.step()
    assert torch.equal(module.conv1.weight, whole.weights["conv1.weight"])
    assert not torch.equal(module.fc.weight, whole.weights["fc.weight"])
    surgeon.freeze([])
    roles = {tensor.role for tensor in surgeon.finish().network.tensors}
    assert roles == {"frozen", "buffer"}
    surgeon.freeze([], frozen=False)
    assert to_json(surgeon.finish().network) == to_json(whole.network)


def test_ties_are_frozen_together() -> None:
    surgeon = Surgeon(subject("encoder").network)
    surgeon.freeze(["head"])
    roles = {t.name: t.role for t in surgeon.finish().network.tensors}
    assert roles["emb.weight"] == roles["head.weight"] == "frozen"


@pytest.mark.parametrize(
    ("name", "node", "attribute", "value", "reason"),
    [
        ("named", "conv1", "kernal", 3, "these can: stride, padding"),
        ("named", "conv1", "kernel", 0, "kernel of conv1 is 0"),
        ("named", "conv1", "out", "many", "out of conv1 is 'many'"),
        ("named", "conv2", "out", 7, "2 groups do not divide"),
        ("named", "relu", "slope", 3, "none of its attributes can be"),
        ("named", "pool1", "mode", "MIN", 'expected "MAX" or "AVG"'),
        ("named", "pool1", "global", False, None),
        ("encoder", "encoder.layers.0.self_attn", "heads", 4, "these can: causal, rate"),
        ("encoder", "encoder.layers.0.self_attn", "causal", True, "a mask of its own"),
        ("lstm", "rnn", "out", 4, "these can: rate"),
        ("resnet", "adaptive_avg_pool2d", "kernel", 2, "cannot be|fixed size"),
    ],
)
def test_refused(name: str, node: str, attribute: str, value: Any, reason: str | None) -> None:
    surgeon = Surgeon(subject(name).network)
    if reason is None:
        surgeon.change(node, attribute, value)
    else:
        with pytest.raises(SurgeryError, match=reason):
            surgeon.change(node, attribute, value)
    assert to_json(surgeon.finish().network) == to_json(subject(name).network)
