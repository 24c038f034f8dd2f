"""gc killed at every change it makes: each version stays readable, and gc run again finishes."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelhub.dlv.checkout import checkout
from modelhub.dlv.commit import CommitResult
from modelhub.dlv.fsck import fsck
from modelhub.dlv.gc import gc
from modelhub.dlv.remove import remove
from modelhub.dlv.state import Repo
from tests.killed import run_killed

CommitArrays = Callable[..., CommitResult]

KILLED = """
from modelhub.dlv.gc import gc
from modelhub.dlv.state import Repo

with Repo.open(Path(sys.argv[1])) as repo:
    arm()
    gc(repo)
"""


def test_gc_killed_anywhere_loses_nothing(
    repo: Repo, commit_arrays: CommitArrays, tmp_path: Path
) -> None:
    values = np.random.default_rng(0).standard_normal((60, 60)).astype(np.float32)
    for step in range(3):
        commit_arrays("m", {"w": values + np.float32(step * 1e-5), "own": np.full(99, step)})
    remove(repo, ["m@1"])
    root = repo.layout.root
    repo.close()
    killed = 0
    for point in range(40):
        work = tmp_path / f"work{point}"
        shutil.copytree(root, work)
        ended = run_killed(point, KILLED, str(work))
        with Repo.open(work) as again:
            for rev in ("m@2", "m@3"):
                files = checkout(again, rev, tmp_path / f"out{point}", force=True).files
                assert all(file.verified for file in files)
            gc(again)
        assert fsck(work).problems == ()
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        killed += 1
    else:
        pytest.fail("gc never came to its end")
    assert killed >= 3
