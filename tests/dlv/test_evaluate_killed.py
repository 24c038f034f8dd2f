"""eval killed at every change that it makes: the version stays, with the result or without it."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import numpy as np
import torch
from torch import nn

from modelhub.repository import Repository
from tests.killed import run_killed

KILLED = """
from modelhub.repository import Repository

with Repository.open(Path(sys.argv[1])) as repository:
    arm()
    repository["m"].evaluate(Path(sys.argv[2]))
"""
POINTS_MAX = 30
# Each point starts torch anew, which takes seconds: every second one will do.
STEP = 2


def test_killed_anywhere_it_can_be_done_again(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.ones((4, 2), np.float32), y=np.zeros(4, np.int64))
    with Repository.init(tmp_path / "r") as repository:
        repository.commit("m", nn.Linear(2, 2), example_inputs=(torch.ones(2, 2),))
        weights = dict(repository["m"].weights())
    kept = []
    for point in range(0, POINTS_MAX, STEP):
        work = tmp_path / f"work{point}"
        shutil.copytree(tmp_path / "r", work)
        ended = run_killed(point, KILLED, str(work), str(tmp_path / "d.npz"))
        assert ended in (0, -signal.SIGKILL)
        with Repository.open(work) as again:
            assert again.fsck().ok
            assert all(np.array_equal(again["m"].weights()[n], w) for n, w in weights.items())
            kept.append(len(again["m"].evaluations))
            again["m"].evaluate(tmp_path / "d.npz")
            assert len(again["m"].evaluations) == 1
            assert again.fsck().ok
        if ended == 0:
            break
    assert ended == 0
    assert len(kept) > 2
    assert kept[0] == 0
    assert kept[-1] == 1
