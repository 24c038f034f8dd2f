from __future__ import annotations

from pathlib import Path

import pytest

from bench.codec_figures import Figures, table, write_markdown, write_sizes
from bench.codec_measured import Measured


@pytest.fixture
def figures() -> Figures:
    figures = Figures()
    figures.add(
        [
            Measured("ids", "memcpy", 1, "", 2_000_000, 2_000_000, 0, [0.002], [0.001]),
            Measured("ids", "zstd 1", 1, "", 2_000_000, 500_000, 0, [0.02, 0.01], [0.004, 0.005]),
            Measured("ids", "zstd 1", 2, "", 2_000_000, 500_000, 0, [0.005], [0.004]),
            Measured("ids", "pcodec", 1, "", 1, failure="killed its process: SIGSEGV"),
        ]
    )
    return figures


def test_the_table_shows_the_smallest_first_and_failures_by_name(figures: Figures) -> None:
    lines = table(figures).splitlines()
    assert lines[1] == "ids, 2.0 MB"
    zstd = lines[3].split()
    assert zstd == ["zstd", "1", "75.00", "200", "500", "400", "500"]
    assert lines[4].split() == ["memcpy", "0.00", "1000", "2000"]
    assert any("pcodec" in line and "FAILED: killed" in line for line in lines)
    assert figures.failures() == ["pcodec: killed its process: SIGSEGV (on ids)"]


def test_what_failed_has_no_figure(figures: Figures) -> None:
    assert figures.get("ids", "pcodec") is None
    assert figures.get("ids", "lz4") is None
    best = figures.best_peer("ids")
    assert best is not None
    assert best.coder == "zstd 1"
    assert figures.best_peer("minilm") is None


def test_files(figures: Figures, tmp_path: Path) -> None:
    write_sizes(figures, tmp_path / "s.csv")
    rows = (tmp_path / "s.csv").read_text().splitlines()
    assert rows[0] == "input,coder,raw_bytes,packed_bytes,tensor_bytes"
    assert "ids,zstd 1,2000000,500000," in rows
    assert not any("pcodec" in row for row in rows)
    write_markdown(figures, tmp_path / "t.md", ["a machine"], ["a bar: holds"])
    text = (tmp_path / "t.md").read_text()
    assert "| zstd 1 | 75.00 |" in text
    assert "- a bar: holds" in text
