"""The measurement of queries counts what it says, on small repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import bench_dql
from bench.bench_dql import METADATA, STRUCTURE, Cold, Figures, Row, bars, page, scanned, timed
from bench.dql_networks import ImportTimes, RunTimes
from bench.dql_repositories import many_networks, many_versions
from modelhub.dlv.state import Repo


@pytest.mark.parametrize("query", METADATA)
def test_an_index_and_a_scan_find_the_same(tmp_path: Path, query: str) -> None:
    many_versions(tmp_path / "many", 1_200)
    with Repo.open(tmp_path / "many") as repo, repo.catalog.read() as txn:
        assert txn.indexes_complete()
        assert txn.version_count() == 1_200
    assert timed(tmp_path / "many", query, 1)[0] == scanned(tmp_path / "many", query)[0]


def test_networks_differ_and_have_the_share_asked_for(tmp_path: Path) -> None:
    many_networks(tmp_path / "all", 30, 1.0)
    assert timed(tmp_path / "all", STRUCTURE[0], 1)[0] == 30
    many_networks(tmp_path / "none", 30, 0.0)
    assert timed(tmp_path / "none", STRUCTURE[0], 1)[0] == 0
    with Repo.open(tmp_path / "none") as repo, repo.catalog.read() as txn:
        assert txn.count_networks("POOL", limit=99) == 30
        found = txn.outline(next(iter(txn.networks_with_kind("CONV"))))
        assert found is not None
        assert 25 <= len(found.names) <= 35


def test_the_page_has_every_figure() -> None:
    figures = Figures(
        metadata=[Row("select m", 3, 1.5, 99.0), Row("select n", 4, 49.0, 98.0)],
        structure=[Cold("select m where m has CONV", 7, 0.5, 0.9, 2.0)],
        made={"slice": 5.0, "construct, one layer more": 101.0},
        forward=[RunTimes("ResNet", 2.0, 2.5)],
        minilm=ImportTimes(4.0, 3.0, 181),
    )
    assert [bar.holds for bar in bars(figures)] == [True, True, True, False, True, True]
    text = page(figures, "a machine")
    for wanted in ("a machine", "| `select m` | 3 | 1.5 | 99 |", "| slice | 5.0 |", "181 nodes"):
        assert wanted in text
    assert bench_dql.main.__doc__
