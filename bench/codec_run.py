"""Run measuring processes, on fixed cores and a warm heap, and collect what they say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench.codec_measured import Measured, Order

__all__ = ["WARM_HEAP", "cores", "measure", "program"]

_ROOT = Path(__file__).resolve().parent.parent
# Freed memory is kept instead of given back: otherwise filling a fresh result with pages would cost
# some coders more than their work, and others, which fill a caller's buffer, nothing.
WARM_HEAP = "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184"


def cores(threads: int) -> list[int]:
    """Return the cores that so many threads run on, the same each time; empty if too few."""
    allowed = sorted(os.sched_getaffinity(0), reverse=True)
    return allowed[:threads] if len(allowed) >= threads else []


def measure(order: Order, worker: str = "bench.codec_worker") -> list[Measured]:
    """Measure as ordered; a coder that kills the process is noted and the others run again.

    Args:
        worker: The module that is run for it.
    """
    left = list(order.coders)
    crashed: list[Measured] = []
    while left:
        lines, status = program(
            worker, json.dumps(asdict(replace(order, coders=left))), order.level
        )
        if status == 0:
            found = [Measured(**line) for line in lines if "at" not in line]
            return [*found, *crashed]
        if not lines:
            raise subprocess.CalledProcessError(status, worker)
        culprit = str(lines[-1].get("at", left[0]))
        failed = Measured(order.source, culprit, order.threads, order.level, raw_bytes=1)
        failed.failure = f"killed its process: {_named(status)}"
        crashed.append(failed)
        left.remove(culprit)
    return crashed


def program(module: str, argument: str, level: str = "") -> tuple[list[dict[str, Any]], int]:
    """Run a module of this folder; return the JSON lines that it wrote and its exit status."""
    environment = {**os.environ, "GLIBC_TUNABLES": WARM_HEAP, "OMP_NUM_THREADS": "1"}
    environment.pop("MODELHUB_CPU", None)
    if level:
        environment["MODELHUB_CPU"] = level
    command: Sequence[str] = [sys.executable, "-m", module, argument]
    done = subprocess.run(command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


def _named(status: int) -> str:
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"status {status}"
