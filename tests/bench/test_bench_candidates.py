from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from bench import bench_candidates
from bench.bench_candidates import Figures, Row
from bench.mixed_data import mixed, shuffled


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """A small corpus: a network, a stranger, a step on the network, and its cast."""
    random = np.random.default_rng(0)
    own = {n: random.normal(0, 0.05, (80, 60)).astype(np.float32) for n in ("a.weight", "b.weight")}
    own["bias"] = random.normal(0, 0.05, 30).astype(np.float32)
    tuned = {n: t + random.normal(0, 1e-4, t.shape).astype(np.float32) for n, t in own.items()}
    corpus = [
        mixed("net", "first", own, 0),
        mixed("other", "stranger", shuffled(own, 1), 1),
        mixed("net", "tuned", tuned, 2),
        mixed("net", "half", {n: t.astype(ml_dtypes.bfloat16) for n, t in tuned.items()}, 3),
        mixed("net", "again", tuned, 4),
    ]
    return bench_candidates.measure(tmp_path_factory.mktemp("bench"), corpus)


def test_true_bases_are_counted(figures: Figures) -> None:
    rows = {row.name: row for row in figures.rows}
    # The bias is below what is sketched.
    assert [(row.name, row.known, row.found, row.deltas) for row in figures.rows] == [
        ("first", 0, 0, 0),
        ("stranger", 0, 0, 0),
        ("tuned", 2, 2, 2),
        ("half", 2, 2, 2),
        ("again", 0, 0, 0),
    ]
    assert figures.found == 100
    assert rows["again"].tensors == rows["again"].raw_bytes == 0
    assert rows["half"].stored_bytes < 0.3 * rows["half"].alone_bytes
    assert len(figures.errors) == 4


def test_bars_and_table(figures: Figures, tmp_path: Path) -> None:
    found = bench_candidates.bars(figures)
    assert [bar.what.split(",")[0] for bar in found] == [
        "true bases found",
        "bytes lost to false bases",
        "look-up of a 100 MB set",
        "error of an estimate",
    ]
    assert found[0].holds
    assert found[1].holds
    text = bench_candidates.table(figures).splitlines()
    assert len(text) == 2 + len(figures.rows)
    assert len({line.count("|") for line in text}) == 1


def test_a_stranger_at_a_loss_misses_a_bar() -> None:
    row = Row(
        "bad", known=4, found=2, strangers=1, lost_bytes=10, lookup_ms=30, raw_bytes=300_000_000
    )
    row.errors.append(40.0)
    verdicts = [bar.holds for bar in bench_candidates.bars(Figures([row]))]
    assert verdicts == [False, False, True, False]
