"""gc killed at every change it makes: each version stays readable, and gc run again finishes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
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

CommitArrays = Callable[..., CommitResult]

KILLED = """
import os, signal, sys
from pathlib import Path
from modelhub.dlv.gc import gc
from modelhub.dlv.state import Repo
from modelhub.fs import seam

left = int(sys.argv[2])
def stop(operation, path):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

with Repo.open(Path(sys.argv[1])) as repo:
    seam.set_hook(stop)
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
        command = [sys.executable, "-c", KILLED, str(work), str(point)]
        done = subprocess.run(command, check=False)
        with Repo.open(work) as again:
            for rev in ("m@2", "m@3"):
                files = checkout(again, rev, tmp_path / f"out{point}", force=True).files
                assert all(file.verified for file in files)
            gc(again)
        assert fsck(work).problems == ()
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        killed += 1
    else:
        pytest.fail("gc never came to its end")
    assert killed >= 3
