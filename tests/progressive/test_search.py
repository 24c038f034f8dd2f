"""Ladders: rising schedules, as cheap as they can be, whatever bounds do at few bits."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pytest

from modelhub.progressive.search import SHARES, Rung, Step, search

BITS = (4, 6, 8, 10, 12, 14, 16, 20, 24, 32)


def steps_of(sizes: Mapping[str, int]) -> dict[str, list[Step]]:
    """Return steps at `BITS` for tensors of so many values; a bit of each takes its eighth."""
    return {
        name: [Step(i + 1, bits, size * bits // 8) for i, bits in enumerate(BITS)]
        for name, size in sizes.items()
    }


class Network:
    """Margins that fall by what each tensor leaves open, and without end where that is much."""

    def __init__(self, weight: Mapping[str, float], best: np.ndarray, growing: bool = False):
        self.steps = steps_of({"first": 100, "middle": 2000, "last": 30000})
        self.weight, self.best, self.growing = weight, best, growing
        self.calls = 0

    def margins(self, schedule: Mapping[str, int]) -> np.ndarray:
        self.calls += 1
        lost = 0.0
        for name, segments in schedule.items():
            if segments < len(BITS):
                lost += self.weight[name] * 2.0 ** -BITS[segments - 1]
        if self.growing:
            lost = lost * (1 + lost)
            if lost > 1e3:
                return np.full_like(self.best, np.nan)
        return self.best - lost


def best_margins(count: int = 200) -> np.ndarray:
    return np.random.default_rng(0).lognormal(1.0, 1.5, count)


WEIGHT = {"first": 3e4, "middle": 2e3, "last": 40.0}


@pytest.mark.parametrize("growing", [False, True])
def test_a_ladder_rises_to_the_exact_rung(growing: bool) -> None:
    network = Network(WEIGHT, best_margins(), growing)
    ladder = search(network.steps, network.margins)
    assert len(ladder) >= 4
    for before, after in itertools.pairwise(ladder):
        assert all(before.schedule[name] <= after.schedule[name] for name in before.schedule)
        assert before.nbytes < after.nbytes
        assert before.share <= after.share
    assert set(ladder[-1].schedule.values()) == {len(BITS)}
    reached = [rung.share for rung in ladder]
    for share in SHARES:
        assert any(one >= share for one in reached)
    for rung in ladder[:-1]:
        proved = network.margins(rung.schedule) > 0
        assert rung.share == proved.mean()
    assert network.calls <= 60


def test_bytes_are_those_of_the_schedule() -> None:
    network = Network(WEIGHT, best_margins())
    for rung in search(network.steps, network.margins):
        read = (network.steps[name][s - 1].nbytes for name, s in rung.schedule.items())
        assert rung.nbytes == sum(read)


def test_less_is_read_than_by_the_same_bits_everywhere() -> None:
    network = Network(WEIGHT, best_margins())
    ladder = search(network.steps, network.margins)
    wanted = next(rung for rung in ladder if rung.share >= 0.975)
    for place in range(len(BITS)):
        schedule = dict.fromkeys(network.steps, place + 1)
        if (network.margins(schedule) > 0).mean() >= 0.975:
            uniform = sum(found[place].nbytes for found in network.steps.values())
            break
    assert wanted.nbytes < 0.7 * uniform


def test_no_schedule_of_one_step_less_in_all_does() -> None:
    network = Network(WEIGHT, best_margins())
    ladder = search(network.steps, network.margins)
    for rung in (rung for rung in ladder if rung.share < 1.0):
        fewer = {name: max(segments - 1, 1) for name, segments in rung.schedule.items()}
        assert (network.margins(fewer) > 0).mean() < rung.share


def test_other_inputs_find_rungs_between_the_hardest_here_and_all() -> None:
    network = Network(WEIGHT, best_margins())
    ladder = search(network.steps, network.margins)
    beyond = [rung for rung in ladder if rung.share == 1.0]
    assert len(beyond) >= 3
    harder = Network(WEIGHT, best_margins() / 20)
    shares = [float((harder.margins(rung.schedule) > 0).mean()) for rung in beyond]
    assert shares[0] < shares[1] <= 1.0


def test_inputs_that_nothing_proves_are_left_out() -> None:
    best = best_margins()
    best[:20] = -1.0
    best[20] = np.nan
    network = Network(WEIGHT, best)
    ladder = search(network.steps, network.margins)
    assert len(ladder) > 3
    assert ladder[-1].share == pytest.approx(1 - 21 / 200)
    assert ladder[-2].share == ladder[-1].share


def test_where_nothing_is_proved_there_is_the_exact_rung_alone() -> None:
    network = Network(WEIGHT, np.full(10, -1.0))
    (rung,) = search(network.steps, network.margins)
    assert rung == Rung(dict.fromkeys(network.steps, len(BITS)), rung.nbytes, 0.0)


def test_tensors_of_one_step_are_always_whole() -> None:
    network = Network(WEIGHT, best_margins())
    steps = {**network.steps, "bias": [Step(1, 32, 40)]}

    def margins(schedule: Mapping[str, int]) -> np.ndarray:
        return network.margins({n: s for n, s in schedule.items() if n != "bias"})

    ladder = search(steps, margins)
    assert all(rung.schedule["bias"] == 1 for rung in ladder)
    alone = search({"bias": steps["bias"]}, lambda _schedule: best_margins())
    assert [rung.nbytes for rung in alone] == [40]


def test_a_tensor_that_may_not_be_open_at_all_is_read_whole() -> None:
    network = Network({**WEIGHT, "first": 1e300}, best_margins())
    ladder = search(network.steps, network.margins)
    assert len(ladder) > 3
    assert all(rung.schedule["first"] == len(BITS) for rung in ladder)


def test_a_tensor_that_does_not_matter_is_read_least() -> None:
    network = Network({**WEIGHT, "last": 0.0}, best_margins())
    ladder = search(network.steps, network.margins)
    assert all(rung.schedule["last"] == 1 for rung in ladder[:-1])
