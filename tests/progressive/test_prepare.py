"""Prepared networks: the bounds of the rules, and no weights in the boxes ever leave them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from modelhub.progressive.ends import halves  # noqa: E402
from modelhub.progressive.intervals import point  # noqa: E402
from modelhub.progressive.margins import labels, logits, top_sets  # noqa: E402
from modelhub.progressive.plan import ENDS, OTHER  # noqa: E402
from modelhub.progressive.prepare import prepare  # noqa: E402
from modelhub.progressive.propagate import evaluate  # noqa: E402
from modelhub.progressive.schedule import sloped, uniform  # noqa: E402
from tests.net.models import MODELS  # noqa: E402
from tests.progressive.boxes_of import (  # noqa: E402
    around,
    boxed,
    network_and_weights,
    within,
)
from tests.progressive.nets_of import MADE, case, member, true_margins  # noqa: E402

nn = torch.nn


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name", list(MADE))
def test_members_stay_inside_and_the_bounds_are_those_of_the_rules(name: str, signed: bool) -> None:
    network, weights, inputs = case(name, signed)
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
        for weights_of in (weights, *(member(boxes) for _ in range(12))):
            (value,) = evaluate(network, weights_of, inputs, [prepared.head.values])
            assert within(value, found.values)
            true = true_margins(network, weights_of, inputs, quick.label, prepared.head.values)
            assert (quick.margin <= true).all()


@pytest.mark.parametrize("name", ["mlp", "lenet", "alexnet", "vgg", "resnet", "vit"])
def test_models_of_every_family_have_the_bounds_of_the_rules(name: str) -> None:
    torch.manual_seed(1)
    made = MODELS[name]
    example = made.inputs(3)
    network, weights = network_and_weights(made.make().eval(), example)
    boxes = boxed(weights, uniform(network, 3))
    inputs = {next(iter(network.inputs)): example}
    found, ruled = prepare(network, boxes).logits(inputs), logits(network, boxes, inputs)
    torch.testing.assert_close(found.values.lo, ruled.values.lo, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found.values.hi, ruled.values.hi, rtol=1e-9, atol=1e-9)
    (value,) = evaluate(network, weights, inputs, [prepare(network, boxes).head.values])
    assert within(value, found.values)


def test_every_node_of_a_network_for_images_has_a_step_on_ends() -> None:
    network, weights, inputs = case("residual")
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
    network, weights, _ = case("norms")
    # The norm that follows no product keeps its rule, which takes a batch as it is.
    deep, more, images = case("residual")
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
    network, weights, inputs = case("residual")
    boxes = boxed(weights, uniform(network, 2))
    large = {name: x * scale for name, x in inputs.items()}
    found, ruled = prepare(network, boxes).logits(large), logits(network, boxes, large)
    assert torch.equal(found.values.lo, ruled.values.lo)
    assert torch.equal(labels(found).margin, labels(ruled).margin)


def test_boxes_without_end_and_weights_that_may_overflow_have_no_plan() -> None:
    network, weights, inputs = case("deep")
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
    network, weights, inputs = case("residual")
    boxes = boxed(weights, uniform(network, 2))
    images = {name: around(x, 0.01) for name, x in inputs.items()}
    found, ruled = prepare(network, boxes).logits(images), logits(network, boxes, images)
    assert torch.equal(found.values.lo, ruled.values.lo)
    assert torch.equal(labels(found).margin, labels(ruled).margin)


def test_sets_of_labels_are_those_of_the_rules() -> None:
    network, weights, inputs = case("deep")
    boxes = boxed(weights, uniform(network, 3))
    found, ruled = prepare(network, boxes).logits(inputs), logits(network, boxes, inputs)
    for count in (1, 2, 4):
        quick, slow = top_sets(found, count), top_sets(ruled, count)
        assert torch.equal(quick.places, slow.places)
        torch.testing.assert_close(quick.margin, slow.margin, rtol=1e-9, atol=1e-9)


def test_many_inputs_and_many_labels_are_compared_label_by_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, weights, _ = case("deep")
    images = {next(iter(network.inputs)): torch.rand(64, 2, 5, 5)}
    boxes = boxed(weights, uniform(network, 3))
    slow = labels(logits(network, boxes, images))
    for most in (1 << 22, 0):
        monkeypatch.setattr("modelhub.progressive.pairs._AT_ONCE", most)
        quick = labels(prepare(network, boxes).logits(images))
        assert torch.equal(quick.label, slow.label)
        torch.testing.assert_close(quick.margin, slow.margin, rtol=1e-9, atol=1e-9)


def test_layers_of_the_same_tensors_are_made_once() -> None:
    network, weights, inputs = case("shortcut")
    boxes = boxed(weights, uniform(network, 2))
    first = prepare(network, boxes)
    first.logits(inputs)
    finer = boxed(weights, uniform(network, 3))
    for name in ("third.weight", "second.1.running_mean"):
        changed = boxes | {name: finer[name]}
        second, alone = prepare(network, changed, first), prepare(network, changed)
        assert torch.equal(second.logits(inputs).values.lo, alone.logits(inputs).values.lo)
        kept = set(map(id, first.ready.values()))
        made = [one for one in second.ready.values() if id(one) in kept]
        assert (len(made), len(second.ready)) == (4, 5)
    # What another network has is of no use, and of no harm.
    other, more, _ = case("residual")
    images = {next(iter(other.inputs)): next(iter(inputs.values()))}
    found = prepare(other, boxed(more, uniform(other, 2)), first).logits(images)
    expected = prepare(other, boxed(more, uniform(other, 2))).logits(images)
    assert torch.equal(found.values.lo, expected.values.lo)


def test_pairs_of_arrays_are_boxes() -> None:
    network, weights, inputs = case("deep")
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
    network, weights, _ = case("deep")
    with pytest.raises(KeyError, match=r"1\.bias"):
        prepare(network, {n: w for n, w in weights.items() if n != "1.bias"})
    with pytest.raises(KeyError):
        prepare(network, weights).logits({})
