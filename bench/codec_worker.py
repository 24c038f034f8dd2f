"""Measure coders on one input, in a process of its own: `python -m bench.codec_worker ORDER`.

The coders take turns, so that whatever else the machine does falls on all of them. Each line of
output is a JSON object: `at` names the coder at work (if the process dies, it was that one), the
others are measurements.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from bench import codec_inputs, codec_peers
from bench.codec_coder import Coder, Task, same
from bench.codec_inputs import Loaded
from bench.codec_measured import Measured, Order
from bench.codec_ours import Ours

__all__ = ["main"]

# A slower one is not run again: its warm-up counts.
_SLOW_S = 4.0
# Nothing that is measured takes that long; what does is hanging.
_HANGS_S = 900

# Peers print: what they print goes to the errors, and must not come between the lines.
_LINES = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


class _Runner:
    """One coder's turns."""

    def __init__(self, order: Order, name: str, raw_bytes: int) -> None:
        self.measured = Measured(order.source, name, order.threads, order.level, raw_bytes)
        self._kind = codec_peers.by_name(name)
        self._coder: Coder | None = None
        self._slow = False

    def start(self, task: Task, loaded: Loaded) -> None:
        """Set the coder up and run it once, which warms it up."""
        self._coder = self._kind(task)
        encode_s, decode_s = self._there_and_back(self._coder)
        if encode_s + decode_s > _SLOW_S:
            self._slow = True
            self._note(encode_s, decode_s)
        if issubclass(self._kind, Ours) and task.threads == 1:
            self.measured.tensor_bytes = self._kind.tensor_bytes(loaded.tensors, loaded.bases)

    def again(self) -> None:
        """Run once more, unless that would take too long."""
        if self._coder is not None and not self._slow:
            self._note(*self._there_and_back(self._coder))

    def close(self) -> None:
        """Let the coder go."""
        if self._coder is not None:
            self._coder.close()

    def _note(self, encode_s: float, decode_s: float) -> None:
        self.measured.encode_s.append(encode_s)
        self.measured.decode_s.append(decode_s)

    def _there_and_back(self, coder: Coder) -> tuple[float, float]:
        """Return the seconds of both ways; compare every byte."""
        source = coder.fresh()
        blob, encode_s = _timed(lambda: coder.encode(source))
        # What an earlier run left must not pass for what this one decoded.
        coder.out.view("u1").fill(0xA5)
        found, decode_s = _timed(lambda: coder.decode(blob))
        if not same(found, coder.task.data):
            raise ValueError("the bytes that came back are others")
        self.measured.packed_bytes = coder.size(blob)
        return encode_s, decode_s


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begun


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), file=_LINES, flush=True)


def _guarded(measured: Measured, work: Callable[[], None]) -> None:
    """Do a step for a coder unless an earlier one failed; note a failure."""
    if measured.failure:
        return
    _say({"at": measured.coder})
    faulthandler.dump_traceback_later(_HANGS_S, exit=True)
    try:
        work()
    except Exception as error:
        measured.failure = " ".join(f"{type(error).__name__}: {error}".split())[:120]
    faulthandler.cancel_dump_traceback_later()


def main() -> None:
    """Do the order given as JSON and write the measurements, one a line."""
    order = Order(**json.loads(sys.argv[1]))
    os.sched_setaffinity(0, order.cores)
    loaded = codec_inputs.read(order.source)
    task = Task(loaded.flat, loaded.flat_base, order.threads)
    runners = [_Runner(order, name, task.data.nbytes) for name in order.coders]
    for runner in runners:

        def start(runner: _Runner = runner) -> None:
            runner.start(task, loaded)

        _guarded(runner.measured, start)
    for _ in range(order.runs):
        for runner in runners:
            _guarded(runner.measured, runner.again)
    for runner in runners:
        runner.close()
        _say(asdict(runner.measured))


if __name__ == "__main__":
    main()
