"""A slice computes what the whole computes between its ends."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.net import from_weights  # noqa: E402
from modelhub.net.surgery import SurgeryError, cut, initialise  # noqa: E402
from tests.net.surgery.subjects import equal, run, subject  # noqa: E402

# Model, first nodes, last nodes, the inputs of the slice.
SLICES = [
    ("named", ["conv1"], ["fc7"], ["x"]),
    ("named", ["conv3"], ["conv5"], ["pool2"]),
    ("lenet", ["fc1"], ["fc2"], ["view"]),
    ("lenet", ["conv2"], ["log_softmax"], ["max_pool2d"]),
    ("resnet", ["layer1.0.conv1"], ["layer1.1.relu_1"], ["relu"]),
    ("resnet", ["layer1.0.conv2"], ["layer1.0.relu_1"], ["layer1.0.relu", "relu"]),
    ("resnet", ["layer1.1.downsample.0"], ["layer1.1.downsample.1"], ["layer1.0.relu_1"]),
    ("resnet", ["layer1.0.add"], ["layer1.0.relu_1"], ["layer1.0.bn2", "relu"]),
    ("unet", ["middle"], ["out"], ["pool", "relu"]),
    ("mobile", ["depthwise.0"], ["project.1"], ["expand.2"]),
    ("lstm", ["rnn"], ["fc"], ["emb"]),
    ("lstm", ["emb"], ["rnn"], ["tokens"]),
    ("gru", ["rnn"], ["rnn"], ["emb"]),
    # The one input is what attention and the skip around it read, before it is transposed.
    ("encoder", ["encoder.layers.0.self_attn.linear"], ["encoder.layers.0.norm2"], ["add"]),
    ("encoder", ["emb"], ["encoder.layers.0.norm1"], ["tokens"]),
    ("encoder", ["encoder.layers.1.linear1"], ["head"], ["encoder.layers.1.norm1"]),
    ("vit", ["encoder.layers.0.norm1"], ["head"], ["add"]),
    ("vit", ["proj"], ["encoder.layers.0.norm1"], ["x"]),
    (
        "encoder",
        ["encoder.layers.1.self_attn.out_proj"],
        ["encoder.layers.1.norm2"],
        ["encoder.layers.1.self_attn.reshape", "encoder.layers.0.norm2"],
    ),
]


@pytest.mark.parametrize(("name", "begin", "end", "inputs"), SLICES)
def test_gives_what_the_whole_gives(
    name: str, begin: list[str], end: list[str], inputs: list[str]
) -> None:
    whole = subject(name)
    part = cut(whole.network, begin, end)
    assert list(part.network.inputs) == inputs
    assert not part.fresh
    assert all(source == (0, tensor) for tensor, source in part.kept.items())
    for batch in (2, 3):
        values = whole.values(batch)
        found = run(part, whole.weights, *(values[each] for each in inputs))
        assert equal(found, values[end[0]])


def test_only_what_is_read_comes_along() -> None:
    part = cut(subject("named").network, ["conv3"], ["conv4"]).network
    assert [node.name for node in part.nodes] == ["conv3", "relu_2", "conv4"]
    names = ["conv3.weight", "conv3.bias", "conv4.weight", "conv4.bias"]
    assert [tensor.name for tensor in part.tensors] == names


def test_a_hook_on_the_module_sees_the_same() -> None:
    whole = subject("named")
    seen: dict[str, Any] = {}
    handles = [
        module.register_forward_hook(
            lambda _m, args, out, name=name: seen.update({name: (args[0], out)})
        )
        for name, module in whole.module.named_modules()
        if name in ("conv2", "fc7")
    ]
    with torch.no_grad():
        whole.module(whole.inputs(4))
    for handle in handles:
        handle.remove()
    part = cut(whole.network, ["conv2"], ["fc7"])
    assert equal(run(part, whole.weights, seen["conv2"][0]), seen["fc7"][1])


def test_several_ends_and_beginnings() -> None:
    whole = subject("resnet")
    part = cut(
        whole.network, ["layer1.1.conv1", "layer1.1.downsample.0"], ["layer1.1.bn2", "layer1.1.add"]
    )
    values = whole.values(3)
    found = run(part, whole.weights, values["layer1.0.relu_1"])
    assert isinstance(found, tuple)
    assert equal(found[0], values["layer1.1.bn2"])
    assert equal(found[1], values["layer1.1.add"])


def test_a_beginning_behind_another_is_inside() -> None:
    whole = subject("named")
    both = cut(whole.network, ["conv1", "conv2"], ["conv3"])
    assert both == cut(whole.network, ["conv1"], ["conv3"])


def test_ties_stay() -> None:
    whole = subject("encoder")
    part = cut(whole.network, ["encoder.layers.1.linear1"], ["head"])
    tied = {tensor.name: tensor.tied for tensor in part.network.tensors if tensor.tied}
    assert tied == {"head.weight": "emb.weight"}
    weights = initialise(part, [whole.weights], 0)
    assert weights["head.weight"] is weights["emb.weight"]


def test_a_slice_of_a_slice() -> None:
    whole = subject("encoder")
    first = cut(whole.network, ["emb"], ["encoder.layers.1.norm2"])
    second = cut(first.network, ["encoder.layers.1.self_attn.linear"], ["encoder.layers.1.norm2"])
    values = whole.values(3)
    found = run(second, whole.weights, values["encoder.layers.0.norm2"])
    assert equal(found, values["encoder.layers.1.norm2"])


@pytest.mark.parametrize(
    ("begin", "end", "reason"),
    [
        (["conv3"], ["conv1"], "no path from conv3 to conv1"),
        (["conv1", "fc8"], ["fc7"], "no path from fc8 to fc7"),
        (["conv9"], ["fc7"], "'conv9' is no node"),
        (["conv1"], ["x"], "'x' is an input"),
        ([], ["fc7"], "at least one node to begin"),
        (["conv1"], [], "at least one node to end"),
    ],
)
def test_refused(begin: list[str], end: list[str], reason: str) -> None:
    with pytest.raises(SurgeryError, match=reason):
        cut(subject("named").network, begin, end)


def test_weights_alone_cannot_be_cut() -> None:
    network = from_weights([("conv1.weight", "float32", (4, 3, 3, 3))])
    with pytest.raises(SurgeryError, match="has no edges"):
        cut(network, ["conv1"], ["conv1"])
