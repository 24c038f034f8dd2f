from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from bench import bench_progressive, progressive_found, progressive_report, progressive_train
from bench.progressive_cold import Answer, Cold
from bench.progressive_found import Controls, Found, Method, Pace, Program, ranked
from bench.progressive_measure import BITS, UNIFORM
from bench.progressive_nets import NETS


def test_a_run_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(NETS, "mlp8", replace(NETS["mlp8"], epochs=30))
    trained, page = tmp_path / "trained", tmp_path / "found.md"
    words = ["--nets", "mlp8", "--seeds", "0", "--inputs", "60", "--few", "10", "--no-cold"]
    words += ["--trained", str(trained), "--markdown", str(page)]
    bench_progressive.main(words)
    text = page.read_text()
    assert "| mlp8-0 | 60 |" in text
    assert "wrong proofs, all ways of reading: 0, bar <= 0: holds" in text
    files = sorted((trained / "found").iterdir())
    assert [path.name for path in files] == ["mlp8-0-60-controls.json", "mlp8-0-60-program.json"]
    own = progressive_found.read(files[1])
    assert isinstance(own, Program)
    assert own.certified.inputs == 60
    assert own.certified.certified > 0.5
    assert 0.0 < own.certified.at(0.5) < 1.0
    assert own.certified.steps[-1][1] == 1.0
    assert own.flips[0] > 20
    assert own.flips[1] == 0
    # What was measured is not measured again.
    written = [path.stat().st_mtime_ns for path in files]
    bench_progressive.main(words)
    assert [path.stat().st_mtime_ns for path in files] == written
    assert list(trained.glob("*.npz")) == [trained / "mlp8-0.npz"]
    capsys.readouterr()


def _method(*decided: float, wrong: int = 0, inputs: int = 100) -> Method:
    nbytes = np.array([round(1000 * share) for share in decided])
    steps = [(0.2, 0.9), (0.4, 1.0)]
    proved = float((nbytes < 1000).mean())
    return Method(inputs, 1000, proved, 0.0, wrong, 0, ranked(nbytes, 1000), steps)


def _found(certified: Method, name: str = "lenet") -> Found:
    controls = Controls(
        *(100, 0.98, 1000, 1010),
        Pace(0.001, 0.002, 0.006, 0.001),
        {UNIFORM: _method(0.7, 1.0), BITS: _method(0.6, 0.6)},
    )
    return Found(
        name, 0, controls, Program(12.0, replace(certified, steps=[]), (0.25, 0.995, 0.01))
    )


def test_ranks_are_those_of_the_inputs() -> None:
    # Of 200 inputs 194 at 0.4 and six at the end: 97 of 100 are decided at 0.4, 98 are not.
    found = _method(*[0.4] * 194, *[1.0] * 6)
    assert (found.at(0.5), found.at(0.97), found.at(0.98)) == (0.4, 0.4, 1.0)
    assert found.proved_at(0.5) == pytest.approx(0.97, abs=0.002)


def test_bars() -> None:
    parts = progressive_report.parts([_found(_method(*[0.45] * 100))], [])
    assert all(bar.holds for part in parts for bar in part.bars)
    for bad in (_method(*[0.47] * 100), _method(*[0.45] * 100, wrong=1)):
        parts = progressive_report.parts([_found(bad)], [])
        assert sum(not bar.holds for part in parts for bar in part.bars) == 1


def test_a_single_input_is_held_against_the_faster_way_to_fetch_all() -> None:
    exact = {"ordinary": Answer(2.4, 22e6, 3, 2.4), "progressive": Answer(2.5, 22e6, 3, 2.5)}
    cold = Cold(0.0, exact, Answer(1.5, 9e6, 40, 1.7), 1.0)
    assert cold.gain == pytest.approx(1.6)
    part = progressive_report.parts([_found(_method(0.4))], [cold])[-1]
    assert any(
        "| progressive, 100% proved | 1.50 | 9.0 | 40 | 1.60 | 1.70 |" in row for row in part.lines
    )
    assert [bar.holds for bar in part.bars] == [True]


def test_curves_end_where_nothing_more_is_proved() -> None:
    part = progressive_report.parts([_found(_method(*[0.4] * 98, 1.0, 1.0))], [])[0]
    (chart,) = part.charts
    own = chart.curves[0]
    assert list(own.x) == [0.0, 0.4, 0.4, 1.0]
    assert own.y[1] == 0.0
    assert own.y[-1] == pytest.approx(0.98, abs=0.002)
    assert [curve.label for curve in chart.curves if curve.dashed] == [
        f"{way}, label agrees, no proof" for way in (BITS, UNIFORM)
    ]


def test_what_was_found_comes_back(tmp_path: Path) -> None:
    found = _found(_method(0.4, 1.0))
    for number, one in enumerate((found.controls, found.program)):
        path = tmp_path / "x" / f"{number}.json"
        progressive_found.write(one, path)
        assert progressive_found.read(path) == one
    assert progressive_found.read(tmp_path / "none.json") is None


def test_unknown_networks_are_refused() -> None:
    with pytest.raises(SystemExit) as stopped:
        bench_progressive.main(["--nets", "no-such"])
    assert stopped.value.code == 2
    assert progressive_train.LARGE in NETS
