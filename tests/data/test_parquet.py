"""Columns of Parquet files come in batches; needs pyarrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelhub import optional
from modelhub.data.opening import open_data
from modelhub.errors import BadInputError, ModelHubError

HAS_ARROW = optional.available("pyarrow")
needs_arrow = pytest.mark.skipif(not HAS_ARROW, reason="pyarrow is not installed")


def _write(path: Path, columns: dict[str, Any]) -> Path:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table(columns), path, row_group_size=16)
    return path


@pytest.mark.skipif(HAS_ARROW, reason="pyarrow is installed")
def test_without_pyarrow_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ModelHubError, match=r"\[data\]") as caught:
        open_data(tmp_path / "a.parquet")
    assert caught.value.kind == "missing_extra"


@needs_arrow
def test_batches_are_the_rows(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    x = np.arange(150, dtype=np.float32).reshape(50, 3)
    fixed = arrow.FixedSizeListArray.from_arrays(arrow.array(x.ravel()), 3)
    columns = {
        "x": x.tolist(),
        "fixed": fixed,
        "label": np.arange(50),
        "mask": [[[True, False]]] * 50,
        "text": ["a"] * 50,
    }
    source = open_data(_write(tmp_path / "a.parquet", columns))
    shapes = {name: column.shape for name, column in source.columns.items()}
    assert shapes == {"x": (3,), "fixed": (3,), "label": (), "mask": (1, 2)}
    batches = list(source.rows(["x", "fixed", "label"], 7))
    source.close()
    assert np.array_equal(np.concatenate([b["x"] for b in batches]), x)
    assert np.array_equal(np.concatenate([b["fixed"] for b in batches]), x)
    assert np.array_equal(np.concatenate([b["label"] for b in batches]), np.arange(50))


@needs_arrow
@pytest.mark.parametrize("column", [[[1.0], [1.0, 2.0]], [1.0, None]], ids=["ragged", "null"])
def test_what_is_no_array_is_refused(tmp_path: Path, column: list[Any]) -> None:
    path = _write(tmp_path / "a.parquet", {"x": column})
    with pytest.raises(BadInputError, match="x "):
        list(open_data(path).rows(["x"], 2))


@needs_arrow
def test_damage_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(BadInputError, match="Parquet"):
        open_data(tmp_path / "a.parquet")
