"""Run code in a process that is killed before a change of a file."""

from __future__ import annotations

import subprocess
import sys

__all__ = ["run_killed"]

_HEAD = """
import os, signal, sys
from pathlib import Path
from modelhub.fs import seam

left = int(sys.argv.pop())
def stop(operation, path):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

def arm():
    seam.set_hook(stop)
"""


def run_killed(point: int, code: str, *words: str) -> int:
    """Run `code`, killed before the change number `point` (from 0) after it has called `arm()`.

    Returns:
        -SIGKILL, or what the process ended with if it made no more changes. `words` are its
        sys.argv[1:].
    """
    command = [sys.executable, "-c", _HEAD + code, *words, str(point)]
    return subprocess.run(command, check=False).returncode
