"""Bases of another shape or precision: what a name keeps from one version to the next is shared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from modelhub import Repository
from modelhub.tensors.arrays import to_bytes

RNG = np.random.default_rng(0)
ROWS = (RNG.standard_normal((600, 300)) * 0.02).astype(np.float32)
MORE_ROWS = (RNG.standard_normal((40, 300)) * 0.02).astype(np.float32)
HEAD = RNG.standard_normal((300, 10)).astype(np.float32)
WIDER = np.concatenate([HEAD, RNG.standard_normal((300, 10)).astype(np.float32)], 1)
GROWN = np.concatenate([ROWS, MORE_ROWS])

# What the second version holds, and the most of its raw bytes that it may add.
CASES: dict[str, tuple[Any, Any, float]] = {
    "rows appended": (ROWS, GROWN, 0.07),
    "rows cut off": (GROWN, ROWS, 0.01),
    "columns appended": (HEAD, WIDER, 0.6),
    "another number of dimensions": (ROWS, ROWS.reshape(2, 300, 300), 0.01),
    "bfloat16 of float32": (ROWS, ROWS.astype(ml_dtypes.bfloat16), 0.01),
    "float16 of float32": (ROWS, ROWS.astype(np.float16), 0.01),
    "float32 of bfloat16": (ROWS.astype(ml_dtypes.bfloat16), ROWS, 0.65),
    "float32 of float16": (ROWS.astype(np.float16), ROWS.astype(np.float16).astype("f4"), 0.01),
    "grown and rounded": (ROWS, GROWN.astype(ml_dtypes.bfloat16), 0.07),
}


def packs_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.pack"))


def leading(array: Any, planes: int) -> bytes:
    data = to_bytes(array).reshape(-1, array.itemsize).copy()
    data[:, : array.itemsize - planes] = 0
    return data.tobytes()


@pytest.mark.parametrize("name", CASES)
def test_a_base_of_another_kind_is_used_and_exact(tmp_path: Path, name: str) -> None:
    first, second, share = CASES[name]
    repo = Repository.init(tmp_path / "repo")
    repo.commit("model", weights={"w": first})
    before = packs_bytes(tmp_path)
    repo.commit("model", weights={"w": second})
    added = packs_bytes(tmp_path) - before
    again = Repository.open(tmp_path / "repo")
    for version, expected in ((1, first), (2, second)):
        found = again[f"model@{version}"].weights()["w"]
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert to_bytes(found).tobytes() == to_bytes(expected).tobytes()
        for planes in range(1, expected.itemsize):
            part = again[f"model@{version}"].weights(planes=planes)["w"]
            assert to_bytes(part).tobytes() == leading(expected, planes), planes
    # A file's own bytes and the records of a version are a few kilobytes.
    assert added < share * second.nbytes + 4000


def test_chains_go_through_a_change_of_shape(tmp_path: Path) -> None:
    repo = Repository.init(tmp_path / "repo")
    steps = [
        ROWS,
        GROWN,
        GROWN + np.float32(1e-6),
        GROWN.astype(ml_dtypes.bfloat16),
        GROWN[:, :200],
    ]
    for step in steps:
        repo.commit("model", weights={"w": step})
    for number, step in enumerate(steps, 1):
        found = repo[f"model@{number}"].weights()["w"]
        assert to_bytes(found).tobytes() == to_bytes(np.ascontiguousarray(step)).tobytes()


def test_dtypes_that_do_not_compare_are_stored_alone(tmp_path: Path) -> None:
    repo = Repository.init(tmp_path / "repo")
    repo.commit(
        "model", weights={"w": np.arange(1000, dtype=np.int32), "e": np.empty((0, 3), "f4")}
    )
    repo.commit(
        "model", weights={"w": np.arange(1000, dtype=np.float64), "e": np.ones((2, 3), "f4")}
    )
    assert (repo["model@2"].weights()["w"] == np.arange(1000)).all()
