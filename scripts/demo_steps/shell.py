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

# Fits the 100 columns that the outputs are laid out for.
_COMMAND_CHARS_MAX = 96


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

    def python(self, text: str) -> None:
        """Show a program and run it with this environment's Python.

        Raises:
            CommandFailedError: it ended with a status other than 0.
        """
        print(f"\n$ python <<'end'\n{text}end", flush=True)
        done = subprocess.run(
            [sys.executable, "-"],
            cwd=self.folder,
            env=self._environment,
            input=text.encode(),
        )
        if done.returncode != 0:
            raise CommandFailedError(f"the program ended with status {done.returncode}")

    def ask(self, *words: str) -> Any:
        """Run a command with --json, unseen, and return its document."""
        done = subprocess.run(
            [*words, "--json"], cwd=self.folder, env=self._environment, stdout=subprocess.PIPE
        )
        if done.returncode != 0:
            raise CommandFailedError(f"`{shlex.join(words)}` ended with status {done.returncode}")
        return json.loads(done.stdout)

    def same_folders(self, first: str, second: str) -> bool:
        """Show and run `cmp` on every file of a folder and its twin in another."""
        one, two = shlex.quote(first), shlex.quote(second)
        line = (
            f"(cd {one} && find . -type f) | "
            f'while read -r f; do cmp {one}/"$f" {two}/"$f" || exit 1; done'
        )
        same = subprocess.run(["/bin/sh", "-c", line], cwd=self.folder).returncode == 0
        print(f"$ {line}    # {'all identical' if same else 'NOT IDENTICAL'}", flush=True)
        return same

    def same(self, first: str, second: str) -> bool:
        """Show and run `cmp`, and say whether the two files are the same bytes."""
        same = subprocess.run(["cmp", first, second], cwd=self.folder).returncode == 0
        verdict = "identical" if same else "NOT IDENTICAL"
        print(f"$ cmp {shlex.join([first, second])}    # {verdict}", flush=True)
        return same


def _folded(words: tuple[str, ...]) -> str:
    """Break a long command before options that do not fit, as one would type it."""
    parts: list[str] = []
    for word in words:
        if word.startswith("-") or not parts:
            parts.append(shlex.quote(word))
        else:
            parts[-1] += " " + shlex.quote(word)
    lines = [parts[0]]
    for part in parts[1:]:
        # A word may have lines of its own: the last of them is the one that goes on.
        if len(lines[-1].rpartition("\n")[2]) + 1 + len(part) > _COMMAND_CHARS_MAX:
            lines.append("    " + part)
        else:
            lines[-1] += " " + part
    return " \\\n".join(lines)
