from __future__ import annotations

import importlib
import importlib.util

import numpy as np
import pytest

from bench import codec_golden
from bench.codec_ours import PRESETS

# Versions of zstd differ by this much and more in what they make of the same bytes.
TOLERANCE = 0.01


def test_samples_are_the_same_each_time() -> None:
    first, second = codec_golden.samples(), codec_golden.samples()
    assert len({sample.name for sample in first}) == len(first)
    for one, two in zip(first, second, strict=True):
        assert one.array.tobytes() == two.array.tobytes()
        assert one.base is None or one.base.shape == one.array.shape
    assert sum(sample.array.nbytes for sample in first) < 32_000_000


def test_sizes_stay_as_they_are() -> None:
    if importlib.util.find_spec("modelhub.codec") is None:
        pytest.skip("modelhub.codec is not there")
    if not codec_golden.PATH.exists():
        pytest.skip("bench/golden/codec-sizes.csv is not there: python -m bench.codec_golden")
    golden = codec_golden.table()
    found = codec_golden.measured(importlib.import_module("modelhub.codec"))
    assert found.keys() == golden.keys()
    moved = {
        key: (packed, golden[key][1])
        for key, (raw, packed) in found.items()
        if raw != golden[key][0] or not np.isclose(packed, golden[key][1], rtol=TOLERANCE, atol=64)
    }
    assert moved == {}


def test_dense_is_the_smallest() -> None:
    if not codec_golden.PATH.exists():
        pytest.skip("bench/golden/codec-sizes.csv is not there: python -m bench.codec_golden")
    golden = codec_golden.table()
    for name in {sample for sample, _ in golden}:
        fast, default, dense = (golden[name, preset][1] for preset in PRESETS)
        assert dense <= default * (1 + TOLERANCE)
        assert default <= fast * (1 + TOLERANCE)
