"""The prompt of `modelhub query`, driven on a terminal for real."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import modelhub

ROOT = Path(__file__).parents[2]
_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[a-zA-Z]|[=>]|\][^\x07]*\x07)")


class Session:
    """A prompt on a terminal of its own."""

    def __init__(self, folder: Path, home: Path) -> None:
        words = [sys.executable, "-m", "modelhub", "-C", str(folder), "query"]
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(
                PYTHONPATH=str(ROOT), XDG_STATE_HOME=str(home), TERM="xterm", COLUMNS="100",
                LC_ALL="C.UTF-8", PROMPT_TOOLKIT_NO_CPR="1",
            )  # fmt: skip
            os.execv(words[0], words)
        self.text = ""

    def send(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def wait_for(self, wanted: str, seconds: float = 30) -> str:
        """Read until a text comes and return what came; the text before it is dropped."""
        end = time.monotonic() + seconds
        while wanted not in self.text:
            ready, _, _ = select.select([self.terminal], [], [], 0.2)
            assert time.monotonic() < end, f"no {wanted!r} in {self.text!r}"
            if ready:
                with contextlib.suppress(OSError):
                    data = os.read(self.terminal, 65536).decode(errors="replace")
                    self.text = _ESCAPES.sub("", self.text + data)
        found, _, self.text = self.text.partition(wanted)
        return found + wanted

    def status(self) -> int:
        """Wait for the end and return the exit status."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if select.select([self.terminal], [], [], 0.1)[0]:
                    os.read(self.terminal, 65536)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise AssertionError("the prompt did not end")

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.terminal)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with modelhub.Repository.init(tmp_path / "repository") as repository:
        repository.commit("digits", {"w": np.zeros(3)}, metadata={"accuracy": 0.9})
        repository.commit("dezimal", {"w": np.ones(3)}, metadata={"accuracy": 0.8})
        return repository.root


@pytest.fixture
def prompt(folder: Path, tmp_path: Path) -> Iterator[Session]:
    session = Session(folder, tmp_path / "state")
    yield session
    session.close()


def test_queries_errors_and_leaving(prompt: Session, tmp_path: Path) -> None:
    prompt.wait_for("dql>")
    prompt.send("select m where m.metrics.accuracy > 0.85;\r")
    assert "digits@1" in prompt.wait_for("1 row")
    prompt.wait_for("dql>")
    # Several lines, ended by an empty one.
    prompt.send("select count()\r")
    prompt.wait_for("...>")
    prompt.send("from m\r\r")
    prompt.wait_for("1 row")
    prompt.wait_for("dql>")
    # What is wrong is shown with a caret, and the prompt goes on.
    prompt.send("select m where m.nme = 1;\r")
    told = prompt.wait_for("^")
    assert "A version has no `nme`" in told
    assert "Traceback" not in told
    prompt.wait_for("dql>")
    # Ctrl-C drops what was typed.
    prompt.send("select nonsense")
    prompt.wait_for("nonsense")
    prompt.send("\x03")
    prompt.wait_for("dql>")
    prompt.send("select m.name;\r")
    prompt.wait_for("2 rows")
    prompt.wait_for("dql>")
    prompt.send("\x04")
    assert prompt.status() == 0
    history = tmp_path / "state" / "modelhub" / "query_history"
    assert "m.metrics.accuracy > 0.85" in history.read_text()
    assert "nonsense" not in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_completion_and_history(prompt: Session, folder: Path) -> None:
    prompt.wait_for("dql>")
    prompt.send('select m where m.name = "dez\t')
    prompt.wait_for("dezimal")
    prompt.send('" and m.metr\t')
    prompt.wait_for("metrics")
    prompt.send(".acc\t")
    prompt.wait_for("accuracy")
    prompt.send(" < 1;\r")
    assert "dezimal@1" in prompt.wait_for("1 row")
    prompt.wait_for("dql>")
    # The arrow up brings it back.
    prompt.send("\x1b[A")
    prompt.wait_for("dezimal")
    prompt.send("\r")
    prompt.wait_for("1 row")
    prompt.wait_for("dql>")
    # What is stored meanwhile is offered too.
    with modelhub.Repository.open(folder) as repository:
        repository.commit("achtzig", {"w": np.ones(2)})
    prompt.send('select m where m.name = "ach\t')
    prompt.wait_for("achtzig")
    prompt.send('";\r')
    prompt.wait_for("1 row")
    prompt.wait_for("dql>")
    prompt.send("exit\r")
    assert prompt.status() == 0
