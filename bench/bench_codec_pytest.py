"""Measure a small slice of the codec with pytest-benchmark, to compare two states of the code.

`python -m pytest bench/bench_codec_pytest.py --benchmark-only`; with `--benchmark-autosave` and
`--benchmark-compare` against an earlier state. Never part of the tests: it is named otherwise.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from bench import codec_golden
from bench.codec_coder import Coder, Task, same
from bench.codec_golden import Sample
from bench.codec_ours import OURS, OURS_DELTA

__all__ = ["samples", "test_decode", "test_encode"]

_NAMES = ("layer-f32", "layer-bf16", "layer-f16", "trained-f32", "trained-bf16")
# So often in a row that a thread's start or a page fault is lost in it.
_ROUNDS = 20

if importlib.util.find_spec("modelhub.codec") is None:
    pytest.skip("modelhub.codec is not built", allow_module_level=True)


class _Benchmark(Protocol):
    """What pytest-benchmark gives to a test."""

    extra_info: dict[str, Any]

    def pedantic(
        self, target: Callable[..., Any], *, args: tuple[Any, ...], rounds: int, warmup_rounds: int
    ) -> Any: ...


@pytest.fixture(scope="module")
def samples() -> dict[str, Sample]:
    """Make the slice once."""
    return {sample.name: sample for sample in codec_golden.samples()}


def _coder(sample: Sample, preset: int) -> Coder:
    base = None if sample.base is None else sample.base.reshape(-1)
    kinds = OURS if base is None else OURS_DELTA
    return kinds[preset](Task(sample.array.reshape(-1), base))


@pytest.mark.parametrize("preset", range(len(OURS)), ids=[coder.preset for coder in OURS])
@pytest.mark.parametrize("name", _NAMES)
def test_encode(benchmark: _Benchmark, samples: dict[str, Sample], name: str, preset: int) -> None:
    """Encode one sample."""
    coder = _coder(samples[name], preset)
    blob = benchmark.pedantic(coder.encode, args=(coder.fresh(),), rounds=_ROUNDS, warmup_rounds=2)
    benchmark.extra_info["bytes"] = coder.size(blob)


@pytest.mark.parametrize("preset", range(len(OURS)), ids=[coder.preset for coder in OURS])
@pytest.mark.parametrize("name", _NAMES)
def test_decode(benchmark: _Benchmark, samples: dict[str, Sample], name: str, preset: int) -> None:
    """Decode one sample, and see that it is the same."""
    coder = _coder(samples[name], preset)
    blob = coder.encode(coder.fresh())
    found = benchmark.pedantic(coder.decode, args=(blob,), rounds=_ROUNDS, warmup_rounds=2)
    assert same(found, coder.task.data)
