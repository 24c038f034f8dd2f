"""Count the transactions of an environment, and keep them out while its map is changed.

LMDB resizes or reopens a map only while no transaction of this process is open. A thread that has
one open may open more even while another waits for it to finish, or both would wait for ever.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from modelhub.errors import ConflictError

__all__ = ["WAIT_SECONDS_MAX", "Gate"]

# A reader that keeps a transaction open longer than this while the map must change is most likely
# a forgotten iterator; an error that says so is better than hanging.
WAIT_SECONDS_MAX = 30.0


class Gate:
    """The open transactions of one environment in this process; safe to use from threads."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._threads: dict[int, int] = {}
        self._closed_by: int | None = None

    @property
    def idle(self) -> bool:
        """Say whether no transaction is open."""
        return not self._threads

    def enter(self) -> int:
        """Count a transaction in; returns what `leave` wants."""
        thread = threading.get_ident()
        with self._condition:
            if thread not in self._threads and self._closed_by != thread:
                self._wait(lambda: self._closed_by is None)
            self._threads[thread] = self._threads.get(thread, 0) + 1
        return thread

    def leave(self, thread: int) -> None:
        """Count a transaction out; another thread than the one that opened it may do so."""
        with self._condition:
            self._threads[thread] -= 1
            if not self._threads[thread]:
                del self._threads[thread]
            self._condition.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no transaction is open, and keep others out.

        Raises:
            ConflictError: this thread itself has one open, or another keeps one open too long.
        """
        thread = threading.get_ident()
        with self._condition:
            if thread in self._threads:
                raise ConflictError(
                    "the catalog's map must change while this thread reads the catalog",
                    hint="finish reading before writing",
                )
            self._wait(lambda: self._closed_by is None)
            self._closed_by = thread
            try:
                self._wait(lambda: not self._threads)
            except BaseException:
                self._open_again()
                raise
        try:
            yield
        finally:
            with self._condition:
                self._open_again()

    def _open_again(self) -> None:
        self._closed_by = None
        self._condition.notify_all()

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                raise ConflictError(
                    "another thread keeps reading the catalog while its map must change",
                    hint="close iterators over the catalog that are not used any more",
                )
            self._condition.wait(left)
