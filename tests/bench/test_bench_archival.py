from __future__ import annotations

from pathlib import Path

import pytest

from bench import bench_archival, plots
from bench.archival_part import Part
from bench.bench_main_job import Bar
from bench.plots import Chart, Curve


def test_one_part_with_its_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    markdown = tmp_path / "new" / "toy.md"
    words = ["--parts", "toy", "--markdown", str(markdown), "--note", "Beside other work."]
    assert bench_archival.main(words) == 0
    text = markdown.read_text()
    assert "# The planner of the archive\n" in text
    assert "Beside other work." in text
    assert "## The paper's example\n" in text
    assert "- toy, auto stores: 24.000, bar <= 24.000: holds" in text
    assert "| exact | 3, 6 | 24 | 3, 6 |" in capsys.readouterr().out


def test_a_missed_bar_is_a_status() -> None:
    good, bad = Bar("a", 2, 1, "%", True), Bar("b", 0, 1, "%", True)
    assert bench_archival.report("t", [], [Part("p", bars=[good])], None, None) == 0
    assert bench_archival.report("t", [], [Part("p", bars=[good, bad])], None, None) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--parts", "toy,no-such"],
        ["--alphas", "0.5"],
        ["--alphas", "x"],
        ["--sizes", "0"],
        ["--graphs", "0"],
    ],
)
def test_unknown_words_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        bench_archival.main(words)
    assert stopped.value.code == 2


def test_sizes_may_be_written_short() -> None:
    arguments = bench_archival._parse(["--sizes", "1e4,100000", "--alphas", "1,1.6"])
    assert arguments.sizes == [10_000, 100_000]
    assert arguments.alphas == [1.0, 1.6]


def test_charts_are_drawn_beside_the_document(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    curve = Curve("measured", [1.0, 10.0], [2.0, 3.0])
    lines = Chart("lines", "Lines", "x", "y", [curve], logarithmic=True)
    blocks = Chart("blocks", "Blocks", "x", "y", [curve], names=["a", "b"])
    part = Part("p", charts=[lines, blocks])
    bench_archival.report("t", [], [part], tmp_path / "t.md", tmp_path)
    assert "![lines](lines.svg)" in (tmp_path / "t.md").read_text()
    first = (tmp_path / "lines.svg").read_text()
    assert "measured" in first
    assert "Blocks" in (tmp_path / "blocks.svg").read_text()
    plots.draw(lines, tmp_path)
    assert (tmp_path / "lines.svg").read_text() == first


def test_without_matplotlib_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(plots.importlib.util, "find_spec", lambda name: None)
    assert bench_archival.main(["--parts", "toy", "--plots", str(tmp_path)]) == 1
    assert "bench/requirements.txt" in capsys.readouterr().err
