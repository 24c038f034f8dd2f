"""Run commands as a reader would type them, showing each with its real output."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

__all__ = ["CommandFailedError", "Shell"]

# Narrower than the terminal's usual 80, a command line is broken after an option.
_COMMAND_CHARS_MAX = 78


class CommandFailedError(Exception):
    """A command that must succeed did not; its output has been shown."""


class Shell:
    """A folder to run commands in, with this environment's `modelhub` first on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = str(Path(sys.executable).parent)
        self._environment = {
            **os.environ,
            "PATH": programs + os.pathsep + os.environ.get("PATH", ""),
            "COLUMNS": "100",
        }

    def run(self, *words: str) -> float:
        """Show a command, run it, show its output, and return the seconds it took.

        Raises:
            CommandFailedError: it ended with a status other than 0.
        """
        print(f"\n$ {_folded(words)}", flush=True)
        begun = time.perf_counter()
        status = subprocess.run(words, cwd=self.folder, env=self._environment).returncode
        seconds = time.perf_counter() - begun
        if status != 0:
            raise CommandFailedError(f"`{shlex.join(words)}` ended with status {status}")
        return seconds

    def ask(self, *words: str) -> Any:
        """Run a command with --json, unseen, and return its document."""
        done = subprocess.run(
            [*words, "--json"], cwd=self.folder, env=self._environment, stdout=subprocess.PIPE
        )
        if done.returncode != 0:
            raise CommandFailedError(f"`{shlex.join(words)}` ended with status {done.returncode}")
        return json.loads(done.stdout)

    def same(self, first: str, second: str) -> bool:
        """Show and run `cmp`, and say whether the two files are the same bytes."""
        same = subprocess.run(["cmp", first, second], cwd=self.folder).returncode == 0
        verdict = "identical" if same else "NOT IDENTICAL"
        print(f"$ cmp {shlex.join([first, second])}    # {verdict}", flush=True)
        return same


def _folded(words: tuple[str, ...]) -> str:
    """Break a long command before its options, as one would type it."""
    lines = [""]
    for word in words:
        quoted = shlex.quote(word)
        option = word.startswith("-")
        if option and len(lines[-1]) + len(quoted) + 20 > _COMMAND_CHARS_MAX:
            lines.append("   ")
        lines[-1] += f" {quoted}" if lines[-1] else quoted
    return " \\\n".join(lines)
