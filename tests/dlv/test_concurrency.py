"""Several real processes on one repository: writers wait in turn, readers see whole versions."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from modelhub.dlv.commit import CommitResult
from modelhub.dlv.fsck import fsck
from modelhub.dlv.gc import gc
from modelhub.dlv.remove import remove
from modelhub.dlv.state import Repo

CommitArrays = Callable[..., CommitResult]

READER = """
import sys
from pathlib import Path
from modelhub.dlv.checkout import checkout
from modelhub.dlv.state import Repo

root, out, stop = (Path(text) for text in sys.argv[1:])
count = 0
with Repo.open(root) as repo:
    while count == 0 or not stop.exists():
        done = checkout(repo, "kept", out, force=True)
        assert all(file.verified for file in done.files)
        count += 1
        if count == 1:
            print("reading", flush=True)
"""

WRITER = """
import sys
import numpy as np
import modelhub

with modelhub.Repository.open(sys.argv[1]) as repository:
    for step in range(5):
        repository.commit("m", {"w": np.full((50, 50), step + 10 * int(sys.argv[2]))})
"""


def arrays(seed: int) -> dict[str, np.ndarray]:
    return {"w": np.random.default_rng(seed).standard_normal((100, 100))}


def test_a_reader_goes_on_while_packs_are_rewritten(
    repo: Repo, commit_arrays: CommitArrays, tmp_path: Path
) -> None:
    commit_arrays("kept", arrays(0))
    stop = tmp_path / "stop"
    root = repo.layout.root
    command = [sys.executable, "-c", READER, str(root), str(tmp_path / "out"), str(stop)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        rewritten = 0
        for seed in range(1, 25):
            commit_arrays("other", arrays(seed))
            remove(repo, ["other"])
            commit_arrays("kept", arrays(0))
            rewritten += gc(repo).rewritten_packs
        stop.touch()
        assert reader.wait() == 0
    assert rewritten > 0
    assert fsck(root).problems == ()


def test_two_writers_take_turns(repo: Repo) -> None:
    root = str(repo.layout.root)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, root, str(number)]) for number in (1, 2)
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    with repo.catalog.read() as txn:
        numbers = [version.sequence for version in txn.versions()]
        parents = [len(version.parents) for version in txn.versions()]
    assert numbers == list(range(1, 11))
    assert parents == [0] + [1] * 9
    assert fsck(repo.layout.root).problems == ()
