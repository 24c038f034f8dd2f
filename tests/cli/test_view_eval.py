"""What is shown of evaluations whose numbers are odd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from modelhub.cli.view_eval import eval_blocks
from modelhub.repository import Repository


class _Empty(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.none = nn.Parameter(torch.zeros(0, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.none.sum(0)


@pytest.mark.parametrize("mode", ["exact", "progressive", "estimate"])
def test_weights_without_bytes_are_read_whole(tmp_path: Path, mode: str) -> None:
    np.savez(tmp_path / "x.npz", x=np.eye(4, dtype=np.float32))
    with Repository.init(tmp_path / "r") as repository:
        repository.commit("m", _Empty(), example_inputs=(torch.zeros(2, 4),))
        found = repository.evaluate("m", "m", data=tmp_path / "x.npz", mode=mode, keep=False)
    assert found[0].bytes_full == 0
    assert eval_blocks(found, full=False)
    assert eval_blocks(found[:1], full=False)
