"""Admit one *writer* at a time to a repository.

The lock is the kernel's (flock), so that it goes with the process that held it, however it died.
The file's content only tells those who wait whom they wait for.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from modelhub.errors import ConflictError
from modelhub.fs import seam
from modelhub.fs.system_errors import translated

__all__ = ["WriterLock"]

# With a timeout the lock is polled: often enough not to be noticed, seldom enough to cost nothing.
_POLL_SECONDS = 0.05
_HOLDER_BYTES_MAX = 512

# Lock files held in this process, by (device, inode), and the thread that holds each. A thread that
# asked for what it holds itself would wait for ever.
_held: dict[tuple[int, int], int] = {}
_held_mutex = threading.Lock()


class WriterLock:
    """The writer's lock as a context manager; it excludes processes and threads alike.

    Args:
        path: The lock file; made if need be, and left there.
        on_wait: Called once with a message if another writer holds the lock.
        timeout: Seconds to wait at most; None waits for ever.

    Raises:
        ConflictError: kind `locked`, after the timeout, or if this very thread holds the lock.
        PermissionDeniedError: the folder cannot be written to.
    """

    def __init__(
        self,
        path: Path,
        on_wait: Callable[[str], None] | None = None,
        timeout: float | None = None,
    ) -> None:
        self.path = path
        self._on_wait = on_wait
        self._timeout = timeout
        self._descriptor = -1
        self._key = (0, 0)

    def __enter__(self) -> Self:
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        told = False
        while True:
            descriptor = self._open()
            try:
                if not _try(descriptor):
                    self._refuse_self(descriptor)
                    if not told:
                        told = True
                        self._tell(descriptor)
                    self._wait(descriptor, deadline)
                if self._in_place(descriptor):
                    self._take(descriptor)
                    return self
            except BaseException:
                os.close(descriptor)
                raise
            # Somebody removed the file while we waited: the lock on it excludes nobody any more.
            os.close(descriptor)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        with _held_mutex:
            _held.pop(self._key, None)
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
        os.close(descriptor)

    def _open(self) -> int:
        with translated(self.path):
            flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
            with contextlib.suppress(FileNotFoundError):
                return os.open(self.path, flags)
            seam.before("write", self.path)
            return os.open(self.path, flags | os.O_CREAT, 0o666)

    def _wait(self, descriptor: int, deadline: float | None) -> None:
        if deadline is None:
            with translated(self.path):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            return
        while not _try(descriptor):
            if time.monotonic() >= deadline:
                raise ConflictError(
                    f"held by {_holder(descriptor)}",
                    where=str(self.path),
                    hint="wait until it is done, then run the command again",
                    kind="locked",
                )
            time.sleep(_POLL_SECONDS)

    def _in_place(self, descriptor: int) -> bool:
        ours = os.fstat(descriptor)
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            return False
        return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)

    def _take(self, descriptor: int) -> None:
        self._key = _key(descriptor)
        with _held_mutex:
            _held[self._key] = threading.get_ident()
        self._descriptor = descriptor
        # Not worth failing for, on a full disk for instance: it serves a message.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)

    def _refuse_self(self, descriptor: int) -> None:
        with _held_mutex:
            holder = _held.get(_key(descriptor))
        if holder == threading.get_ident():
            raise ConflictError(
                "this thread holds the writer's lock already",
                where=str(self.path),
                hint="finish the change in hand first",
                kind="locked",
            )

    def _tell(self, descriptor: int) -> None:
        if self._on_wait is not None:
            self._on_wait(f"waiting for {_holder(descriptor)}, which writes to this repository")


def _forget() -> None:
    """Forget the parent's locks in a forked child; it holds none as far as threads go."""
    _held.clear()


os.register_at_fork(after_in_child=_forget)


def _key(descriptor: int) -> tuple[int, int]:
    state = os.fstat(descriptor)
    return state.st_dev, state.st_ino


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    text = os.pread(descriptor, _HOLDER_BYTES_MAX, 0).decode("utf-8", "replace").strip()
    return text if text.isprintable() and text else "another process"
