"""Edges that go: sums become their other operand, and what reads less follows."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from modelhub.net import to_json  # noqa: E402
from modelhub.net.surgery import Surgeon, SurgeryError  # noqa: E402
from tests.net.surgery.subjects import equal, run, subject  # noqa: E402


def test_a_block_without_its_skip() -> None:
    whole = subject("resnet")
    surgeon = Surgeon(whole.network)
    surgeon.delete_edge("relu", "layer1.0.add")
    edited = surgeon.finish()
    assert len(edited.network.nodes) == len(whole.network.nodes) - 1
    assert not edited.fresh
    block = whole.module.layer1[0]
    with torch.no_grad():
        x = whole.module.relu(whole.module.bn1(whole.module.conv1(whole.inputs(2))))
        x = block.relu(block.bn2(block.conv2(block.relu(block.bn1(block.conv1(x))))))
        x = whole.module.layer1[1](x)
        expected = whole.module.fc(torch.nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))
    assert equal(run(edited, whole.weights, whole.inputs(2)), expected)


def test_a_branch_goes_with_its_weights() -> None:
    whole = subject("resnet")
    surgeon = Surgeon(whole.network)
    surgeon.delete_edge("layer1.1.downsample.1", "layer1.1.add")
    edited = surgeon.finish()
    assert not any("downsample" in tensor.name for tensor in edited.network.tensors)
    assert run(edited, whole.weights, whole.inputs(2)).shape == (2, 5)


def test_a_joined_value_less_and_weights_follow() -> None:
    whole = subject("unet")
    surgeon = Surgeon(whole.network)
    surgeon.delete_edge("smooth", "cat")
    edited = surgeon.finish()
    shapes = {tensor.name: tensor.shape for tensor in edited.network.tensors}
    assert shapes["out.weight"] == (2, 8, 1, 1)
    assert set(edited.fresh) == {"out.weight"}
    assert run(edited, whole.weights, whole.inputs(2)).shape == (2, 2, 8, 8)
    # The skip too, behind its activation: then there is nothing left to join.
    surgeon.delete_edge("down", "cat")
    edited = surgeon.finish()
    assert "cat" not in {node.name for node in edited.network.nodes}
    shapes = {tensor.name: tensor.shape for tensor in edited.network.tensors}
    assert shapes["out.weight"] == (2, 4, 1, 1)
    assert run(edited, whole.weights, whole.inputs(3)).shape == (3, 2, 8, 8)


@pytest.mark.parametrize(
    ("name", "node", "reader", "reason"),
    [
        ("resnet", "conv1", "layer1.0.conv1", "does not read conv1"),
        ("resnet", "relu", "layer1.0.conv1", "only ADD, MUL and CAT"),
        ("resnet", "conv9", "layer1.0.add", "no node"),
        ("vit", "cat", "add", "delete add itself"),
        ("mobile", "depthwise.2", "mul", r"would give float32 \(s0, 8, 1, 1\) in place of"),
    ],
)
def test_refused(name: str, node: str, reader: str, reason: str) -> None:
    surgeon = Surgeon(subject(name).network)
    with pytest.raises(SurgeryError, match=reason):
        surgeon.delete_edge(node, reader)
    assert to_json(surgeon.finish().network) == to_json(subject(name).network)
