"""Run the command line as a user does, and read off what it cost."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

__all__ = ["Cost", "ProgramFailedError", "machine", "modelhub", "startup", "use_one_core"]

_KIB = 1024


class ProgramFailedError(Exception):
    """The program measured ended with an error."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall-clock and processor seconds, peak resident bytes, and the document of --json."""

    seconds: float
    processor_seconds: float
    peak_bytes: int
    document: Any


def modelhub(repository: Path, *words: str) -> Cost:
    """Run a verb with --json in a repository and return what it cost.

    Raises:
        ProgramFailedError: it ended with a status other than 0.
    """
    shown, cost = _run([words[0], "-C", str(repository), "--json", *words[1:]])
    return replace(cost, document=json.loads(shown))


def startup(verb: str) -> float:
    """Return the seconds in which a verb is loaded and does nothing: `modelhub VERB --help`."""
    return _run([verb, "--help"])[1].seconds


def _run(words: list[str]) -> tuple[bytes, Cost]:
    # Some machines forbid compiled Python files, and would compile the program at every start.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "modelhub", *words]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        begun = time.perf_counter()
        child = subprocess.Popen(command, stdout=out, stderr=errors, env=environment)
        # wait4 gives this child's own peak; getrusage would give the largest of all children.
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if child.returncode != 0:
            raise ProgramFailedError(f"{' '.join(words)}: {errors.read().decode().strip()}")
        shown = out.read()
    return shown, Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _KIB, None)


def use_one_core() -> int:
    """Keep this process and its children on one core, as `taskset -c` does; return its number."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def machine() -> str:
    """Return a line that says what the numbers were measured on."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"
