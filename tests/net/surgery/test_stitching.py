"""Two halves in a row compute the composition."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from modelhub.net import build, from_json, from_module, to_json  # noqa: E402
from modelhub.net.surgery import Surgeon, SurgeryError, cut, initialise  # noqa: E402
from tests.net.models import MODELS  # noqa: E402
from tests.net.surgery.subjects import equal, subject  # noqa: E402


def _run(edited: object, sources: list[object], *args: object) -> object:
    network = from_json(to_json(edited.network))
    with torch.no_grad():
        return build(network, initialise(edited, sources, 0))(*args)


@pytest.mark.parametrize(
    ("name", "node", "reader"),
    [
        ("named", "pool2", "conv3"),
        ("resnet", "layer1.0.relu_1", "layer1.1.conv1"),
        ("encoder", "encoder.layers.0.norm2", "encoder.layers.1.self_attn.linear"),
        ("lstm", "emb", "rnn"),
    ],
)
def test_two_halves_of_a_model_are_the_model(name: str, node: str, reader: str) -> None:
    whole = subject(name)
    torch.manual_seed(77)
    other = MODELS[name].make().eval()
    network = from_module(other, (whole.inputs(2),))
    surgeon = Surgeon(whole.network)
    surgeon.stitch(node, network, reader)
    edited = surgeon.finish()
    assert not edited.fresh
    assert {number for number, _ in edited.kept.values()} == {0, 1}
    x = whole.inputs(3)
    expected_front = whole.values(3)[node]
    part = cut(network, [reader], [network.nodes[-1].name])
    expected = build(part.network, initialise(part, [other.state_dict()], 0))(expected_front)
    found = _run(edited, [whole.weights, other.state_dict()], x)
    assert equal(found["logits"] if isinstance(found, dict) else found, expected)


def test_names_that_clash_get_a_number() -> None:
    whole = subject("named")
    surgeon = Surgeon(whole.network)
    # Back to the front of the same network: conv3 to fc8 are there twice.
    surgeon.change("conv5", "out", 12)
    surgeon.stitch("conv5", whole.network, "conv3")
    edited = surgeon.finish()
    assert edited.kept["conv3_2.weight"] == (1, "conv3.weight")
    assert edited.kept["conv3.weight"] == (0, "conv3.weight")
    assert "fc6_2.weight" not in edited.kept
    assert edited.kept["fc6.weight"] == (1, "fc6.weight")
    assert _run(edited, [whole.weights, whole.weights], whole.inputs(2)).shape == (2, 5)


def test_another_kind_of_network() -> None:
    front, back = subject("resnet"), subject("mobile")
    surgeon = Surgeon(front.network)
    surgeon.stitch("layer1.0.relu_1", back.network, "expand.0")
    edited = surgeon.finish()
    x = front.inputs(2)
    with torch.no_grad():
        expected = back.module(front.values(2)["layer1.0.relu_1"])
    assert equal(_run(edited, [front.weights, back.weights], x), expected)


def test_what_goes_on_can_be_stitched_again() -> None:
    front, back = subject("resnet"), subject("mobile")
    surgeon = Surgeon(front.network)
    last = back.network.nodes[-1].name
    surgeon.stitch("layer1.0.relu_1", back.network, "expand.0")
    surgeon.stitch(last, back.network, "expand.0")
    edited = surgeon.finish()
    assert edited.kept["expand.0_2.weight"] == (2, "expand.0.weight")
    with torch.no_grad():
        expected = back.module(back.module(front.values(2)["layer1.0.relu_1"]))
    found = _run(edited, [front.weights, back.weights, back.weights], front.inputs(2))
    assert equal(found, expected)


@pytest.mark.parametrize(
    ("node", "name", "reader", "reason"),
    [
        ("pool2", "named", "conv4x", "no node"),
        ("pool2x", "named", "conv4", "no node"),
        ("pool1", "named", "conv3", r"\(s0, 8, 8, 8\) and conv3 reads float32 \(s0, 12, 4, 4\)"),
        ("pool1", "unet", "middle", "also needs its relu"),
        ("pool1", "encoder", "emb", "do not fit"),
        ("pool1", "resnet", "layer1.0.add", "reads 2 values"),
    ],
)
def test_refused(node: str, name: str, reader: str, reason: str) -> None:
    surgeon = Surgeon(subject("named").network)
    with pytest.raises(SurgeryError, match=reason):
        surgeon.stitch(node, subject(name).network, reader)
    assert to_json(surgeon.finish().network) == to_json(subject("named").network)
