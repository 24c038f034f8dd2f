"""Views on storages: every dtype, bounds checked, memory shared."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from modelhub.errors import CorruptionError
from modelhub.pas.retrieve import view_of
from modelhub.pas.tree import StoredTensor


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e4m3fn", "int64"])
def test_views_share_memory(dtype: str) -> None:
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    storage = np.arange(12).astype(kind)
    turned = view_of(storage, StoredTensor("t", 0, dtype, (4, 3), 0, (1, 4)))
    assert turned.dtype == kind
    assert (turned.T.reshape(-1).astype(float) == np.arange(12)).all()
    turned[0, 1] = 7
    assert float(storage[4]) == 7


@pytest.mark.parametrize(
    ("offset", "strides"), [(0, (5, 1)), (1, (3, 1)), (10, (0, 1)), (0, (4, -1))]
)
def test_a_view_outside_its_storage_is_refused(offset: int, strides: tuple[int, ...]) -> None:
    with pytest.raises(CorruptionError):
        view_of(np.arange(12), StoredTensor("t", 0, "int64", (4, 3), offset, strides))
