from __future__ import annotations

import math

from bench.bench_main_job import Bar
from bench.codec_bars import AVX2, bars
from bench.codec_chain import ChainMeasured
from bench.codec_figures import Figures
from bench.codec_measured import Measured
from bench.codec_peers_delta import NaiveSubtract, NaiveXor


def _figures(*found: Measured) -> Figures:
    figures = Figures()
    figures.add(found)
    return figures


def _one(
    source: str, coder: str, saved: float, seconds: float = 1.0, threads: int = 1, level: str = ""
) -> Measured:
    packed = round(1_000_000_000 * (1 - saved / 100))
    times = [seconds, seconds * 2]
    return Measured(
        source, coder, threads, level, 1_000_000_000, packed, 0, list(times), list(times)
    )


def _named(found: list[Bar], part: str) -> Bar:
    return next(bar for bar in found if part in bar.what)


def test_alone_dense_is_held_to_the_best_peer() -> None:
    figures = _figures(
        _one("scratch#8", "zipnn", 34.3),
        _one("scratch#8", "openzl FSE", 34.7),
        _one("scratch#8", "modelhub dense", 34.71),
        _one("scratch#8", "modelhub default", 34.4),
    )
    found = bars(figures, best_level=True)
    dense = _named(found, "dense")
    assert "openzl FSE" in dense.what
    assert dense.holds
    assert not _named(found, "default").holds


def test_a_missing_figure_misses_and_does_not_crash() -> None:
    failed = _one("minilm", "modelhub default", 0)
    failed.failure = "ModuleNotFoundError"
    figures = _figures(failed, _one("minilm", "zipnn", 18.0))
    found = bars(figures, best_level=True)
    assert len(found) == 5
    assert not any(bar.holds for bar in found)
    assert "MISSED" in str(found[0])


def test_speeds_are_multiples_of_the_peer_in_the_same_run() -> None:
    figures = _figures(
        _one("minilm-bf16", "modelhub default", 33.9, 0.5),
        _one("minilm-bf16", "zipnn", 33.5, 1.0),
        _one("minilm-bf16", "modelhub default", 33.9, 2.0, level=AVX2),
        _one("minilm-bf16", "zipnn", 33.5, 1.0, level=AVX2),
    )
    found = bars(figures, best_level=True)
    assert _named(found, "default, compress").value == 2.0
    assert _named(found, "default, compress").holds
    assert _named(found, "avx2, decompress").value == 0.5
    assert not _named(found, "avx2, decompress").holds
    other = bars(figures, best_level=False)
    assert not any("default, compress" in bar.what for bar in other)
    assert any("avx2" in bar.what for bar in other)


def test_differences_are_held_to_subtraction_or_to_the_best_peer() -> None:
    figures = _figures(
        _one("ft32:160-200", NaiveSubtract.name, 62.0),
        _one("ft32:160-200", NaiveXor.name, 57.0, 1.0),
        _one("ft32:160-200", "modelhub default delta", 62.8, 0.5),
        _one("ft32:160-200", "modelhub dense delta", 63.0),
        _one("scratch:7-8", NaiveSubtract.name, 50.0),
        _one("scratch:7-8", "lmzip delta", 40.0),
        _one("scratch:7-8", "modelhub default delta", 41.5),
        _one("silero:5.1.2-6.0.0", "z4ai delta", 28.0),
        _one("silero:5.1.2-6.0.0", "modelhub default delta", 26.5),
    )
    found = bars(figures, best_level=True)
    assert _named(found, "ft32:160-200, default, saved").holds
    assert not _named(found, "ft32:160-200, dense, saved").holds
    assert _named(found, "ft32:160-200, default, compress").holds
    assert _named(found, "scratch:7-8").bound == 41.0
    assert _named(found, "scratch:7-8").holds
    assert not _named(found, "silero").holds


def test_threads_and_chain() -> None:
    figures = _figures(
        _one("minilm", "modelhub default", 18.2, 1.0),
        _one("minilm", "modelhub default", 18.2, 0.5, threads=2),
    )
    figures.chain = ChainMeasured([0.05, 0.07], True, 1.04, 1.0)
    found = bars(figures, best_level=False)
    assert _named(found, "2 threads").holds
    assert round(_named(found, "leading").value, 6) == 7
    assert _named(found, "over its parts").holds
    figures.chain = ChainMeasured([0.05], False, 1.04, 0.0)
    found = bars(figures, best_level=False)
    assert math.isnan(_named(found, "leading").value)
    assert not _named(found, "leading").holds
    assert not _named(found, "over its parts").holds
