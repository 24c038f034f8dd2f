"""Changed networks run, and keep what was not changed."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from modelhub.net import build, from_weights, to_json  # noqa: E402
from modelhub.net.surgery import Layer, Surgeon, SurgeryError, initialise  # noqa: E402
from tests.net.surgery.subjects import equal, run, subject  # noqa: E402


def test_a_relu_after_every_convolution() -> None:
    whole = subject("named")
    surgeon = Surgeon(whole.network)
    for number in range(1, 6):
        surgeon.insert(f"conv{number}", [Layer("RELU", f"relu_conv{number}")])
    edited = surgeon.finish()
    readers = edited.network.readers()
    for number in range(1, 6):
        assert readers[f"conv{number}"] == (f"relu_conv{number}",)
    # What is above zero twice is above zero once.
    x = whole.inputs(3)
    assert equal(run(edited, whole.weights, x), whole.module(x))


def test_delete_inverts_insert() -> None:
    for name, node, chain in [
        ("named", "conv2", [Layer("RELU"), Layer("BN", "norm"), Layer("DROPOUT")]),
        ("resnet", "relu", [Layer("CONV", "c", {"kernel": 1, "out": 4, "bias": False})]),
        ("encoder", "encoder.layers.0.norm1", [Layer("LN", "again")]),
        ("lstm", "emb", [Layer("LSTM", "first", {"out": 8}), Layer("TANH", "squash")]),
    ]:
        network = subject(name).network
        surgeon = Surgeon(network)
        before = {each.name for each in network.nodes}
        surgeon.insert(node, chain)
        made = [each.name for each in surgeon.network().nodes if each.name not in before]
        assert to_json(surgeon.finish().network) != to_json(network)
        for each in made:
            if any(n.name == each and n.kind != "AUX" for n in surgeon.network().nodes):
                surgeon.delete(each)
        assert to_json(surgeon.finish().network) == to_json(network)


def test_insert_before_changes_one_reader() -> None:
    whole = subject("resnet")
    surgeon = Surgeon(whole.network)
    surgeon.insert("layer1.1.conv1", [Layer("SIGMOID", "gate")], before=True)
    edited = surgeon.finish()
    readers = edited.network.readers()
    assert readers["gate"] == ("layer1.1.conv1",)
    assert set(readers["layer1.0.relu_1"]) == {"gate", "layer1.1.downsample.0"}
    assert run(edited, whole.weights, whole.inputs(3)).shape == (3, 5)


def test_a_sum_cannot_be_deleted() -> None:
    surgeon = Surgeon(subject("resnet").network)
    with pytest.raises(SurgeryError, match=r"layer1\.0\.add \(ADD\) reads 2 values, .*bn2, relu"):
        surgeon.delete("layer1.0.add")
    with pytest.raises(SurgeryError, match="replace it by a layer that fits"):
        surgeon.delete("layer1.1.conv1")
    assert to_json(surgeon.finish().network) == to_json(subject("resnet").network)


def test_average_for_maximum() -> None:
    whole = subject("named")
    surgeon = Surgeon(whole.network)
    for pool in ("pool1", "pool2", "pool5"):
        surgeon.replace([pool], [Layer("POOL", attributes={"mode": "AVG"})])
    edited = surgeon.finish()
    pools = {n.name: (n.mode, n.arguments["kernel_size"]) for n in edited.network.nodes if n.mode}
    assert pools == dict.fromkeys(("pool1", "pool2", "pool5"), ("AVG", (2, 2)))
    for module in (whole.module.pool1, whole.module.pool2, whole.module.pool5):
        assert module.kernel_size == 2
    copy = subject("named").module
    x = whole.inputs(2)
    saved = copy.pool1, copy.pool2, copy.pool5
    copy.pool1 = copy.pool2 = copy.pool5 = torch.nn.AvgPool2d(2)
    expected = copy(x)
    copy.pool1, copy.pool2, copy.pool5 = saved
    assert equal(run(edited, whole.weights, x), expected)


def test_a_new_head() -> None:
    whole = subject("named")
    surgeon = Surgeon(whole.network)
    surgeon.replace(["fc8"], [Layer("FULL", attributes={"out": 7})])
    surgeon.append([Layer("SOFTMAX", "prob", {"axis": 1})])
    edited = surgeon.finish()
    assert set(edited.fresh) == {"fc8.weight", "fc8.bias"}
    assert edited.kept["fc7.weight"] == (0, "fc7.weight")
    found = run(edited, whole.weights, whole.inputs(4))
    assert found.shape == (4, 7)
    assert torch.allclose(found.sum(1), torch.ones(4))


def test_replaces_nodes_that_hang_together() -> None:
    whole = subject("lenet")
    surgeon = Surgeon(whole.network)
    # The view between them goes too.
    surgeon.replace(
        ["max_pool2d_1", "fc1", "relu_2"],
        [Layer("POOL", "p", {"mode": "AVG", "global": True}), Layer("FLATTEN"),
         Layer("FULL", "fc1", {"out": 12})],
    )  # fmt: skip
    edited = surgeon.finish()
    assert [n.name for n in edited.network.nodes][-5:] == [
        "p",
        "flatten",
        "fc1",
        "fc2",
        "log_softmax",
    ]
    assert edited.network.nodes[0].name == "conv1"
    assert {t.name: t.shape for t in edited.network.tensors}["fc1.weight"] == (12, 16)
    assert run(edited, whole.weights, whole.inputs(3)).shape == (3, 10)


def test_drops_a_layer_of_an_encoder() -> None:
    whole = subject("encoder")
    surgeon = Surgeon(whole.network)
    layer = [n.name for n in whole.network.nodes if n.name.startswith("encoder.layers.0.")]
    surgeon.replace(layer, [Layer("DROPOUT", "d")])
    surgeon.delete("d")
    edited = surgeon.finish()
    assert len(edited.network.tensors) == len(whole.network.tensors) - 12
    # Two products of sizes are still read, by the other layer.
    assert {n.op for n in edited.network.nodes if "layers.0" in n.name} == {"sym.mul"}
    assert run(edited, whole.weights, whole.inputs(3))["logits"].shape == (3, 8, 20)


def test_renames_all_at_once_and_back() -> None:
    whole = subject("resnet")
    surgeon = Surgeon(whole.network)
    names = {"layer1.0.conv1": "c1", "relu": "act", "conv1": "bn1", "bn1": "conv1"}
    surgeon.rename(names)
    edited = surgeon.finish()
    assert edited.kept["bn1.weight"] == (0, "conv1.weight")
    assert edited.kept["conv1.running_mean"] == (0, "bn1.running_mean")
    x = whole.inputs(2)
    assert equal(run(edited, whole.weights, x), whole.module(x))
    surgeon.rename({new: old for old, new in names.items()})
    assert to_json(surgeon.finish().network) == to_json(whole.network)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ({"conv1": "conv2"}, "two nodes would be called 'conv2'"),
        ({"conv1": "a b"}, "not a name"),
        ({"conv7": "x1"}, "no node"),
        ({"conv1": "conv2.weight"}, "both a tensor and a module|would be called"),
    ],
)
def test_refuses_to_rename(names: dict[str, str], reason: str) -> None:
    surgeon = Surgeon(subject("named").network)
    with pytest.raises(SurgeryError, match=reason):
        surgeon.rename(names)
    assert to_json(surgeon.finish().network) == to_json(subject("named").network)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (Layer("CONV", "c", {"kernel": 3}), "CONV c needs out="),
        (Layer("CONV", "c", {"kernel": 0, "out": 3}), "kernel of CONV c is 0"),
        (Layer("CONV", "c", {"kernel": (3, 3, 3), "out": 3}), "one number or 2"),
        (Layer("CONV", "c", {"kernel": 99, "out": 3}), r"c \(CONV\) cannot read \(s0, 8, 16, 16\)"),
        (Layer("CONV", "c", {"kernel": 3, "out": 3, "groups": 3}), "must divide 8 and 3"),
        (Layer("CONV", "c", {"kernal": 3}), "CONV has no attribute 'kernal'"),
        (Layer("FULL", "f", {"out": 3}), "put a FLATTEN before it"),
        (Layer("EMBED", "e", {"in": 3, "out": 3}), "needs whole numbers"),
        (Layer("ATTN", "a"), "ATTN cannot be built; these can: BN, CONV"),
        (Layer("RELU", "conv2"), "'conv2' is taken"),
        (Layer("RELU", "conv2.weight.x"), "is a tensor"),
        (Layer("RELU", "a;b"), "not a name"),
        (Layer("POOL", "p", {"mode": "MIN", "kernel": 2}), 'expected "MAX" or "AVG"'),
        (Layer("DROPOUT", "d", {"rate": 2}), "a number from 0 to 1"),
        (Layer("SOFTMAX", "s", {"axis": 4}), "has 4 dimensions"),
    ],
)
def test_refuses_to_build(layer: Layer, reason: str) -> None:
    surgeon = Surgeon(subject("named").network)
    with pytest.raises(SurgeryError, match=reason):
        surgeon.insert("conv1", [layer])
    assert to_json(surgeon.finish().network) == to_json(subject("named").network)


def test_shapes_that_do_not_fit_are_named() -> None:
    surgeon = Surgeon(subject("named").network)
    surgeon.insert("conv5", [Layer("POOL", "extra", {"mode": "MAX", "kernel": 2})])
    with pytest.raises(SurgeryError, match=r"fit at fc6 \(aten.linear.default\): .*\(s0, 8\)"):
        surgeon.finish()


def test_weights_are_drawn_by_name_and_seed() -> None:
    whole = subject("named")

    def weights(seed: int, *, more: bool) -> dict[str, object]:
        surgeon = Surgeon(whole.network)
        surgeon.insert("fc7", [Layer("FULL", "extra", {"out": 12})])
        if more:
            surgeon.insert("conv1", [Layer("BN", "another")])
        return initialise(surgeon.finish(), [whole.weights], seed)

    one, same, other = weights(1, more=False), weights(1, more=True), weights(2, more=False)
    assert (one["extra.weight"] == same["extra.weight"]).all()
    assert not (one["extra.weight"] == other["extra.weight"]).all()
    assert abs(one["extra.weight"]).max() <= 12**-0.5
    assert (one["conv1.weight"] == whole.weights["conv1.weight"].numpy()).all()


def test_trains_a_step_after_surgery() -> None:
    whole = subject("named")
    surgeon = Surgeon(whole.network)
    surgeon.insert("conv3", [Layer("BN", "norm"), Layer("GELU")])
    edited = surgeon.finish()
    module = build(edited.network, initialise(edited, [whole.weights], 0)).train()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    module(whole.inputs(4)).square().sum().backward()
    optimizer.step()
    assert module.norm.num_batches_tracked == 1
    assert not torch.equal(module.norm.weight, torch.ones(12))


def test_weights_alone_cannot_be_changed() -> None:
    with pytest.raises(SurgeryError, match="no edges"):
        Surgeon(from_weights([("conv1.weight", "float32", (4, 3, 3, 3))]))
