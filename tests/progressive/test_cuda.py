"""Bounds on a GPU: those of a CPU but for rounding, and what float64 gives on either is inside."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.progressive.crown import crown_margins  # noqa: E402
from modelhub.progressive.flips import flips  # noqa: E402
from modelhub.progressive.intervals import Interval  # noqa: E402
from modelhub.progressive.margins import labels, logits  # noqa: E402
from modelhub.progressive.prepare import prepare  # noqa: E402
from modelhub.progressive.propagate import evaluate, propagate  # noqa: E402
from modelhub.progressive.schedule import uniform  # noqa: E402
from tests.net.models import MODELS  # noqa: E402
from tests.progressive.boxes_of import boxed, network_and_weights, within  # noqa: E402
from tests.progressive.nets_of import MADE, case, member  # noqa: E402

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is at hand")


def _there(value: Any) -> Any:
    return value.map(lambda end: end.cuda()) if isinstance(value, Interval) else value.cuda()


def _all_there(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _there(value) for name, value in values.items()}


def _close(x: Interval, y: Interval) -> None:
    scale = 1.0 + float(y.magnitude().max())
    for end in ("lo", "hi"):
        gap = getattr(x, end).cpu() - getattr(y, end).cpu()
        assert gap.abs().max() <= 1e-9 * scale


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name", list(MADE))
def test_prepared_networks(name: str, signed: bool) -> None:
    network, weights, inputs = case(name, signed)
    boxes = boxed(weights, uniform(network, 2))
    here, there = prepare(network, boxes), prepare(network, _all_there(boxes))
    # Inputs go where the weights are.
    found, expected = there.logits(inputs), here.logits(inputs)
    assert found.values.lo.is_cuda
    _close(found.values, expected.values)
    ruled = logits(network, _all_there(boxes), _all_there(inputs))
    _close(ruled.values, expected.values)
    proved = labels(found)
    assert torch.equal(proved.label.cpu(), labels(expected).label)
    margin = crown_margins(there, inputs, proved.label, None).cpu()
    assert (margin >= proved.margin.cpu() - 1e-9).all()
    for _ in range(5):
        drawn = member(boxes)
        for device in (drawn, _all_there(drawn)):
            (value,) = evaluate(network, device, inputs, [there.head.values])
            assert within(value.cuda(), found.values)
            own = value.cpu().gather(1, proved.label.cpu()[:, None]) - value.cpu()
            own.scatter_(1, proved.label.cpu()[:, None], torch.inf)
            assert (margin <= own.amin(1)).all()
    sure = (margin > 0.0).nonzero()[:2, 0]
    few = {key: x[sure] for key, x in inputs.items()}
    assert not flips(network, _all_there(boxes), few, proved.label[sure.cuda()]).any()


@pytest.mark.parametrize("name", ["lenet", "alexnet", "resnet", "mobile", "unet", "encoder", "vit"])
def test_networks_of_every_family(name: str) -> None:
    torch.manual_seed(0)
    made = MODELS[name]
    example = made.inputs(3)
    network, weights = network_and_weights(made.make().eval(), example)
    boxes = boxed(weights, uniform(network, 3))
    inputs = {next(iter(network.inputs)): example}
    # Constants of the network go along with the weights.
    (found,) = propagate(network, _all_there(boxes), inputs)
    (expected,) = propagate(network, boxes, inputs)
    _close(found, expected)
    (value,) = evaluate(network, _all_there(weights), inputs)
    assert within(value, found)
