"""The formula, against the sum over all outcomes, and where it turns."""

from __future__ import annotations

import itertools
import math

import pytest

from modelhub.progressive.break_even import Speeds, climbing_seconds, exact_seconds
from modelhub.progressive.search import Rung

RUNGS = (Rung({}, 300, 0.6), Rung({}, 500, 0.9))
SPEEDS = Speeds(fetch=0.01, forward=0.2, bound=0.7)


def test_exact() -> None:
    assert exact_seconds(100, 1000, 3, SPEEDS) == pytest.approx(9.0 + 0.6)
    assert exact_seconds(1200, 1000, 3, SPEEDS) == pytest.approx(0.6)


def test_it_is_the_mean_over_all_outcomes() -> None:
    """Each of three inputs is decided by the first rung, the second, or neither."""
    total = 0.0
    for outcome in itertools.product(((0, 0.6), (1, 0.3), (2, 0.1)), repeat=3):
        probability = math.prod(p for _, p in outcome)
        last = max(rung for rung, _ in outcome)
        nbytes = (300, 500, 1000)[last]
        bounds = 3 + sum(rung > 0 for rung, _ in outcome)
        exact = sum(rung == 2 for rung, _ in outcome)
        total += probability * (nbytes * 0.01 + bounds * 0.7 + exact * 0.2)
    assert climbing_seconds(RUNGS, 0.0, 0, 1000, 3, SPEEDS) == pytest.approx(total)


def test_what_is_known_already_counts() -> None:
    """After the first rung two inputs are left, each decided by the next with 0.3 of 0.4."""
    wanted = 2.0 + 2 * 0.7 + (1 - 0.75**2) * 5.0 + 2 * 0.25 * 0.2
    assert climbing_seconds(RUNGS[1:], 0.6, 300, 1000, 2, SPEEDS) == pytest.approx(wanted)


def test_a_rung_takes_time_by_itself() -> None:
    slow = Speeds(0.01, 0.2, 0.7, rung=5.0)
    plain = climbing_seconds(RUNGS, 0.0, 0, 1000, 2, SPEEDS)
    more = 5.0 + (1 - 0.6**2) * 5.0
    assert climbing_seconds(RUNGS, 0.0, 0, 1000, 2, slow) == pytest.approx(plain + more)
    # So it pays to pass one over.
    assert climbing_seconds(RUNGS[1:], 0.0, 0, 1000, 2, slow) < plain + more


def test_no_rungs_are_an_exact_read() -> None:
    assert climbing_seconds((), 0.0, 0, 1000, 3, SPEEDS) == exact_seconds(0, 1000, 3, SPEEDS)


@pytest.mark.parametrize(("count", "faster"), [(1, True), (1000, False)])
def test_few_inputs_climb_and_many_do_not(count: int, faster: bool) -> None:
    climbing = climbing_seconds(RUNGS, 0.0, 0, 1000, count, SPEEDS)
    assert (climbing < exact_seconds(0, 1000, count, SPEEDS)) == faster


def test_a_fast_link_is_read_at_once() -> None:
    fast = Speeds(fetch=1e-6, forward=0.2, bound=0.7)
    assert climbing_seconds(RUNGS, 0.0, 0, 1000, 1, fast) > exact_seconds(0, 1000, 1, fast)


@pytest.mark.parametrize("count", [1, 5, 40])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("fetch", [1e-9, 1e-7, 1e-5, 1e-3])
def test_one_rung_pays_where_the_formula_says(count: int, share: float, fetch: float) -> None:
    forward, cost, part, full = 1e-3, 4.0, 400, 1000
    speeds = Speeds(fetch, forward, cost * forward)
    climbing = climbing_seconds([Rung({}, part, share)], 0.0, 0, full, count, speeds)
    pays = count * (cost - share) * forward < share**count * (full - part) * fetch
    assert (climbing < exact_seconds(0, full, count, speeds)) == pays
