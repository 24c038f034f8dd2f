"""On a terminal, `rm --policy` asks before it removes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import modelhub

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with modelhub.Repository.init(tmp_path) as repo:
        for step in range(3):
            repo.commit("m", {"w": np.full(100, step)})
    return tmp_path


def converse(folder: Path, answer: str, *words: str) -> tuple[str, int]:
    """Run `rm --policy keep-last=1` on a terminal; return what is shown there and the status."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "modelhub", "-C", str(folder), "rm", *words]
    with subprocess.Popen(
        [*command, "--policy", "keep-last=1"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        os.write(ours, answer.encode())
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:
            pass  # how the end of the other side is told
        os.close(ours)
    return shown.decode(), process.returncode


def left(folder: Path) -> list[str]:
    with modelhub.Repository.open(folder) as repo:
        return [version.rev for version in repo]


def test_yes_removes(folder: Path) -> None:
    shown, status = converse(folder, "yes\n")
    assert status == 0, shown
    assert "remove these 2 versions? type yes:" in shown
    assert "removed 2 of 3 versions" in shown
    assert left(folder) == ["m@3"]


@pytest.mark.parametrize("answer", ["no\n", "\n", "yess\n", "\x04"])
def test_anything_else_does_not(folder: Path, answer: str) -> None:
    shown, status = converse(folder, answer)
    assert status == 0, shown
    assert "nothing was removed" in shown
    assert len(left(folder)) == 3


@pytest.mark.parametrize("word", ["--dry-run", "--json", "--quiet"])
def test_nothing_is_asked_where_nobody_should_answer(folder: Path, word: str) -> None:
    shown, status = converse(folder, "yes\n", word)
    assert status == 0, shown
    assert "type yes" not in shown
    assert len(left(folder)) == 3
