"""Margins by going backwards: never above a true margin, never below those of a pass forward."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.progressive import crown  # noqa: E402
from modelhub.progressive.crown import crown_margins, worth_going_back  # noqa: E402
from modelhub.progressive.intervals import Interval  # noqa: E402
from modelhub.progressive.margins import CERTIFIED, UNDECIDED, Logits, labels  # noqa: E402
from modelhub.progressive.prepare import prepare  # noqa: E402
from modelhub.progressive.schedule import sloped, uniform  # noqa: E402
from tests.progressive.boxes_of import around, boxed, network_and_weights  # noqa: E402
from tests.progressive.nets_of import MADE, case, member, true_margins  # noqa: E402

nn = torch.nn


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name", list(MADE))
def test_margins_hold_for_members_and_are_no_worse(name: str, signed: bool) -> None:
    network, weights, inputs = case(name, signed)
    for planes in (uniform(network, 2), uniform(network, 4), sloped(network, 8, 6)):
        boxes = boxed(weights, planes)
        prepared = prepare(network, boxes)
        forward = labels(prepared.logits(inputs))
        found = crown_margins(prepared, inputs, forward.label, None)
        assert (found >= forward.margin).all()
        for of in (weights, *(member(boxes) for _ in range(12))):
            true = true_margins(network, of, inputs, forward.label, prepared.head.values)
            assert (found <= true).all()


@pytest.mark.parametrize("name", ["deep", "wide", "shortcut"])
def test_it_proves_more_than_a_pass_forward(name: str) -> None:
    network, weights, inputs = case(name)
    prepared = prepare(network, boxed(weights, uniform(network, 2)))
    forward = labels(prepared.logits(inputs))
    found = crown_margins(prepared, inputs, forward.label, None)
    assert (found > forward.margin + 1e-3 * forward.margin.abs()).all()
    # The inputs matter: no layer gives nothing but 0.
    assert len(set(forward.margin.tolist())) == len(found)


def test_exact_weights_give_exact_margins_where_all_relus_are_stable() -> None:
    network, weights, inputs = case("deep")
    prepared = prepare(network, boxed(weights, uniform(network, 4)))
    label = labels(prepared.logits(inputs)).label
    found = crown_margins(prepared, inputs, label, None)
    true = true_margins(network, weights, inputs, label, prepared.head.values)
    torch.testing.assert_close(found, true, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(3, 2, 1)])
def test_pools_between_layers(pool: Any) -> None:
    torch.manual_seed(2)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), pool, nn.Conv2d(3, 4, 3, stride=2, padding=1),
        nn.ReLU(), nn.Flatten(), nn.LazyLinear(4),
    )  # fmt: skip
    images = torch.rand(4, 1, 8, 8)
    model(images)
    network, weights = network_and_weights(model.eval(), images)
    inputs = {next(iter(network.inputs)): images}
    boxes = boxed(weights, uniform(network, 2))
    prepared = prepare(network, boxes)
    forward = labels(prepared.logits(inputs))
    found = crown_margins(prepared, inputs, forward.label, None)
    assert (found > forward.margin).all()
    for _ in range(30):
        true = true_margins(network, member(boxes), inputs, forward.label, prepared.head.values)
        assert (found <= true).all()


def test_pairs_in_parts_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    network, weights, inputs = case("shortcut")
    prepared = prepare(network, boxed(weights, uniform(network, 2)))
    label = labels(prepared.logits(inputs)).label
    whole = crown_margins(prepared, inputs, label, None)
    monkeypatch.setattr(crown, "_PAIRS", 3)
    torch.testing.assert_close(crown_margins(prepared, inputs, label, None), whole)


def test_an_input_is_left_when_its_pair_in_most_doubt_stays_there() -> None:
    network, weights, inputs = case("deep")
    prepared = prepare(network, boxed(weights, uniform(network, 2)))
    forward = labels(prepared.logits(inputs))
    wanted = float(forward.margin.max()) + 100.0
    # No pair comes to the bar, so that only one of each input has gone back.
    assert (crown_margins(prepared, inputs, forward.label, wanted) >= forward.margin).all()
    # What is above the bar already does not go back.
    low = float(forward.margin.min()) - 1.0
    assert torch.equal(crown_margins(prepared, inputs, forward.label, low), forward.margin)


def test_without_a_plan_margins_are_those_of_the_rules() -> None:
    network, weights, inputs = case("residual")
    prepared = prepare(network, boxed(weights, uniform(network, 2)))
    images = {name: around(x, 0.01) for name, x in inputs.items()}
    forward = labels(prepared.logits(images))
    found = crown_margins(prepared, images, forward.label, None)
    assert torch.equal(found, forward.margin)


def test_labels_without_hope_are_left_alone() -> None:
    # The first label leads by 1 in the middle of all bounds; they are wider from row to row.
    middle = torch.tensor([[1.0, 0.0, -3.0]]).double().expand(5, 3)
    wide = torch.tensor([0.4, 0.6, 1.4, 1.6, float("inf")]).double()[:, None]
    bounds = Logits(Interval(middle - wide, middle + wide))
    found = labels(bounds)
    assert found.status.tolist() == [CERTIFIED, *[UNDECIDED] * 4]
    assert worth_going_back(bounds, found).tolist() == [False, True, True, False, False]
