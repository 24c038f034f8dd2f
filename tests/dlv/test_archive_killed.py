"""archive killed at 50 random moments: nothing lost, fsck clean, and another run finishes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest

from modelhub.dlv.archive import archive
from modelhub.dlv.commit import CommitResult
from modelhub.dlv.fsck import fsck
from modelhub.dlv.gc import gc
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.weights import weights

CommitArrays = Callable[..., CommitResult]

MOMENTS = 50
ALPHA = 1.4

# In a process of its own: small packs, so that there are several transactions; and a kill before
# an operation on a file, or none, when the parent kills at a time of its own.
KILLED = f"""
import os, signal
from pathlib import Path
from modelhub.dlv.archive import archive
from modelhub.dlv.state import Repo
from modelhub.fs import seam
from modelhub.pas.session import Session

def stop(operation, path):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

with Repo.open(Path(root)) as repo:
    repo.session = lambda: Session(repo.layout, repo.locate, depth_max=8, pack_bytes_max=12_000)
    Path(ready).touch()
    seam.set_hook(stop)
    archive(repo, alpha={ALPHA})
"""


def start(root: Path, left: int, ready: Path) -> BaseProcess:
    # A fork server has everything imported; as a program of its own each would take a second.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["modelhub.dlv.archive"])
    names = {"root": str(root), "left": left, "ready": str(ready)}
    process = context.Process(target=exec, args=(KILLED, names))
    process.start()
    return process


def check(root: Path, expected: dict[str, dict[str, bytes]]) -> None:
    with Repo.open(root) as repo:
        for rev, arrays in expected.items():
            found = resolve(repo, rev).snapshot
            assert found is not None
            read = weights(repo, found.tree)
            assert {name: array.tobytes() for name, array in read.items()} == arrays


@pytest.fixture
def expected(repo: Repo, commit_arrays: CommitArrays) -> dict[str, dict[str, bytes]]:
    """Commit a line of five versions, and return what each holds."""
    generator = np.random.default_rng(0)
    arrays = {f"l{n}": generator.standard_normal((50, 60)).astype("f4") for n in range(4)}
    found = {}
    for step in range(5):
        commit_arrays("m", arrays)
        found[f"m@{step + 1}"] = {name: array.tobytes() for name, array in arrays.items()}
        for name, array in arrays.items():
            arrays[name] = array + generator.standard_normal(array.shape).astype("f4") * 1e-5
    return found


def test_archive_killed_anywhere_loses_nothing(
    repo: Repo, expected: dict[str, dict[str, bytes]], tmp_path: Path
) -> None:
    root = repo.layout.root
    repo.close()
    work, ready = tmp_path / "whole", tmp_path / "ready"
    shutil.copytree(root, work)
    process = start(work, -1, ready)
    while not ready.exists():
        time.sleep(0.001)
    begun = time.monotonic()
    process.join(60)
    assert process.exitcode == 0
    seconds = time.monotonic() - begun
    with Repo.open(work) as again:
        whole = archive(again, alpha=ALPHA)
        assert (whole.moved, whole.feasible) == (0, True)
        assert len(list(again.layout.packs_dir.iterdir())) >= 5 + 3

    dice = random.Random(0)
    ends: Counter[int | None] = Counter()
    for moment in range(MOMENTS):
        work = tmp_path / f"work{moment}"
        shutil.copytree(root, work)
        ready.unlink()
        by_operation = moment % 2 == 0
        process = start(work, dice.randint(1, 25) if by_operation else -1, ready)
        if not by_operation:
            while not ready.exists():
                time.sleep(0.0005)
            time.sleep(dice.uniform(0, seconds))
            assert process.pid is not None
            # It may have come to its end by then.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        process.join(60)
        ends[process.exitcode] += 1
        assert fsck(work).problems == ()
        check(work, expected)
        with Repo.open(work) as again:
            if moment % 3 == 0:
                gc(again)
                check(work, expected)
            done = archive(again, alpha=ALPHA)
            assert done.feasible
            assert done.storage_cost == pytest.approx(whole.storage_cost, rel=0.02)
            gc(again)
            # What was written in vain is gone too.
            names = [path.name for path in again.layout.packs_dir.iterdir()]
            assert not any(name.endswith(".tmp") for name in names)
        assert fsck(work).problems == ()
        check(work, expected)
        shutil.rmtree(work)
    assert set(ends) <= {0, -signal.SIGKILL}
    assert ends[-signal.SIGKILL] >= MOMENTS // 2
