from __future__ import annotations

import pytest

from bench import bench_codec
from bench.bench_main_job import Bar


def test_unknown_inputs_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        bench_codec.main(["--inputs", "minilm,no-such"])
    assert stopped.value.code == 2
    assert "no-such" in capsys.readouterr().err


def test_some_coders_and_threads() -> None:
    arguments = bench_codec._parse(["--coders", "zip,mem", "--threads", "1"])
    assert bench_codec._wanted(["zipnn", "lz4", "memcpy"], arguments) == ["zipnn", "memcpy"]
    assert arguments.threads == [1]
    assert "chain" in arguments.inputs


def test_a_missed_bar_is_a_status() -> None:
    good, bad = Bar("a", 2, 1, "%", True), Bar("b", 0, 1, "%", True)
    assert bench_codec._status([good]) == 0
    assert bench_codec._status([good, bad]) == 1
