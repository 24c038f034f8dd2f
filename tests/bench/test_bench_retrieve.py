from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from bench import bench_retrieve
from bench.bench_retrieve import PLANES, PLANS, Measured
from bench.retrieve_reading import SCHEMES, Reading, Times, WrongValuesError
from modelhub.repository import Repository


def _epochs(folder: Path, count: int) -> None:
    """Write epochs of a small network, each near the one before."""
    random = np.random.default_rng(0)
    values = random.standard_normal((300, 100)).astype(np.float32)
    folder.mkdir()
    for epoch in range(1, count + 1):
        near = values * np.float32(1 + 1e-6 * epoch)
        save_file({"a": near, "b": near[0] + 1}, folder / f"epoch-{epoch}.safetensors")


def test_a_run_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODELHUB_BENCH_DATA", str(tmp_path))
    _epochs(tmp_path / "scratch", 4)
    work, markdown = tmp_path / "work", tmp_path / "found.md"
    work.mkdir()
    words = ["--inputs", "scratch", "--runs", "1", "--snapshots", "3", "--folder", str(work)]
    assert bench_retrieve.main([*words, "--markdown", str(markdown)]) == 0
    text = markdown.read_text()
    assert "3 snapshots of 0.1 MB" in text
    assert "| auto | 1 byte |" in text
    assert "scratch, bytes read by auto over the budget, worst" in text
    assert text.count("found") >= 4
    assert list(work.iterdir()) == []
    assert "MISSED" not in capsys.readouterr().out


def test_wrong_values_are_noticed(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((300, 100)).astype(np.float32)
    with Repository.init(tmp_path) as repo:
        repo.commit("m", {"a": values})
    with Reading.open(tmp_path, ["m"], 2) as reading:
        assert reading.check(0, 0, {"a": values}) > reading.check(0, 1, {"a": values}) > 0
        assert all(reading.seconds(0, planes, s) > 0 for planes in PLANES for s in SCHEMES)
        with pytest.raises(WrongValuesError, match="all bytes"):
            reading.check(0, 0, {"a": values + 1})
        # What only low-order bytes tell apart is the same by its leading byte.
        near = (values.view(np.uint32) ^ 1).view(np.float32)
        assert reading.check(0, 1, {"a": near}) > 0


def _measured() -> Measured:
    found = Measured("scratch", 2, 100.0, [160.0, 160.0])
    for plan in PLANS:
        for planes in PLANES:
            seconds = 1.0 if plan == "spt" else 0.5 * (planes or 4)
            both = {scheme: [seconds, seconds] for scheme in SCHEMES}
            found.times[plan, planes] = Times(both, [100, 100])
    return found


def test_averages() -> None:
    found = _measured()
    assert found.mean_ms("auto", 1, "parallel") == 500
    assert found.mean_read("auto", 1) == 100


def test_bars_are_of_bytes() -> None:
    found = _measured()
    good = {"spt": 100, "mst": 50, "auto": 60}
    assert all(bar.holds for bar in bench_retrieve.bars([found], good))
    assert not bench_retrieve.bars([found], {**good, "auto": 110})[-1].holds
    times = found.times["auto", 0]
    found.times["auto", 0] = replace(times, bytes_read=[100, 170])
    assert not bench_retrieve.bars([found], good)[0].holds


def test_the_papers_claim_is_found_or_not() -> None:
    lines = bench_retrieve.claims([_measured()])
    assert "- scratch, 1 byte, parallel: 0.50, found" in lines
    assert "- scratch, 2 bytes, independent: 1.00, not found" in lines


def test_unknown_inputs_are_refused() -> None:
    with pytest.raises(SystemExit) as stopped:
        bench_retrieve.main(["--inputs", "no-such"])
    assert stopped.value.code == 2
