from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.bench_layouts import KINDS, LAYOUTS, measure


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", KINDS)
def test_what_is_stored_is_measured(tmp_path: Path, dtype: str, layout: str) -> None:
    values = np.random.default_rng(1).standard_normal((2, 100, 200)).astype(KINDS[dtype][1])
    tensors = {"weight": values[0], "other": values[1], "bias": values[0, 0]}
    found = measure(tmp_path, tensors, dtype, layout, runs=1)
    width = values.itemsize
    assert found.raw == sum(tensor.nbytes for tensor in tensors.values())
    # Noise takes about all of its mantissa.
    assert 0.5 * found.raw < sum(found.segments) < found.file < 1.2 * found.raw
    if layout == "ordinary":
        assert found.bits == (8,) * width
        assert found.prefixes == ()
    else:
        assert sum(found.bits) == 1 + KINDS[dtype][0]
        assert len(found.prefixes) == len(found.bits) - 1 == len(found.segments) - 1
