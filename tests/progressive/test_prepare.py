"""Prepared networks: the bounds of the rules, and no weights in the boxes ever leave them."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.progressive.ends import halves  # noqa: E402
from modelhub.progressive.intervals import Interval, point  # noqa: E402
from modelhub.progressive.margins import labels, logits, top_sets  # noqa: E402
from modelhub.progressive.plan import ENDS, OTHER  # noqa: E402
from modelhub.progressive.prepare import prepare  # noqa: E402
from modelhub.progressive.propagate import evaluate  # noqa: E402
from modelhub.progressive.schedule import sloped, uniform  # noqa: E402
from tests.net.models import MODELS  # noqa: E402
from tests.progressive.boxes_of import (  # noqa: E402
    around,
    boxed,
    members,
    network_and_weights,
    within,
)

nn = torch.nn


class Residual(nn.Module):
    """What networks for images have: shortcuts, norms, pools, averages, `cat`, a flat view."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
        self.second = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4))
        self.down = nn.Conv2d(4, 6, 1, stride=2)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(12 + 16, 5)

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.first(x))
        x = torch.relu(x + self.second(x))
        y = nn.functional.avg_pool2d(nn.functional.relu6(self.norm(self.down(x))), 3, 2, 1)
        y = torch.cat([y.clamp(min=0.0), y], 1).mean((2, 3))
        z = nn.functional.max_pool2d(x, 2, 2).view(x.shape[0], -1)[:, :16]
        return self.head(torch.cat([y, torch.relu(z)], 1)).softmax(1)


def _plain(*layers: Any) -> Any:
    return nn.Sequential(*layers)


def _deep() -> Any:
    layers = [nn.Flatten(), nn.Linear(50, 24), nn.ReLU()]
    for _ in range(6):
        layers += [nn.Linear(24, 24), nn.ReLU()]
    return _plain(*layers, nn.Linear(24, 5))


def _norms() -> Any:
    # A norm with nothing learned, one after a linear layer, one that follows no product.
    return _plain(
        nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4, affine=False), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(),
        nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 5),
    )  # fmt: skip


def _other() -> Any:
    # Sigmoid and groups keep their rules, between layers that do not.
    return _plain(
        nn.Conv2d(2, 4, 3, padding="same"), nn.Sigmoid(), nn.Conv2d(4, 4, 3, groups=2), nn.ReLU(),
        nn.Conv2d(4, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 5),
    )  # fmt: skip


def _volume() -> Any:
    return _plain(
        nn.Unflatten(1, (1, 2)), nn.Conv3d(1, 3, 2), nn.ReLU(), nn.AvgPool3d((1, 2, 2)),
        nn.Flatten(), nn.Linear(12, 5, bias=False),
    )  # fmt: skip


def _wide() -> Any:
    # Many channels at few places: one matrix product for a batch.
    return _plain(
        nn.Conv2d(2, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 17, (3, 2), (2, 1), (1, 2)),
        nn.BatchNorm2d(17), nn.ReLU(), nn.Conv2d(17, 16, 1, bias=False), nn.ReLU(),
        nn.Conv2d(16, 4, 2, dilation=2), nn.ReLU(), nn.Flatten(), nn.Linear(24, 5),
    )  # fmt: skip


MADE = {
    "wide": _wide,
    "residual": Residual,
    "deep": _deep,
    "norms": _norms,
    "other": _other,
    "volume": _volume,
    "one": lambda: _plain(nn.Flatten(), nn.Linear(50, 5)),
}


def _case(name: str, signed: bool = False) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    torch.manual_seed(7)
    model = MADE[name]().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
            if module.weight is not None:
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
    images = torch.rand(6, 2, 5, 5) - (0.5 if signed else 0.0)
    network, weights = network_and_weights(model, images)
    return network, weights, {next(iter(network.inputs)): images}


def _member(boxes: dict[str, Any]) -> dict[str, Any]:
    return {
        name: list(members(box, 2))[torch.randint(4, ())] if isinstance(box, Interval) else box
        for name, box in boxes.items()
    }


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name", list(MADE))
def test_members_stay_inside_and_the_bounds_are_those_of_the_rules(name: str, signed: bool) -> None:
    network, weights, inputs = _case(name, signed)
    for planes in (uniform(network, 2), uniform(network, 4), sloped(network, 10, 6)):
        boxes = boxed(weights, planes)
        prepared = prepare(network, boxes)
        found, ruled = prepared.logits(inputs), logits(network, boxes, inputs)
        size = 1.0 + ruled.values.magnitude().max()
        for end in ("lo", "hi"):
            gap = getattr(found.values, end) - getattr(ruled.values, end)
            assert gap.abs().max() <= 1e-10 * size
        assert (found.values.hi > found.values.lo).all()
        quick, slow = labels(found), labels(ruled)
        assert torch.equal(quick.label, slow.label)
        # Differences of rows are never worse than those of values.
        assert (quick.margin - slow.margin).abs().max() <= 1e-10 * size
        for weights_of in (weights, *(_member(boxes) for _ in range(12))):
            (value,) = evaluate(network, weights_of, inputs, [prepared.head.values])
            assert within(value, found.values)
            own = value.gather(1, quick.label[:, None]) - value
            own.scatter_(1, quick.label[:, None], torch.inf)
            assert (quick.margin <= own.amin(1)).all()


@pytest.mark.parametrize("name", ["mlp", "lenet", "alexnet", "vgg", "resnet", "vit"])
def test_models_of_every_family_have_the_bounds_of_the_rules(name: str) -> None:
    torch.manual_seed(1)
    case = MODELS[name]
    example = case.inputs(3)
    network, weights = network_and_weights(case.make().eval(), example)
    boxes = boxed(weights, uniform(network, 3))
    inputs = {next(iter(network.inputs)): example}
    found, ruled = prepare(network, boxes).logits(inputs), logits(network, boxes, inputs)
    torch.testing.assert_close(found.values.lo, ruled.values.lo, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.values.hi, ruled.values.hi, rtol=1e-9, atol=1e-9)
    (value,) = evaluate(network, weights, inputs, [prepare(network, boxes).head.values])
    assert within(value, found.values)


def test_every_node_of_a_network_for_images_has_a_step_on_ends() -> None:
    network, weights, inputs = _case("residual")
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(),
        nn.Conv2d(4, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip
    network, weights = network_and_weights(model.eval(), next(iter(inputs.values())))
    plan = prepare(network, boxed(weights, uniform(network, 2))).plan(True)
    assert plan is not None
    assert plan.whole
    assert OTHER not in plan.forms.values()
    assert sum(form == ENDS for form in plan.forms.values()) == sum(
        len(p.steps) for p in plan.parts
    )
    # The norm is part of the layer before it.
    assert sum(len(part.steps) for part in plan.parts) == len(network.nodes) - 1


def test_a_batch_in_parts_gives_what_it_gives_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network, weights, _ = _case("norms")
    # The norm that follows no product keeps its rule, which takes a batch as it is.
    deep, more, images = _case("residual")
    for net, held in ((network, weights), (deep, more)):
        boxes = boxed(held, uniform(net, 2))
        given = {next(iter(net.inputs)): next(iter(images.values()))}
        whole = prepare(net, boxes).logits(given)
        monkeypatch.setattr("modelhub.progressive.plan._STEP_BYTES", 1)
        monkeypatch.setattr("modelhub.progressive.plan._ROWS", 4)
        parts = prepare(net, boxes).logits(given)
        monkeypatch.undo()
        torch.testing.assert_close(whole.values.lo, parts.values.lo, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(labels(whole).margin, labels(parts).margin)


@pytest.mark.parametrize("scale", [1e13, float("inf"), float("nan")])
def test_huge_inputs_go_by_the_rules(scale: float) -> None:
    network, weights, inputs = _case("residual")
    boxes = boxed(weights, uniform(network, 2))
    large = {name: x * scale for name, x in inputs.items()}
    found, ruled = prepare(network, boxes).logits(large), logits(network, boxes, large)
    assert torch.equal(found.values.lo, ruled.values.lo)
    assert torch.equal(labels(found).margin, labels(ruled).margin)


def test_boxes_without_end_and_weights_that_may_overflow_have_no_plan() -> None:
    network, weights, inputs = _case("deep")
    for weight in (
        torch.full((24, 24), 2.0**127),
        torch.full((24, 24), 1e300, dtype=torch.float64),
    ):
        held = weights | {"9.weight": weight}
        boxes = boxed(held, uniform(network, 1)) if weight.dtype == torch.float32 else held
        prepared = prepare(network, boxes)
        assert prepared.plan(True) is None
        ruled = logits(network, boxes, inputs)
        assert torch.equal(prepared.logits(inputs).values.hi, ruled.values.hi)


def test_boxes_of_inputs_go_by_the_rules() -> None:
    network, weights, inputs = _case("residual")
    boxes = boxed(weights, uniform(network, 2))
    images = {name: around(x, 0.01) for name, x in inputs.items()}
    found, ruled = prepare(network, boxes).logits(images), logits(network, boxes, images)
    assert torch.equal(found.values.lo, ruled.values.lo)
    assert torch.equal(labels(found).margin, labels(ruled).margin)


def test_sets_of_labels_are_those_of_the_rules() -> None:
    network, weights, inputs = _case("deep")
    boxes = boxed(weights, uniform(network, 3))
    found, ruled = prepare(network, boxes).logits(inputs), logits(network, boxes, inputs)
    for count in (1, 2, 4):
        quick, slow = top_sets(found, count), top_sets(ruled, count)
        assert torch.equal(quick.places, slow.places)
        torch.testing.assert_close(quick.margin, slow.margin, rtol=1e-9, atol=1e-9)


def test_many_inputs_and_many_labels_are_compared_label_by_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, weights, _ = _case("deep")
    images = {next(iter(network.inputs)): torch.rand(64, 2, 5, 5)}
    boxes = boxed(weights, uniform(network, 3))
    slow = labels(logits(network, boxes, images))
    for most in (1 << 22, 0):
        monkeypatch.setattr("modelhub.progressive.pairs._AT_ONCE", most)
        quick = labels(prepare(network, boxes).logits(images))
        assert torch.equal(quick.label, slow.label)
        torch.testing.assert_close(quick.margin, slow.margin, rtol=1e-9, atol=1e-9)


def test_pairs_of_arrays_are_boxes() -> None:
    network, weights, inputs = _case("deep")
    boxes = boxed(weights, uniform(network, 2))
    arrays = {
        name: (lo := box.lo.numpy(), lo if box.is_point else box.hi.numpy())
        for name, box in boxes.items()
    }
    found, expected = (
        prepare(network, arrays).logits(inputs),
        prepare(network, boxes).logits(inputs),
    )
    assert torch.equal(found.values.lo, expected.values.lo)


def test_ends_are_halves_of_dimension_one() -> None:
    ends = torch.arange(12.0).reshape(1, 4, 3)
    assert halves(ends).lo.tolist() == [[[0, 1, 2], [3, 4, 5]]]
    assert halves(ends).hi.tolist() == [[[6, 7, 8], [9, 10, 11]]]
    assert point(1.0).is_point


def test_missing_weights_and_inputs_are_told() -> None:
    network, weights, _ = _case("deep")
    with pytest.raises(KeyError, match=r"1\.bias"):
        prepare(network, {n: w for n, w in weights.items() if n != "1.bias"})
    with pytest.raises(KeyError):
        prepare(network, weights).logits({})
