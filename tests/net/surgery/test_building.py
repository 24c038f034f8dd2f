"""Every kind of layer that can be built runs, with the dimensions of what it reads."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.net import Network, Value, build, from_json, to_json  # noqa: E402
from modelhub.net.arguments import Ref  # noqa: E402
from modelhub.net.kinds import KINDS  # noqa: E402
from modelhub.net.layers import attributes_of  # noqa: E402
from modelhub.net.surgery import Edited, Layer, Surgeon, SurgeryError, initialise  # noqa: E402
from modelhub.net.surgery.building import BUILDABLE  # noqa: E402

IMAGE = ("s0", 4, 8, 8)
SEQUENCE = ("s0", "s1", 8)
FLAT = ("s0", 8)


def _build(layer: Layer, shape: tuple[int | str, ...], dtype: str = "float32") -> Edited:
    network = Network({"x": Value(dtype, shape)}, (), (), Ref("x"))
    surgeon = Surgeon(network)
    surgeon.append([layer])
    return surgeon.finish()


@pytest.mark.parametrize(
    ("kind", "attributes", "shape", "expected"),
    [
        ("CONV", {"kernel": 3, "out": 6}, IMAGE, (2, 6, 6, 6)),
        ("CONV", {"kernel": [3, 1], "out": 6, "stride": 2, "padding": (1, 0)}, IMAGE, (2, 6, 4, 4)),
        ("CONV", {"kernel": 3, "out": 6, "padding": "same", "bias": False}, IMAGE, (2, 6, 8, 8)),
        ("CONV", {"kernel": 3, "out": 8, "groups": 4, "dilation": 2}, IMAGE, (2, 8, 4, 4)),
        ("CONV", {"kernel": 3, "out": 6}, ("s0", 4, 9), (2, 6, 7)),
        ("CONV", {"kernel": 1, "out": 6}, ("s0", 4, 3, 3, 3), (2, 6, 3, 3, 3)),
        ("FULL", {"out": 3}, FLAT, (2, 3)),
        ("FULL", {"out": 3, "bias": False}, SEQUENCE, (2, 5, 3)),
        ("POOL", {"mode": "MAX", "kernel": 2}, IMAGE, (2, 4, 4, 4)),
        ("POOL", {"mode": "AVG", "kernel": 3, "stride": 1, "padding": 1}, IMAGE, (2, 4, 8, 8)),
        ("POOL", {"mode": "MAX", "kernel": 2, "dilation": 2}, IMAGE, (2, 4, 3, 3)),
        ("POOL", {"mode": "MAX", "global": True}, IMAGE, (2, 4, 1, 1)),
        ("POOL", {"mode": "AVG", "global": True}, ("s0", 4, 9), (2, 4, 1)),
        ("BN", {"eps": 0.1, "momentum": 0.2}, IMAGE, (2, 4, 8, 8)),
        ("BN", {}, FLAT, (2, 8)),
        ("LN", {"eps": 0.1}, SEQUENCE, (2, 5, 8)),
        ("RMSNORM", {"eps": 0.1}, SEQUENCE, (2, 5, 8)),
        ("GN", {"groups": 2, "eps": 0.1}, IMAGE, (2, 4, 8, 8)),
        ("LSTM", {"out": 6}, SEQUENCE, (2, 5, 6)),
        ("LSTM", {"out": 6, "layers": 2, "bidirectional": True, "rate": 0.1}, SEQUENCE, (2, 5, 12)),
        ("GRU", {"out": 6, "layers": 2}, SEQUENCE, (2, 5, 6)),
        ("SOFTMAX", {"axis": 1}, FLAT, (2, 8)),
        ("DROPOUT", {"rate": 0.1}, FLAT, (2, 8)),
        ("FLATTEN", {}, IMAGE, (2, 256)),
        ("UPSAMPLE", {"scale": 2}, IMAGE, (2, 4, 16, 16)),
        ("LEAKY_RELU", {"slope": 0.3}, FLAT, (2, 8)),
        ("ELU", {"alpha": 0.5}, FLAT, (2, 8)),
        *[
            (kind, {}, FLAT, (2, 8))
            for kind in ("RELU", "RELU6", "GELU", "SILU", "SIGMOID", "TANH", "HARDSWISH",
                         "SOFTPLUS", "MISH")
        ],
    ],
)  # fmt: skip
def test_runs(kind: str, attributes: Any, shape: Any, expected: tuple[int, ...]) -> None:
    edited = _build(Layer(kind, "made", attributes), shape)
    network = from_json(to_json(edited.network))
    (node,) = [each for each in network.nodes if each.name == "made"]
    assert node.kind == kind
    told = attributes_of(network)["made"]
    for word, value in attributes.items():
        if word in told and kind != "UPSAMPLE":
            spread = tuple(value) if isinstance(value, list) else (value,) * (len(shape) - 2)
            assert told[word] in (value, spread)
    module = build(network, initialise(edited, [{}], 3))
    sizes = {"s0": 2, "s1": 5}
    x = torch.randn([sizes.get(size, size) for size in shape])
    for training in (False, True):
        assert tuple(module.train(training)(x).shape) == expected


def test_a_table_reads_whole_numbers() -> None:
    edited = _build(Layer("EMBED", "table", {"in": 9, "out": 4}), ("s0", "s1"), "int64")
    module = build(edited.network, initialise(edited, [{}], 3))
    assert module(torch.tensor([[8, 0, 1]])).shape == (1, 3, 4)


def test_all_kinds_are_words_of_queries() -> None:
    assert BUILDABLE.keys() <= KINDS


def test_weights_have_the_dtype_of_what_is_read() -> None:
    edited = _build(Layer("FULL", "f", {"out": 3}), FLAT, "bfloat16")
    weights = initialise(edited, [{}], 3)
    assert str(weights["f.weight"].dtype) == "bfloat16"
    assert build(edited.network, weights)(torch.ones(2, 8, dtype=torch.bfloat16)).shape == (2, 3)


@pytest.mark.parametrize(
    ("layer", "shape", "reason"),
    [
        (Layer("CONV", "c", {"kernel": 3, "out": 3}), FLAT, "expected 3 or 4 or 5"),
        (Layer("CONV", "c", {"kernel": 3, "out": 3}), SEQUENCE, "needs a fixed size"),
        (Layer("BN", "b"), SEQUENCE, "needs a fixed size"),
        (Layer("LSTM", "l", {"out": 3}), FLAT, "expected 3"),
        (Layer("POOL", "p", {"mode": "AVG", "global": True, "kernel": 2}), IMAGE, "has no kernel"),
        (Layer("POOL", "p", {"mode": "AVG", "kernel": 2, "dilation": 2}), IMAGE, "no dilation"),
        (Layer("GN", "g", {"groups": 3}), IMAGE, "must divide 4"),
        (Layer("FULL", "f", {"out": 1 << 40}), FLAT, "a whole number from 1"),
        (Layer("DROPOUT", "d", {"rate": float("nan")}), FLAT, "expected a number"),
        (Layer("FULL", "f", {"out": 3, "bias": "yes"}), FLAT, "expected true or false"),
        (Layer("RELU", "a.forward"), FLAT, "'forward' is a word that torch keeps"),
    ],
)
def test_refused(layer: Layer, shape: Any, reason: str) -> None:
    with pytest.raises(SurgeryError, match=reason):
        _build(layer, shape)
