from __future__ import annotations

import pytest

from bench.bench_main_job import Bar


@pytest.mark.parametrize(
    ("value", "at_least", "holds"),
    [(10.0, True, True), (9.9, True, False), (10.0, False, True), (10.1, False, False)],
)
def test_a_bar_holds_up_to_its_bound(value: float, at_least: bool, holds: bool) -> None:
    bar = Bar("speed", value, 10.0, "MB/s", at_least)
    assert bar.holds is holds
    assert ("MISSED" in str(bar)) is not holds
