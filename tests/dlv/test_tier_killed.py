"""push, pull and gc killed at every change they make: all reads, and the next run finishes."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelhub import _core
from modelhub.dlv.checkout import checkout
from modelhub.dlv.commit import CommitResult
from modelhub.dlv.fsck import fsck
from modelhub.dlv.gc import gc
from modelhub.dlv.remove import remove
from modelhub.dlv.state import Repo
from modelhub.dlv.tier import pull, push, set_tier, status
from tests.killed import run_killed

CommitArrays = Callable[..., CommitResult]

KILLED = """
from modelhub.dlv.gc import gc
from modelhub.dlv.state import Repo
from modelhub.dlv.tier import pull, push

with Repo.open(Path(sys.argv[1])) as repo:
    arm()
    {"gc": gc, "push": push, "pull": pull}[sys.argv[2]](repo)
"""
FINISH = {"gc": gc, "push": push, "pull": pull}
POINTS_MAX = 120


def _split_names(repo: Repo) -> set[str]:
    names = set()
    for path in repo.layout.packs_dir.glob("*.pack"):
        with _core.PackReader(str(path)) as reader:
            if reader.is_split:
                names.add(path.stem)
    return names


@pytest.mark.parametrize(
    ("verb", "remote"),
    [("push", False), ("push", True), ("pull", False), ("gc", False)],
    ids=["push-to-folder", "push-to-url", "pull", "gc"],
)
def test_killed_anywhere_loses_nothing(
    repo: Repo, commit_arrays: CommitArrays, tmp_path: Path, verb: str, remote: bool
) -> None:
    values = np.random.default_rng(0).standard_normal((50, 60)).astype(np.float32)
    for step in range(2):
        own = np.random.default_rng(step + 1).standard_normal(2000).astype(np.float32)
        commit_arrays("m", {"w": values + np.float32(step * 1e-5), "own": own})
    # Every copy of the repository finds its tier under the one name.
    cold = tmp_path / "cold"
    set_tier(repo, f"file://{cold}" if remote else str(cold))
    if verb != "push":
        push(repo)
    if verb == "gc":
        remove(repo, ["m@1"])
    kept = ("m@2",) if verb == "gc" else ("m@1", "m@2")
    root = repo.layout.root
    repo.close()
    shutil.copytree(cold, tmp_path / "cold-before")
    killed = 0
    for point in range(POINTS_MAX):
        work = tmp_path / f"work{point}"
        shutil.copytree(root, work)
        shutil.rmtree(cold)
        shutil.copytree(tmp_path / "cold-before", cold)
        ended = run_killed(point, KILLED, str(work), verb)
        assert ended in (0, -signal.SIGKILL)
        with Repo.open(work) as again:
            for rev in kept:
                files = checkout(again, rev, tmp_path / f"out{point}", force=True).files
                assert all(file.verified for file in files)
            if again.config.tier:
                FINISH[verb](again)
            gc(again)
            if verb == "gc":
                # Killed before it split what it had rewritten, it left that to the next push.
                push(again)
            assert {path.stem for path in cold.glob("*.low")} == _split_names(again)
            assert status(again).leftovers == 0
            assert bool(_split_names(again)) == (verb != "pull")
            left = [path.name for path in again.layout.packs_dir.iterdir()]
            assert all(name.endswith(".pack") for name in left)
        assert fsck(work).problems == ()
        shutil.rmtree(work)
        if ended == 0:
            break
        killed += 1
    else:
        pytest.fail(f"{verb} never came to its end")
    assert killed >= 8
