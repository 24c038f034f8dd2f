"""Modules made of networks behave as modules do."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from modelhub.errors import BadInputError
from modelhub.net import Network, Node, Tensor, Value, build, from_json, from_module
from modelhub.net.arguments import Ref, Weight
from modelhub.net.graph import Group

torch = pytest.importorskip("torch")

from tests.net.models import MODELS  # noqa: E402

nn = torch.nn
GOLDEN = Path(__file__).parents[1] / "golden" / "network-v2" / "good"


def _made(name: str) -> tuple[Any, Any, Any]:
    """Return a model, its network as a module, and an input."""
    torch.manual_seed(1)
    case = MODELS[name]
    module, inputs = case.make(), case.inputs(2)
    return module.eval(), build(from_module(module, (inputs,)), module.state_dict()), inputs


def test_golden_module_runs() -> None:
    weight = np.arange(108, dtype=np.float32).reshape(4, 3, 3, 3)
    module = build(from_json((GOLDEN / "example.json").read_bytes()), {"conv1.weight": weight})
    x = torch.randn(3, 3, 8, 8)
    expected = nn.functional.conv2d(x, torch.from_numpy(weight), padding=1)
    assert torch.equal(module(x), nn.functional.max_pool2d(expected.relu(), 2))
    assert torch.equal(module(x=x), module(x))


def test_every_kind_of_argument_runs() -> None:
    bare = json.loads((GOLDEN / "every-argument.json").read_bytes())
    weights = {t["name"]: torch.ones(t["shape"]) for t in bare["tensors"]}
    weights["bn.num_batches_tracked"] = torch.tensor(0)
    weights["a.weight"] = np.array([[1, 2], [3, 4]], ml_dtypes.bfloat16)
    del weights["b.weight"]
    module = build(from_json((GOLDEN / "every-argument.json").read_bytes()), weights).train()
    x = torch.randn(3, 2, 4)
    found = module(x)
    assert list(found) == ["both", "rest"]
    assert isinstance(found["both"], tuple)
    chunk, weight, nothing = found["rest"]
    assert torch.equal(chunk, x[..., 2:])
    assert weight.dtype == torch.bfloat16
    assert weight.tolist() == [[1, 2], [3, 4]]
    assert not weight.requires_grad
    assert nothing is None
    assert module.bn.num_batches_tracked == 1
    assert module.eval()(x)["both"][0].shape == x.shape
    assert module.bn.num_batches_tracked == 1
    assert "shift" not in module.state_dict()


def test_ties_hold() -> None:
    original, module, _ = _made("encoder")
    assert module.head.weight is module.emb.weight
    assert len(list(module.parameters())) == len(list(original.parameters()))
    copied = copy.deepcopy(module)
    assert copied.head.weight is copied.emb.weight
    assert copied.head.weight is not module.head.weight


def test_deep_copies_run_on_their_own_weights() -> None:
    _, module, inputs = _made("mlp")
    expected = module(inputs)
    copied = copy.deepcopy(module)
    with torch.no_grad():
        copied.get_parameter("4.bias").add_(1.0)
    assert torch.equal(module(inputs), expected)
    assert torch.allclose(copied(inputs), expected + 1)


def test_part_of_a_module_in_eval_mode() -> None:
    original, module, inputs = _made("vgg")
    for each in (original, module):
        each.train()
        each.get_submodule("1").eval()
    torch.manual_seed(2)
    expected = original(inputs)
    torch.manual_seed(2)
    assert torch.equal(module(inputs), expected)
    assert module.get_buffer("1.num_batches_tracked") == 0
    assert module.get_buffer("4.num_batches_tracked") == 1


def test_other_precision() -> None:
    original, module, inputs = _made("resnet")
    assert torch.equal(module.double()(inputs.double()), original.double()(inputs.double()))


def test_weights_are_copied() -> None:
    original, module, _ = _made("mlp")
    original.get_parameter("1.weight").data.zero_()
    assert module.get_parameter("1.weight").abs().sum() > 0


def test_shapes_without_values() -> None:
    case = MODELS["resnet"]
    network = from_module(case.make(), (case.inputs(2),))
    module = build(network)
    assert module(torch.empty(7, 3, 8, 8, device="meta")).shape == (7, 5)
    with pytest.raises(RuntimeError):
        module(torch.empty(7, 4, 8, 8, device="meta"))


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ({}, "no weight of this name"),
        ({"conv1.weight": np.zeros((4, 3, 3, 1), np.float32)}, r"shape \[4, 3, 3, 1\]; expected"),
        ({"conv1.weight": np.zeros((4, 3, 3, 3), np.float64)}, "dtype float64"),
    ],
)
def test_weights_that_do_not_fit(weights: dict[str, Any], reason: str) -> None:
    network = from_json((GOLDEN / "example.json").read_bytes())
    with pytest.raises(BadInputError, match=reason):
        build(network, weights)


def test_inputs_that_do_not_fit() -> None:
    module = build(from_json((GOLDEN / "example.json").read_bytes()))
    for args, kwargs in [((), {}), ((1, 2), {}), ((1,), {"x": 1}), ((), {"y": 1})]:
        with pytest.raises(TypeError, match="inputs"):
            module(*args, **kwargs)


@pytest.mark.parametrize("name", ["forward.weight", "a.__class__.b", "_parameters.x"])
def test_names_that_would_hide_a_method(name: str) -> None:
    network = Network({}, (), (Tensor(name, "float32", (1,)),), Weight(name))
    with pytest.raises(BadInputError, match="a name in the network cannot be used"):
        build(network, {name: np.zeros(1, np.float32)})


def test_sizes_that_grow_without_end_are_stopped() -> None:
    nodes = [Node("s", "sym.size", arguments={"self": Ref("x"), "dim": 0}, values=_INT)]
    for number in range(64):
        ref = Ref(nodes[-1].name)
        nodes.append(Node(f"n{number}", "sym.mul", arguments={"a": ref, "b": ref}, values=_INT))
    network = Network({"x": Value("bool", ("s0",))}, tuple(nodes), (), Ref("n63"))
    with pytest.raises(BadInputError, match="beyond 64 bits"):
        build(network)(torch.zeros(3, dtype=torch.bool))


def test_a_network_that_breaks_a_rule_is_not_built() -> None:
    with pytest.raises(BadInputError, match="not before it"):
        build(Network({}, (), (), Group("list", (Ref("x"),))))


_INT = (Value("int", ()),)
