"""Schedules by bits and slope: which prefixes they take."""

from __future__ import annotations

import itertools
import math

import pytest

torch = pytest.importorskip("torch")

from modelhub.net import from_module  # noqa: E402
from modelhub.net.graph import Network  # noqa: E402
from modelhub.progressive.ladder import (  # noqa: E402
    cut_steps,
    default,
    estimate_schedule,
    estimate_schedules,
    nbytes_of,
    sloped_segments,
)
from modelhub.progressive.search import Step  # noqa: E402

nn = torch.nn

BITS = (4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 24, 32)
FIXED = tuple(Step(i + 1, bits, 10 * bits) for i, bits in enumerate(BITS))
PLANES = tuple(Step(k, 8 * k, 100 * k) for k in (1, 2, 3, 4))


@pytest.fixture(scope="module")
def network() -> Network:
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3))
    return from_module(model.eval(), (torch.rand(2, 4),))


@pytest.fixture(scope="module")
def steps(network: Network) -> dict[str, tuple[Step, ...]]:
    found = {tensor.name: PLANES for tensor in network.tensors}
    return found | {"0.weight": FIXED, "2.weight": FIXED}


def test_bits_rise_towards_the_input(network: Network, steps: dict[str, tuple[Step, ...]]) -> None:
    found = sloped_segments(network, steps, 9, 3)
    bits = {name: steps[name][count - 1].bits for name, count in found.items()}
    assert bits == {
        "0.weight": 16, "2.weight": 12, "4.weight": 16,
        "0.bias": 32, "2.bias": 32, "4.bias": 32,
    }  # fmt: skip
    assert nbytes_of(steps, found) == 160 + 120 + 200 + 3 * 400
    assert sloped_segments(network, steps, 99, 0) == {n: s[-1].segments for n, s in steps.items()}


def test_only_what_is_cut_has_a_choice(
    network: Network, steps: dict[str, tuple[Step, ...]]
) -> None:
    found = cut_steps(network, steps)
    assert {name for name, left in found.items() if len(left) > 1} == {
        "0.weight", "2.weight", "4.weight"
    }  # fmt: skip
    assert found["0.bias"] == PLANES[-1:]


def test_the_default_ladder_climbs(network: Network, steps: dict[str, tuple[Step, ...]]) -> None:
    rungs = default(network, steps)
    assert len(rungs) > 1
    sizes = [rung.nbytes for rung in rungs]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] < nbytes_of(steps, {name: s[-1].segments for name, s in steps.items()})
    assert all(math.isnan(rung.share) for rung in rungs)
    for low, high in itertools.pairwise(rungs):
        assert all(low.schedule[name] <= high.schedule[name] for name in steps)
    # Without prefixes there is nothing to climb.
    assert default(network, {name: s[-1:] for name, s in steps.items()}) == ()


def test_estimates_take_two_bytes_or_eight_bits(
    network: Network, steps: dict[str, tuple[Step, ...]]
) -> None:
    found = estimate_schedule(network, steps)
    assert steps["0.weight"][found["0.weight"] - 1].bits == 8
    assert found["4.weight"] == 2
    assert found["4.bias"] == 4
    every = estimate_schedules(network, steps)
    assert found in every
    sizes = [nbytes_of(steps, schedule) for schedule in every]
    assert sizes == sorted(set(sizes))
    assert every[-1] == {name: s[-1].segments for name, s in steps.items()}
