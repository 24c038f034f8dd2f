from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench import archival_paper, archival_scale, archival_sd, archival_small, archival_toy
from bench.archival_part import near, table
from bench.bench_main_job import Bar
from modelhub.archival import spt_costs


def _named(found: list[Bar], part: str) -> list[Bar]:
    return [bar for bar in found if part in bar.what]


def test_a_value_is_near_or_a_bar_is_missed() -> None:
    assert all(bar.holds for bar in near("x", 1.48, 1.475, 0.01))
    assert [bar.holds for bar in near("x", 1.49, 1.475, 0.01)] == [True, False]
    assert [bar.holds for bar in near("x", 1.46, 1.475, 0.01)] == [False, True]
    assert not any(bar.holds for bar in near("x", float("nan"), 1.475, 0.01))


def test_a_table() -> None:
    assert table(("a", "b"), [("x", "1")]) == ["| a | b |", "|---|---:|", "| x | 1 |"]


def test_the_papers_example() -> None:
    part = archival_toy.measure()
    assert all(bar.holds for bar in part.bars)
    assert "| auto | 3, 6 | 24 | 3, 6 |" in part.lines
    assert "| mst | none | 19 | 3, 7.5 |" in part.lines


def test_a_sweep_of_a_small_graph() -> None:
    graph = archival_paper.toy()
    found = archival_sd.sweep(graph, [1.0, 1.6])
    assert found.mst.stored == 19
    assert found.spt.read == spt_costs(graph).sum() == 8
    assert found.stores(1.0, "auto") == pytest.approx(found.spt.stored / 19)
    assert found.reads(1.0, "auto") == 1
    assert found.bound(1.6) <= found.stores(1.6, "auto")
    made = archival_sd.bars(found)
    # The example is no SD-like repository, but its plans are plans.
    assert not all(bar.holds for bar in _named(made, "MST reads over SPT"))
    assert _named(made, "pas-mt at alpha 1.6")
    assert _named(made, "budgets")[0].holds
    assert not _named(archival_sd.bars(archival_sd.sweep(graph, [1.0])), "pas-mt at alpha")


def test_bars_of_a_sweep_are_missed_where_they_should_be() -> None:
    found = archival_sd.sweep(archival_paper.toy(), [1.6])
    good = found.found[1.6, "auto"]
    assert _named(archival_sd.bars(found), "over the best other")[0].holds
    found.found[1.6, "auto"] = replace(good, stored=good.stored * 1.5, faults=1)
    made = archival_sd.bars(found)
    for part in ("over the best other", "proved gap", "budgets"):
        assert not _named(made, part)[0].holds


def test_small_graphs_are_solved_and_compared() -> None:
    found = [archival_small.compare(seed) for seed in (1, 6)]
    assert all(one.ordered and one.faults == 0 for one in found)
    assert all(one.over("auto") >= 1 - 1e-9 for one in found)
    assert all(bar.holds for bar in archival_small.bars(found))


def test_bars_of_small_graphs_are_missed_where_they_should_be() -> None:
    one = archival_small.compare(6)
    worse = replace(one, stored={**one.stored, "auto": one.stored["exact"] * 1.2}, faults=2)
    assert [bar.holds for bar in archival_small.bars([worse])] == [True, False, False, False]
    better = replace(one, stored={**one.stored, "auto": one.stored["exact"] * 0.9})
    assert not archival_small.bars([better])[0].holds
    assert not replace(one, bound=one.stored["exact"] * 1.01).ordered


def test_a_size_is_measured_in_a_process_of_its_own() -> None:
    one = archival_scale.run(60)
    assert (one.vertices, one.groups, one.faults) == (60, 4, 0)
    assert one.bound <= one.stored <= one.spt
    assert 10e6 < one.peak_bytes < 1e9
    assert one.seconds > 0


def _scaled(vertices: int, seconds: float, peak: int = 10**9) -> archival_scale.Scaled:
    return archival_scale.Scaled(vertices, 1, 1, seconds, seconds, peak, 2.0, 1.0, 1.0, 3.0, 0)


def test_the_power_of_growth() -> None:
    found = [_scaled(10**n, 3.0 * 10 ** (1.5 * n)) for n in (2, 3, 4)]
    assert archival_scale.exponent(found) == pytest.approx(1.5)


def test_bars_of_scale_are_for_a_million_vertices() -> None:
    small = [_scaled(100, 1.0), _scaled(1000, 1000.0)]
    assert [bar.what for bar in archival_scale.bars(small)] == [
        "scale, plans that are none or break budgets"
    ]
    good = [_scaled(10**4, 1.0), _scaled(10**6, 110.0)]
    assert all(bar.holds for bar in archival_scale.bars(good))
    slow = [_scaled(10**4, 0.1), _scaled(10**6, 130.0, 7 * 10**9)]
    assert [bar.holds for bar in archival_scale.bars(slow)] == [False, False, False, True]


def test_the_papers_figures_are_whole() -> None:
    assert set(archival_paper.FIGURE_6C) < set(archival_paper.ALPHAS)
    stored = np.array([point["pas-mt"][0] for point in archival_paper.FIGURE_6C.values()])
    assert np.all(np.diff(stored) <= 0)
    assert archival_paper.SPT[0] / archival_paper.MST[0] == pytest.approx(1.475, abs=1e-3)
