"""archive --layout killed before changes of files: nothing lost, and another run finishes."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelhub.dlv.archive_layout import store_as
from modelhub.dlv.commit import CommitResult
from modelhub.dlv.fsck import fsck
from modelhub.dlv.gc import gc
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.weights import weights
from tests.killed import run_killed

CommitArrays = Callable[..., CommitResult]
Arrays = dict[str, np.ndarray]


@pytest.fixture
def line(repo: Repo, commit_arrays: CommitArrays) -> list[Arrays]:
    """Commit two versions, the second as deltas; return what they hold."""
    random = np.random.default_rng(0)
    arrays = {name: random.standard_normal((50, 60)).astype(np.float32) for name in "abc"}
    commit_arrays("m", arrays)
    near = {name: a + random.standard_normal(a.shape).astype("f4") * 1e-4 for name, a in
            arrays.items()}  # fmt: skip
    near = {name: a.astype(np.float32) for name, a in near.items()}
    commit_arrays("m", near)
    return [arrays, near]


def check(repo: Repo, line: list[Arrays]) -> None:
    for number, arrays in enumerate(line, 1):
        found = resolve(repo, f"m@{number}").snapshot
        assert found is not None
        read = weights(repo, found.tree)
        assert {name: a.tobytes() for name, a in read.items()} == {
            name: a.tobytes() for name, a in arrays.items()
        }


KILLED = """
from modelhub.dlv.archive_layout import store_as
from modelhub.dlv.state import Repo
from modelhub.pas.session import Session

with Repo.open(Path(sys.argv[1])) as repo:
    # Small packs, so that there are several transactions.
    repo.session = lambda: Session(repo.layout, repo.locate, depth_max=8, pack_bytes_max=12_000)
    arm()
    store_as(repo, sys.argv[2])
"""


@pytest.mark.parametrize("layout", ["progressive", "ordinary"])
def test_killed_anywhere_nothing_is_lost(
    repo: Repo, line: list[Arrays], tmp_path: Path, layout: str
) -> None:
    if layout == "ordinary":
        store_as(repo, "progressive")
    root = repo.layout.root
    repo.close()
    killed, partly = 0, False
    for point in range(0, 80, 4):
        work = tmp_path / f"work{point}"
        shutil.copytree(root, work)
        ended = run_killed(point, KILLED, str(work), layout)
        assert fsck(work).problems == ()
        with Repo.open(work) as again:
            check(again, line)
            gc(again)
            done = store_as(again, layout)
            partly = partly or 0 < done.moved < 6
            assert done.moved + done.known == 6
            check(again, line)
            gc(again)
            names = [path.name for path in again.layout.packs_dir.iterdir()]
            assert not any(name.endswith(".tmp") for name in names)
        assert fsck(work).problems == ()
        shutil.rmtree(work)
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        killed += 1
    else:
        pytest.fail("it never came to its end")
    assert killed >= 3
    assert partly
