"""What a plan must not take for what it is not: channels, values that are never negative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from modelhub.progressive.calls import UnsupportedError  # noqa: E402
from modelhub.progressive.ends import halves  # noqa: E402
from modelhub.progressive.margins import labels  # noqa: E402
from modelhub.progressive.prepare import prepare  # noqa: E402
from modelhub.progressive.propagate import evaluate  # noqa: E402
from tests.progressive.boxes_of import around, network_and_weights, within  # noqa: E402
from tests.progressive.nets_of import member  # noqa: E402

nn, functional = torch.nn, torch.nn.functional


class Made(nn.Module):
    """A layer, a ReLU, what is to be tried and a linear layer at the end."""

    def __init__(self, first: Any, between: Callable[[Any], Any], last: int) -> None:
        super().__init__()
        self.first, self.between, self.last = first, between, nn.Linear(last, 3)

    def forward(self, x: Any) -> Any:
        return self.last(self.between(torch.relu(self.first(x))).flatten(1))


ROWS, SERIES, IMAGES = (5, 7), (5, 2, 8), (5, 2, 6, 6)
CASES = {
    # Pools that take the channels for a dimension of places: ends have twice as many.
    "places are features": (ROWS, nn.Linear(7, 5), lambda y: functional.max_pool1d(y, 2), 2),
    "features overlap": (ROWS, nn.Linear(7, 6), lambda y: functional.max_pool1d(y, 3, 1), 4),
    "places are channels": (
        SERIES, nn.Conv1d(2, 4, 3), lambda y: functional.max_pool2d(y, 3, 1, 1), 24,
    ),
    "channels average": (
        SERIES, nn.Conv1d(2, 4, 3), lambda y: functional.avg_pool2d(y, 3, 1, 1), 24,
    ),
    "adaptive": (
        SERIES, nn.Conv1d(2, 4, 3), lambda y: functional.adaptive_avg_pool2d(y, (4, 3)), 12,
    ),
    # Values below 0 that look as if there were none.
    "a low ceiling": (ROWS, nn.Linear(7, 6), lambda y: torch.clamp_max(y, -1.0), 6),
    "a low range": (ROWS, nn.Linear(7, 6), lambda y: functional.hardtanh(y, -2.0, -1.0), 6),
    "sizes below 0": (ROWS, nn.Linear(7, 6), lambda y: y * (y.shape[0] - 10), 6),
    "a size with its sign": (ROWS, nn.Linear(7, 6), lambda y: y * -y.shape[0], 6),
    "sums for averages": (
        IMAGES, nn.Conv2d(2, 4, 3), lambda y: functional.avg_pool2d(y, 2, divisor_override=1), 16,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_members_are_inside(name: str) -> None:
    shape, first, between, last = CASES[name]
    torch.manual_seed(3)
    images = torch.rand(shape)
    network, weights = network_and_weights(Made(first, between, last).eval(), images)
    boxes = {key: around(value, 0.05) for key, value in weights.items()}
    prepared, given = prepare(network, boxes), {next(iter(network.inputs)): images}
    bounds = prepared.logits(given)
    found = labels(bounds)
    for _ in range(20):
        (z,) = evaluate(network, member(boxes), given, [prepared.head.values])
        assert within(z, bounds.values)
        own = z.gather(1, found.label[:, None])
        others = z.scatter(1, found.label[:, None], -torch.inf).amax(1)
        assert (own[:, 0] - others >= found.margin).all()


def test_a_hardtanh_from_0_has_steps_after_it() -> None:
    model = Made(nn.Linear(7, 6), lambda y: functional.hardtanh(y - 0.5, 0.0, 6.0), 6)
    network, weights = network_and_weights(model.eval(), torch.rand(5, 7))
    plan = prepare(network, weights).plan(True)
    assert plan is not None
    assert {node.name for node in network.nodes if "hardtanh" in node.op} <= plan.positive


def test_a_row_of_numbers_becomes_a_column() -> None:
    class Column(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(1, 4), nn.Linear(4, 3)

        def forward(self, x: Any) -> Any:
            return self.last(torch.relu(self.first(x.view(-1, 1))))

    network, weights = network_and_weights(Column().eval(), torch.rand(5))
    given = {next(iter(network.inputs)): torch.rand(5)}
    bounds = prepare(network, weights).logits(given)
    assert within(evaluate(network, weights, given)[0], bounds.values)


def test_labels_of_a_part_of_what_a_node_gives() -> None:
    class Parts(nn.Module):
        def __init__(self, last: bool) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(7, 8), nn.Linear(4, 3) if last else nn.Identity()

        def forward(self, x: Any) -> Any:
            return self.last(torch.relu(self.first(x)).chunk(2, 1)[1])

    for last in (True, False):
        network, weights = network_and_weights(Parts(last).eval(), torch.rand(5, 7))
        boxes = {key: around(value, 0.01) for key, value in weights.items()}
        given = {next(iter(network.inputs)): torch.rand(5, 7)}
        bounds = prepare(network, boxes).logits(given)
        assert within(evaluate(network, member(boxes), given)[0], bounds.values)
        assert (labels(bounds).margin > -torch.inf).all()


def test_a_norm_magnifies_what_underflows_in_the_sum_before_it() -> None:
    torch.manual_seed(0)
    first, norm = nn.Linear(7, 6, bias=False), nn.BatchNorm1d(6)
    model = nn.Sequential(first, norm, nn.ReLU(), nn.Linear(6, 3)).double().eval()
    first.weight.data.abs_().mul_(1e-160)
    norm.weight.data.fill_(1e25)
    images = torch.rand(5, 7, dtype=torch.float64) * 1e-161
    network, weights = network_and_weights(model, images)
    given = {next(iter(network.inputs)): images}
    read = network.nodes[-1].arguments["input"]
    (value,) = evaluate(network, weights, given, [read])
    trace = prepare(network, weights).trace(given)
    assert trace is not None
    assert within(value, halves(trace.values[trace.operand]))


def test_one_value_is_no_label() -> None:
    network, weights = network_and_weights(nn.Linear(7, 1).eval(), torch.rand(5, 7))
    with pytest.raises(UnsupportedError, match="labels need two"):
        prepare(network, weights).logits({next(iter(network.inputs)): torch.rand(5, 7)})
