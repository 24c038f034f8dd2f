"""Tensors of safetensors files come in batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from modelhub.data.safetensors import Safetensors
from modelhub.errors import BadInputError


def test_batches_are_the_rows(tmp_path: Path) -> None:
    ids = torch.arange(60).reshape(20, 3)
    half = torch.linspace(-1, 1, 40).reshape(20, 2).to(torch.bfloat16)
    save_file({"input_ids": ids, "x": half, "one": torch.tensor(1.0)}, tmp_path / "a.safetensors")
    source = Safetensors(tmp_path / "a.safetensors")
    assert set(source.columns) == {"input_ids", "x"}
    assert source.columns["x"].dtype == "bfloat16"
    batches = list(source.rows(["input_ids", "x"], 7))
    source.close()
    assert [len(batch["x"]) for batch in batches] == [7, 7, 6]
    assert np.array_equal(np.concatenate([b["input_ids"] for b in batches]), ids.numpy())
    values = np.concatenate([b["x"] for b in batches]).astype(np.float32)
    assert np.array_equal(values, half.float().numpy())


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.ones(20, 3)}, path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BadInputError) as caught:
        Safetensors(path)
    assert caught.value.kind == "truncated"
