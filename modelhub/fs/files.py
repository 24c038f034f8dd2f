"""Read and change files and folders; every failure is an error of the one tree that names the path.

A *stamp* is what a file looked like (size in bytes, time of change in ns, inode, device): when it
differs, the content may have changed. Durable operations sync the file and then its folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from modelhub.errors import BadInputError, UsageError
from modelhub.fs import seam
from modelhub.fs.system_errors import translate, translated

__all__ = [
    "InputFile",
    "OutputFile",
    "drop_cached",
    "exists",
    "file_stat",
    "list_dir",
    "make_dir",
    "no_wider_than",
    "read_bytes",
    "remove",
    "rename",
    "room",
    "sync_dir",
    "sync_open",
    "truncate",
    "write_atomic",
]

# Linux moves at most 0x7ffff000 bytes per call whatever is asked; 64 MiB keeps signals served.
_CALL_BYTES_MAX = 64 << 20


def exists(path: Path) -> bool:
    """Say whether anything is at the path, be it a symbolic link that leads nowhere."""
    try:
        os.lstat(path)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOENT, errno.ENOTDIR):
            return False
        raise translate(error, path) from error
    return True


def file_stat(path: Path) -> os.stat_result:
    """Return what the system knows of a file, symbolic links followed."""
    with translated(path):
        return os.stat(path)


def room(folder: Path) -> int:
    """Return the bytes by which a folder's largest file may grow: disk and this process's limit."""
    with translated(folder):
        state = os.statvfs(folder)
        left = state.f_bavail * state.f_frsize
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        if limit == resource.RLIM_INFINITY:
            return left
        largest = max((entry.stat().st_size for entry in os.scandir(folder)), default=0)
        return min(left, max(limit - largest, 0))


def list_dir(path: Path) -> list[str]:
    """Return the names in a folder, sorted."""
    with translated(path):
        return sorted(os.listdir(path))


def make_dir(path: Path) -> None:
    """Make a folder and those above it; one that is there already is left as it is.

    Raises:
        ConflictError: something that is no folder is in the way.
    """
    # Unlike Path.is_dir, this says no where there is no right to look; mkdir then says why.
    if os.path.isdir(path):
        return
    if path.parent != path:
        make_dir(path.parent)
    with translated(path):
        seam.before("mkdir", path)
        try:
            os.mkdir(path)
        except FileExistsError:
            # Another process may have made it since we looked.
            if not os.path.isdir(path):
                raise


def sync_dir(path: Path) -> None:
    """Make what was renamed, made or removed in a folder survive power loss."""
    with translated(path):
        seam.before("sync", path)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_open(path: Path, descriptor: int) -> None:
    """Make what was written to an open file survive power loss."""
    with translated(path):
        seam.before("sync", path)
        os.fsync(descriptor)


def rename(source: Path, target: Path) -> None:
    """Rename a file, replacing what is at the target; durable once its folder is synced."""
    with translated(target):
        seam.before("rename", target)
        os.rename(source, target)


def remove(path: Path) -> None:
    """Remove a file or a symbolic link."""
    with translated(path):
        seam.before("remove", path)
        os.unlink(path)


def drop_cached(path: Path) -> None:
    """Ask the system to forget a file's content, so that the next read comes from the disk."""
    if hasattr(os, "posix_fadvise"):
        with translated(path):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def truncate(path: Path, size: int) -> None:
    """Set a file's size in bytes; what is added reads as zeros and takes no room until written."""
    with translated(path):
        seam.before("truncate", path)
        os.truncate(path, size)


@contextlib.contextmanager
def no_wider_than(mode: int) -> Iterator[None]:
    """Give new files no permission that `mode` lacks: what is made of a private file is private.

    The mask is the process's own; files that other threads make meanwhile are as private.
    """
    before = os.umask(0o077)
    os.umask(before | (~mode & 0o777))
    try:
        yield
    finally:
        os.umask(before)


def read_bytes(path: Path) -> bytes:
    """Return a whole file; meant for small ones."""
    with InputFile(path) as file:
        return file.read(0, file.size)


def write_atomic(path: Path, data: Any) -> None:
    """Replace a file by these bytes: after a crash there is the old content or the new, durable."""
    with OutputFile(path, sync=True) as file:
        file.write(data)
        file.commit()


class InputFile:
    """A regular file open for reading; use with `with`. Reads from several threads are fine.

    Raises:
        NotFoundError: there is no such file.
        BadInputError: it is a folder, a pipe or a device.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        with translated(path):
            # A pipe without a writer would block the call for ever.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self._descriptor = descriptor
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            self.close()
            what = "a folder" if stat.S_ISDIR(state.st_mode) else "a pipe, socket or device"
            raise BadInputError(what, expected="a regular file", where=str(path))
        self.size = state.st_size
        self.stamp = _stamp(state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; reading after that is an error. Closing twice is fine."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def changed(self) -> bool:
        """Say whether the open file has been written to since it was opened."""
        return _stamp(os.fstat(self._open())) != self.stamp

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes [offset, offset + size).

        Raises:
            BadInputError: kind `truncated`, the file ends before.
        """
        if offset < 0 or size < 0 or offset + size > self.size:
            # Before any memory is taken: the size may come from a damaged header.
            raise self._truncated(offset, size)
        data = bytearray(size)
        self.read_into(offset, memoryview(data))
        return bytes(data)

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill a contiguous buffer with the bytes from `offset` on.

        Raises:
            BadInputError: kind `truncated`, the file ends before.
        """
        descriptor = self._open()
        size = view.nbytes
        if offset < 0:
            raise self._truncated(offset, size)
        target = view.cast("B") if size else view
        done = 0
        while done < size:
            with translated(self.path):
                window = target[done : done + _CALL_BYTES_MAX]
                count = os.preadv(descriptor, [window], offset + done)
            if count == 0:
                raise self._truncated(offset, size)
            done += count

    def _open(self) -> int:
        if self._descriptor < 0:
            raise UsageError("the file is closed", where=str(self.path))
        return self._descriptor

    def _truncated(self, offset: int, size: int) -> BadInputError:
        return BadInputError(
            f"the file ends at {self.size}",
            expected=f"{size} bytes from {offset}",
            where=str(self.path),
            kind="truncated",
        )


class OutputFile:
    """A file that takes its place once it is whole; use with `with`, and `commit` at the end.

    Written beside its place under another name; without `commit` nothing remains of it.

    Args:
        sync: Make it durable at commit. Checked-out files need not be: they can be written again.

    Raises:
        BadInputError: kind `unsafe_path`, the path is a symbolic link.
    """

    def __init__(self, path: Path, sync: bool = False) -> None:
        self.path = path
        self._sync = sync
        self._descriptor = -1
        self._temporary = path.with_name(f".{os.getpid()}-{secrets.token_hex(8)}.tmp")
        with translated(path):
            self._refuse_link()
            seam.before("write", path)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self._temporary, flags, 0o666)

    def _refuse_link(self) -> None:
        if os.path.islink(self.path):
            raise BadInputError(
                "a symbolic link is in the way",
                expected="a regular file or nothing",
                where=str(self.path),
                hint="remove the link, or choose another place",
                kind="unsafe_path",
            )
        if os.path.isdir(self.path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()

    def __del__(self) -> None:
        if self._descriptor >= 0:
            self.abort()

    def write(self, buffer: Any) -> None:
        """Append a contiguous buffer: bytes, a memoryview, an array of bytes."""
        view = memoryview(buffer)
        if view.nbytes == 0:
            return
        view = view.cast("B")
        done = 0
        with translated(self.path):
            seam.before("write", self.path)
            while done < view.nbytes:
                done += os.write(self._open(), view[done : done + _CALL_BYTES_MAX])

    def commit(self) -> None:
        """Rename the file into its place; with `sync`, durably."""
        descriptor = self._open()
        with translated(self.path):
            if self._sync:
                seam.before("sync", self.path)
                os.fsync(descriptor)
            self._refuse_link()
            seam.before("rename", self.path)
            os.rename(self._temporary, self.path)
            self._descriptor = -1
            # Some file systems report a failed write only here.
            os.close(descriptor)
        if self._sync:
            sync_dir(self.path.parent)

    def abort(self) -> None:
        """Remove what was written; nothing happens after a commit."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        os.close(descriptor)
        with contextlib.suppress(OSError):
            os.unlink(self._temporary)

    def _open(self) -> int:
        if self._descriptor < 0:
            raise UsageError("the file is closed", where=str(self.path))
        return self._descriptor


def _stamp(state: os.stat_result) -> tuple[int, int, int, int]:
    return state.st_size, state.st_mtime_ns, state.st_ino, state.st_dev
