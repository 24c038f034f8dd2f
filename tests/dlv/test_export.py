"""Conversions: what each library reads back is what was committed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from modelhub.dlv import stage
from modelhub.dlv.checkout import checkout
from modelhub.dlv.commit import commit
from modelhub.dlv.state import Repo
from modelhub.errors import BadInputError, ConflictError, NotFoundError

TENSORS = {
    "a.weight": torch.arange(12, dtype=torch.float32).reshape(3, 4) / 7,
    "a.bias": torch.tensor([1.5, float("nan")]),
    "empty": torch.empty(0, 3),
    "scalar": torch.tensor(7),
}


@pytest.fixture
def filled(repo: Repo, tmp_path: Path) -> Repo:
    save_file({**TENSORS, "half": torch.ones(3, dtype=torch.bfloat16)}, tmp_path / "w.safetensors")
    stage.add(repo, [tmp_path / "w.safetensors"])
    commit(repo, "m")
    return repo


def same(found: dict[str, torch.Tensor], names: set[str]) -> None:
    assert set(found) == names
    for name in names & set(TENSORS):
        assert found[name].dtype == TENSORS[name].dtype
        assert found[name].shape == TENSORS[name].shape
        assert torch.equal(found[name].nan_to_num(), TENSORS[name].nan_to_num())


@pytest.mark.parametrize("kind", ["safetensors", "torch"])
def test_whole(filled: Repo, tmp_path: Path, kind: str) -> None:
    checkout(filled, "m", tmp_path / "out", format=kind)
    if kind == "torch":
        found = torch.load(tmp_path / "out" / "model.pt", weights_only=True)
    else:
        found = load_file(tmp_path / "out" / "model.safetensors")
    same(found, {*TENSORS, "half"})


def test_npz_holds_what_numpy_knows(filled: Repo, tmp_path: Path) -> None:
    done = checkout(filled, "m", tmp_path / "out", format="npz", tensors="a.*")
    assert not done.files[0].verified
    with np.load(tmp_path / "out" / "model.npz") as found:
        same({name: torch.from_numpy(found[name]) for name in found}, {"a.weight", "a.bias"})
    with pytest.raises(BadInputError, match="bfloat16"):
        checkout(filled, "m", tmp_path / "other", format="npz")
    assert not (tmp_path / "other" / "model.npz").exists()


def test_bfloat16_reads_the_leading_half(filled: Repo, tmp_path: Path) -> None:
    checkout(filled, "m", tmp_path / "out", precision="bf16", tensors="a.weight")
    found = load_file(tmp_path / "out" / "model.safetensors")["a.weight"]
    assert found.dtype == torch.bfloat16
    bits = TENSORS["a.weight"].view(torch.int32) >> 16
    assert torch.equal(found.view(torch.int16).to(torch.int32), bits)


def test_refusals(filled: Repo, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        checkout(filled, "m", tmp_path, tensors="nothing*")
    with pytest.raises(BadInputError):
        checkout(filled, "m", tmp_path, format="gguf")
    checkout(filled, "m", tmp_path / "out", format="torch")
    with pytest.raises(ConflictError):
        checkout(filled, "m", tmp_path / "out", format="torch")
