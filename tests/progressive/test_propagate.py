"""Whole networks: no weights in the boxes, and no inputs in theirs, leave the bounds."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.net.arguments import Ref  # noqa: E402
from modelhub.net.module import build  # noqa: E402
from modelhub.progressive.calls import UnsupportedError  # noqa: E402
from modelhub.progressive.intervals import Interval, point  # noqa: E402
from modelhub.progressive.propagate import evaluate, propagate  # noqa: E402
from modelhub.progressive.schedule import sloped, uniform  # noqa: E402
from tests.net.models import MODELS, Encoder  # noqa: E402
from tests.progressive.boxes_of import (  # noqa: E402
    around,
    boxed,
    members,
    network_and_weights,
    within,
)

BOUNDED = ["mlp", "lenet", "alexnet", "vgg", "resnet", "mobile", "unet", "encoder", "vit"]


def _case(name: str) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    torch.manual_seed(3)
    case = MODELS[name]
    model = case.make().eval()
    for module in model.modules():
        # Statistics as after training, not 0 and 1.
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    example = case.inputs(3)
    network, weights = network_and_weights(model, example)
    return network, weights, {next(iter(network.inputs)): example}


def _member(box: Any) -> Any:
    return list(members(box, 2))[torch.randint(4, ())] if isinstance(box, Interval) else box


def _sampled(network: Any, boxes: dict[str, Any]) -> dict[str, Any]:
    tied = {t.name: t.tied for t in network.tensors if t.tied}
    drawn = {name: _member(box) for name, box in boxes.items()}
    return drawn | {name: drawn[other] for name, other in tied.items()}


@pytest.mark.parametrize("name", BOUNDED)
def test_members_of_the_boxes_stay_inside(name: str) -> None:
    network, weights, inputs = _case(name)
    previous = None
    for planes in (2, 3, 4):
        boxes = boxed(weights, uniform(network, planes))
        (found,) = propagate(network, boxes, inputs)
        (stored,) = evaluate(network, weights, inputs)
        assert within(stored, found)
        for _ in range(8):
            (other,) = evaluate(network, _sampled(network, boxes), inputs)
            assert within(other, found)
        if previous is not None:
            # More planes never widen, but for rounding.
            near = 1e-9 * (1.0 + stored.abs().max())
            assert (previous.lo <= found.lo + near).all()
            assert (found.hi <= previous.hi + near).all()
        previous = found
    width = (previous.hi - previous.lo).max()
    assert 0.0 < width < 1e-7


@pytest.mark.parametrize("name", ["mlp", "lenet", "resnet", "mobile", "vit"])
def test_members_of_boxes_of_inputs_stay_inside(name: str) -> None:
    network, weights, inputs = _case(name)
    boxes = boxed(weights, sloped(network, 12, 4))
    (key,) = inputs
    images = around(inputs[key], 0.01)
    (found,) = propagate(network, boxes, {key: images})
    for image in members(images, 10):
        (other,) = evaluate(network, _sampled(network, boxes), {key: image})
        assert within(other, found)


@pytest.mark.parametrize("name", ["mlp", "lenet", "resnet", "vgg"])
def test_corners_that_gradients_point_to_stay_inside(name: str) -> None:
    """Steepest corners for one value of the output, from the middle: what random ones miss."""
    network, weights, inputs = _case(name)
    boxes = boxed(weights, uniform(network, 2))
    (found,) = propagate(network, boxes, inputs)
    module = build(network, weights).double()
    ends = {n: b for n, b in boxes.items() if isinstance(b, Interval) and not b.is_point}
    reached = []
    for sign in (-1.0, 1.0):
        values = {n: (b.lo + b.hi) / 2 for n, b in ends.items()}
        for _ in range(3):
            given = {n: v.clone().requires_grad_() for n, v in values.items()}
            (example,) = (v.double() for v in inputs.values())
            output = torch.func.functional_call(module, given, (example,))
            slopes = torch.autograd.grad(sign * output[0, 0], list(given.values()))
            for n, slope in zip(given, slopes, strict=True):
                values[n] = torch.where(slope > 0, ends[n].hi, ends[n].lo)
        (other,) = evaluate(network, {**weights, **values}, inputs)
        assert within(other, found)
        reached.append(float(other[0, 0]))
    # The search did find something: a good part of the interval is really taken.
    assert reached[1] - reached[0] > 0.01 * float(found.hi[0, 0] - found.lo[0, 0])


@pytest.mark.parametrize("name", BOUNDED)
def test_the_reference_is_the_module_in_float64(name: str) -> None:
    network, weights, inputs = _case(name)
    (found,) = evaluate(network, weights, inputs)
    given = [v.double() if v.is_floating_point() else v for v in inputs.values()]
    with torch.no_grad():
        expected = build(network, weights).double()(*given)
    expected = expected["logits"] if isinstance(expected, dict) else expected
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "op"), [("lstm", "aten.lstm.input"), ("gru", "aten.gru.input")])
def test_what_has_no_bounds_is_named_and_can_be_evaluated(name: str, op: str) -> None:
    network, weights, inputs = _case(name)
    with pytest.raises(UnsupportedError, match="no bounds are known for the node 'rnn'") as caught:
        propagate(network, weights, inputs)
    assert (caught.value.node, caught.value.op) == ("rnn", op)
    assert evaluate(network, weights, inputs)[0].dtype == torch.float64


def test_values_inside_can_be_asked_for_and_later_nodes_are_not_run() -> None:
    network, weights, inputs = _case("lstm")
    (found,) = propagate(network, weights, inputs, [Ref("emb")])
    assert found.is_point
    network, weights, inputs = _case("lenet")
    hidden, tokens = propagate(network, weights, inputs, [Ref("conv1"), Ref("x")])
    assert hidden.shape == (3, 6, 16, 16)
    assert tokens.is_point


def test_tied_tensors_need_one_name_only() -> None:
    torch.manual_seed(0)
    network, weights = network_and_weights(Encoder().eval(), MODELS["encoder"].inputs(2))
    inputs = {next(iter(network.inputs)): MODELS["encoder"].inputs(2)}
    (whole,) = evaluate(network, weights, inputs)
    (tied,) = [t for t in network.tensors if t.tied]
    for name in (tied.name, tied.tied):
        fewer = {n: w for n, w in weights.items() if n != name}
        assert torch.equal(evaluate(network, fewer, inputs)[0], whole)
        (found,) = propagate(network, fewer, inputs)
        assert within(whole, found)


def test_missing_weights_are_told() -> None:
    network, weights, inputs = _case("mlp")
    weights.pop("1.bias")
    with pytest.raises(KeyError, match=r"1\.bias"):
        propagate(network, weights, inputs)


def test_the_reference_takes_no_intervals() -> None:
    network, weights, inputs = _case("mlp")
    with pytest.raises(TypeError, match="an interval"):
        evaluate(network, weights | {"1.bias": point(weights["1.bias"])}, inputs)


def test_one_interval_for_two_tensors_is_not_taken_for_one_value() -> None:
    class Product(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = torch.nn.Parameter(torch.ones(3))
            self.b = torch.nn.Parameter(torch.ones(3))

        def forward(self, x: Any) -> Any:
            return x + self.a * self.b + x * x

    network, _ = network_and_weights(Product().eval(), torch.zeros(2, 3))
    ends = torch.tensor([-1.0, -2.0, 1.0], dtype=torch.float64)
    box = Interval(ends, ends + 3.0)
    x = Interval(torch.zeros(2, 3).double() - 1.0, torch.zeros(2, 3).double() + 1.0)
    (found,) = propagate(network, {"a": box, "b": box}, {"x": x})
    # a in [-1, 2], b too: their product is -2 at least, x is -1 at least, and its square 0.
    torch.testing.assert_close(found.lo[0], torch.tensor([-3.0, -3.0, 0.0]).double())
