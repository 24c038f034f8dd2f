"""Certificates: never a wrong label, whatever the weights in the boxes are."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn.datasets")

from modelhub.net.arguments import Ref  # noqa: E402
from modelhub.net.module import build  # noqa: E402
from modelhub.progressive.calls import UnsupportedError  # noqa: E402
from modelhub.progressive.intervals import Interval, point  # noqa: E402
from modelhub.progressive.margins import (  # noqa: E402
    CERTIFIED,
    TIE,
    UNDECIDED,
    Logits,
    head,
    labels,
    logits,
    top_sets,
)
from modelhub.progressive.propagate import evaluate  # noqa: E402
from modelhub.progressive.schedule import sloped, uniform  # noqa: E402
from tests.net.models import MODELS  # noqa: E402
from tests.progressive.boxes_of import boxed, members, network_and_weights  # noqa: E402
from tests.progressive.digits_of import trained_on_digits  # noqa: E402

nn = torch.nn


def _mlp() -> Any:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 24), nn.ReLU(),
        nn.Linear(24, 10), nn.Softmax(1),
    )  # fmt: skip


def _cnn() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 10), nn.LogSoftmax(1),
    )  # fmt: skip


@pytest.fixture(scope="module", params=[_mlp, _cnn], ids=["mlp", "cnn"])
def trained(request: Any) -> tuple[Any, dict[str, Any], Any]:
    """A network trained for a few steps on real digits, its weights, and other digits."""
    torch.manual_seed(0)
    model = request.param()
    images = trained_on_digits(model, 120, model[:-1])
    held_out = images[1400:1520]
    network, weights = network_and_weights(model.eval(), held_out[:2])
    return network, weights, held_out


def _inputs(network: Any, images: Any) -> dict[str, Any]:
    return {next(iter(network.inputs)): images}


def _schedules(network: Any) -> list[dict[str, int]]:
    return [uniform(network, 1), uniform(network, 2), uniform(network, 3), sloped(network, 12, 6)]


def test_certified_labels_are_those_of_the_stored_weights(trained: Any) -> None:
    network, weights, images = trained
    inputs = _inputs(network, images)
    (values,) = evaluate(network, weights, inputs, [head(network).values])
    expected, shares = values.argmax(-1), []
    ordered = values.sort(-1, descending=True).values
    for planes in [*_schedules(network), uniform(network, 4)]:
        found = labels(logits(network, boxed(weights, planes), inputs))
        sure = found.status == CERTIFIED
        assert (found.label[sure] == expected[sure]).all()
        # The proved margin is one: the true margin is not below it.
        true = (ordered[:, 0] - ordered[:, 1])[sure]
        assert (found.margin[sure] <= true).all()
        shares.append(float(sure.double().mean()))
    assert shares[0] == 0.0
    assert shares[1] > 0.0
    assert shares[2] > 0.9
    assert shares[-1] == 1.0


def test_certified_sets_are_those_of_the_stored_weights(trained: Any) -> None:
    network, weights, images = trained
    inputs = _inputs(network, images)
    (values,) = evaluate(network, weights, inputs, [head(network).values])
    for count in (1, 3, 9):
        expected = values.topk(count).indices.sort(-1).values
        for planes in (2, 3):
            bounds = logits(network, boxed(weights, uniform(network, planes)), inputs)
            found = top_sets(bounds, count)
            sure = found.status == CERTIFIED
            assert (found.places.sort(-1).values[sure] == expected[sure]).all()
            assert planes == 2 or sure.any()


def test_a_search_for_corners_breaks_no_certificate(trained: Any) -> None:
    """Signs of gradients, and random corners, against the label; all inputs share the weights."""
    network, weights, images = trained
    inputs = _inputs(network, images)
    boxes = boxed(weights, uniform(network, 2))
    found = labels(logits(network, boxes, inputs))
    sure = found.status == CERTIFIED
    module = build(network, weights).double()
    ends = {n: b for n, b in boxes.items() if isinstance(b, Interval) and not b.is_point}
    label, place = found.label, head(network).values
    doubtful = found.margin.argsort()
    for attacked in doubtful[sure[doubtful]][:6].tolist():
        values = {n: (b.lo + b.hi) / 2 for n, b in ends.items()}
        for _ in range(3):
            given = {n: v.clone().requires_grad_() for n, v in values.items()}
            one = images[attacked : attacked + 1].double()
            output = torch.func.functional_call(module, given, (one,))[0]
            rival = output.detach().clone()
            rival[label[attacked]] = -torch.inf
            gap = output[label[attacked]] - output[rival.argmax()]
            slopes = torch.autograd.grad(gap, list(given.values()))
            for n, slope in zip(given, slopes, strict=True):
                values[n] = torch.where(slope > 0, ends[n].lo, ends[n].hi)
        (other,) = evaluate(network, {**weights, **values}, inputs, [place])
        assert (other.argmax(-1)[sure] == label[sure]).all()
    for turn in range(10):
        drawn = {n: list(members(b, 2))[2 + turn % 2] for n, b in ends.items()}
        (other,) = evaluate(network, {**weights, **drawn}, inputs, [place])
        assert (other.argmax(-1)[sure] == label[sure]).all()


def test_differences_of_rows_prove_more_than_differences_of_values(trained: Any) -> None:
    network, weights, images = trained
    bounds = logits(network, boxed(weights, uniform(network, 2)), _inputs(network, images))
    plain = labels(Logits(bounds.values)).margin
    rows = labels(bounds).margin
    assert (rows >= plain).all()
    assert (rows > plain + 0.01).any()


def test_the_guard_parts_ties_from_the_certified() -> None:
    def of(first: float, second: float) -> int:
        values = Interval(
            torch.tensor([[first, 0.0]], dtype=torch.float64),
            torch.tensor([[first + 0.5, second]], dtype=torch.float64),
        )
        return int(labels(Logits(values), guard=0.25).status)

    assert of(1.0, 0.5) == CERTIFIED
    assert of(1.0, 0.875) == TIE
    assert of(1.0, 1.0) == UNDECIDED
    assert of(1.0, 1.25) == UNDECIDED


def test_equal_values_are_never_certified() -> None:
    x, weight = torch.rand(4, 5, dtype=torch.float64), torch.rand(3, 5, dtype=torch.float64)
    weight[1] = weight[0] = weight[0] + 1.0
    values = point(nn.functional.linear(x, weight))
    found = labels(Logits(values, point(x), point(weight)))
    assert (found.status == UNDECIDED).all()
    assert (found.margin > -1e-12).all()


def test_the_head_is_found_through_a_softmax() -> None:
    torch.manual_seed(0)
    for name, place, linear in [
        ("lenet", "fc2", True),
        ("resnet", "fc", True),
        ("unet", "out", False),
    ]:
        case = MODELS[name]
        network, _ = network_and_weights(case.make().eval(), case.inputs(2))
        found = head(network)
        assert found.values == Ref(place)
        assert (found.linear is not None) == linear


def test_values_that_are_no_rows_of_labels_are_refused() -> None:
    case = MODELS["unet"]
    example = case.inputs(2)
    network, weights = network_and_weights(case.make().eval(), example)
    with pytest.raises(UnsupportedError, match="not one row for each input"):
        logits(network, weights, _inputs(network, example))


@pytest.mark.parametrize(("count", "guard"), [(0, 0.0), (3, 0.0), (1, -1.0)])
def test_numbers_out_of_range_are_refused(count: int, guard: float) -> None:
    values = point(torch.rand(2, 3))
    with pytest.raises(ValueError, match="of 3 places"):
        top_sets(Logits(values), count, guard)
