"""A search for weights in the boxes that change labels breaks no certificate, and finds some."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn.datasets")

from modelhub.progressive.crown import crown_margins  # noqa: E402
from modelhub.progressive.flips import flips  # noqa: E402
from modelhub.progressive.intervals import Interval, point  # noqa: E402
from modelhub.progressive.margins import CERTIFIED, labels  # noqa: E402
from modelhub.progressive.prepare import prepare  # noqa: E402
from modelhub.progressive.propagate import evaluate  # noqa: E402
from modelhub.progressive.schedule import sloped, uniform  # noqa: E402
from tests.progressive.boxes_of import boxed, network_and_weights  # noqa: E402
from tests.progressive.digits_of import trained_on_digits  # noqa: E402
from tests.progressive.nets_of import Shortcut  # noqa: E402

nn = torch.nn


def _mlp() -> Any:
    layers = [nn.Flatten(), nn.Linear(64, 32), nn.ReLU()]
    for _ in range(3):
        layers += [nn.Linear(32, 32), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(32, 10))


def _lenet() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 3), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 24), nn.ReLU(), nn.Linear(24, 10),
    )  # fmt: skip


def _shortcut() -> Any:
    model = Shortcut()
    model.first[0] = nn.Conv2d(1, 4, 3, padding=1)
    model.head = nn.Linear(6, 10)
    return model


@pytest.fixture(scope="module", params=[_mlp, _lenet, _shortcut], ids=["mlp", "lenet", "shortcut"])
def trained(request: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """A network trained for a few steps on real digits, its weights, and other digits."""
    torch.manual_seed(0)
    model = request.param()
    images = trained_on_digits(model, 150)
    network, weights = network_and_weights(model.eval(), images[:2])
    return network, weights, {next(iter(network.inputs)): images[1400:1500]}


def _take(inputs: dict[str, Any], rows: Any) -> dict[str, Any]:
    return {name: x[rows] for name, x in inputs.items()}


def test_what_is_proved_is_never_flipped(trained: Any) -> None:
    network, weights, inputs = trained
    (values,) = evaluate(network, weights, inputs)
    proved = 0
    for planes in (uniform(network, 2), sloped(network, 10, 4)):
        boxes = boxed(weights, planes)
        prepared = prepare(network, boxes)
        found = labels(prepared.logits(inputs))
        margin = crown_margins(prepared, inputs, found.label)
        assert (margin[found.status == CERTIFIED] > 0.0).all()
        sure = margin > 0.0
        assert torch.equal(found.label[sure], values.argmax(1)[sure])
        # Those in most doubt among the proved.
        near = margin.masked_fill(~sure, torch.inf).argsort()[: min(int(sure.sum()), 12)]
        broken = flips(network, boxes, _take(inputs, near), found.label[near], 2, 4)
        assert not broken.any()
        proved += len(near)
    assert proved >= 12


def test_with_one_byte_nearly_all_labels_are_flipped(trained: Any) -> None:
    network, weights, inputs = trained
    few = _take(inputs, slice(0, 20))
    (values,) = evaluate(network, weights, few)
    boxes = boxed(weights, uniform(network, 1))
    found = flips(network, boxes, few, values.argmax(1))
    assert found.double().mean() > 0.8


def test_exact_weights_flip_nothing_but_wrong_labels(trained: Any) -> None:
    network, weights, inputs = trained
    few = _take(inputs, slice(0, 6))
    (values,) = evaluate(network, weights, few)
    assert not flips(network, weights, few, values.argmax(1)).any()
    assert flips(network, weights, few, values.argmin(1)).all()


def test_tied_weights_move_together() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(2, 2, bias=False)
            self.second = nn.Linear(2, 2, bias=False)
            self.second.weight = self.first.weight

        def forward(self, x: Any) -> Any:
            return self.first(x) - self.second(x) + x

    network, _ = network_and_weights(Tied().eval(), torch.zeros(2, 2))
    ends = torch.full((2, 2), -5.0, dtype=torch.float64)
    boxes = {name: Interval(ends, -ends) for name in ("first.weight", "second.weight")}
    x = {next(iter(network.inputs)): torch.tensor([[1.0, 0.5]])}
    label = torch.tensor([0])
    assert not flips(network, boxes, x, label).any()
    apart = {**boxes, "second.weight": point(torch.zeros(2, 2))}
    assert len(flips(network, apart, x, label)) == 1
