"""Open an LMDB environment at most once per process, and keep its map large enough.

LMDB's rules that are kept here: one open per file and process; never across fork; the map resized
only without open transactions; a map that another process enlarged is adopted; slots of readers
that died are cleared; read-only media are opened without locks.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from pathlib import Path

import lmdb

from modelhub.catalog import pages
from modelhub.catalog.gate import Gate
from modelhub.catalog.lmdb_errors import translate_lmdb, translated_lmdb
from modelhub.catalog.rows import REPAIR_HINT
from modelhub.errors import (
    ConflictError,
    CorruptionError,
    ModelHubError,
    PermissionDeniedError,
    UsageError,
)
from modelhub.fs import files

__all__ = [
    "DATA_NAME",
    "LOCK_NAME",
    "MAP_BYTES",
    "READERS_MAX",
    "Environment",
    "attach",
    "detach",
    "make_file",
]

DATA_NAME = "data.mdb"
LOCK_NAME = "lock.mdb"
# Address space, not memory or disk: room for some four million tensors before the map must grow.
MAP_BYTES = 1 << 30
# LMDB's default is 126, which a machine with many workers reading one repository can exceed; a slot
# takes 64 bytes.
READERS_MAX = 1022
_ATTEMPTS = 5


class Environment:
    """One LMDB environment of this process, shared by all that open the same catalog."""

    def __init__(self, path: Path, *, readonly: bool, map_bytes: int) -> None:
        self.path = path
        self.readonly = readonly
        self.users = 0
        self.gate = Gate()
        self.broken = False
        self.writer = threading.Lock()
        self.writer_thread = 0
        self._map_bytes = map_bytes
        self._mutex = threading.RLock()
        self._env: lmdb.Environment | None = None

    @property
    def data_file(self) -> Path:
        """Return LMDB's data file."""
        return self.path / DATA_NAME

    def begin(self, *, write: bool = False) -> tuple[lmdb.Transaction, int]:
        """Begin a transaction; give both results to `end` when it is over.

        Raises:
            ConflictError: all readers' slots are taken.
        """
        for attempt in range(_ATTEMPTS):
            ticket = self.gate.enter()
            try:
                return self.opened().begin(write=write), ticket
            except lmdb.MapResizedError as error:
                self.gate.leave(ticket)
                if attempt + 1 == _ATTEMPTS:
                    raise translate_lmdb(error, self.path) from error
                with self.gate.alone():
                    self.opened().set_mapsize(0)
            except lmdb.ReadersFullError as error:
                self.gate.leave(ticket)
                if not self.opened().reader_check() and attempt:
                    raise translate_lmdb(error, self.path) from error
            except lmdb.Error as error:
                self.gate.leave(ticket)
                raise translate_lmdb(error, self.path) from error
            except BaseException:
                self.gate.leave(ticket)
                raise
        raise ConflictError("the catalog's map keeps changing", where=str(self.path))

    def end(self, txn: lmdb.Transaction, ticket: int) -> None:
        """End a transaction without keeping what it wrote."""
        if self.broken:
            _leak(txn)
            return
        # After a commit, or once the catalog is closed, LMDB has ended it already.
        with contextlib.suppress(lmdb.Error):
            txn.abort()
        self.gate.leave(ticket)

    def grow(self) -> None:
        """Double the map; no transaction of this process may be open."""
        with self.gate.alone(), translated_lmdb(self.path):
            env = self.opened()
            self._map_bytes = 2 * max(env.info()["map_size"], self._map_bytes)
            env.set_mapsize(self._map_bytes)

    def opened(self) -> lmdb.Environment:
        """Return LMDB's own object, opening the file if need be (first use, or after a fork).

        Raises:
            CorruptionError: the file is damaged.
            PermissionDeniedError: it cannot be opened as asked.
        """
        with self._mutex:
            self.demand_whole()
            if self._env is None:
                self._env = self._open()
            return self._env

    def demand_whole(self) -> None:
        """Refuse what a forked child may not do with what it inherited.

        Raises:
            UsageError: the fork happened while a transaction was open.
        """
        if self.broken:
            raise UsageError(
                "this process was forked while the catalog was in use",
                where=str(self.path),
                hint="fork before reading, or start the process by another method than fork",
            )

    def make_writable(self) -> None:
        """Open the file anew for writing; waits until nobody of this process reads."""
        if not self.readonly:
            return
        with self.gate.alone():
            self.close()
            self.readonly = False
            try:
                self.opened()
            except ModelHubError:
                self.readonly = True
                raise

    def close(self) -> None:
        """Close the file; transactions still open end with an error at their next use."""
        with self._mutex:
            if self._env is not None and not self.broken:
                self._env.close()
                self._env = None

    def _open(self) -> lmdb.Environment:
        metas = pages.read_metas(self.data_file)
        env = self._open_file()
        try:
            if env.flags().get("lock", True):
                env.reader_check()
            if metas is not None:
                self._check(env)
        except lmdb.Error as error:
            env.close()
            raise translate_lmdb(error, self.path) from error
        except BaseException:
            env.close()
            raise
        return env

    def _open_file(self) -> lmdb.Environment:
        locks = (True, False) if self.readonly else (True,)
        for lock in locks:
            try:
                return lmdb.open(
                    str(self.path),
                    map_size=self._map_bytes,
                    readonly=self.readonly,
                    lock=lock,
                    create=False,
                    mode=0o666,
                    max_readers=READERS_MAX,
                    # Rows are looked up here and there; reading ahead would load what nobody wants.
                    readahead=False,
                )
            except lmdb.Error as error:
                found = translate_lmdb(error, self.path)
                # Without the right to write there can be no lock file: media that nobody writes.
                refused = isinstance(found, PermissionDeniedError) and found.kind == "permission"
                if not (refused and lock is not locks[-1]):
                    raise found from error
        raise AssertionError("unreachable")

    def _check(self, env: lmdb.Environment) -> None:
        """Check the pages that the newest root reaches, held by a read transaction meanwhile."""
        for attempt in range(_ATTEMPTS):
            with env.begin() as txn:
                metas = pages.read_metas(self.data_file)
                found = [meta for meta in metas or () if meta.transaction == txn.id()]
                if not found:
                    # Two commits came in between, so that this root has been written over.
                    continue
                try:
                    pages.check_tree(self.data_file, found[0])
                except CorruptionError:
                    # Without locks nothing holds the pages; look again whether a writer was at it.
                    newer = pages.read_metas(self.data_file)
                    if attempt + 1 == _ATTEMPTS or newer == metas:
                        raise
                    continue
            return
        raise ConflictError("the catalog keeps changing while it is opened", where=str(self.path))

    def forget_after_fork(self) -> None:
        """Make the object usable in a forked child, or say that it is not."""
        self.gate = Gate()
        self.writer = threading.Lock()
        self.writer_thread = 0
        self._mutex = threading.RLock()
        if self._env is not None:
            self.broken = True
            _leak(self._env)

    def sleep_before_fork(self) -> None:
        """Close the file if no transaction is open, so that parent and child open it anew."""
        with self._mutex:
            if self.gate.idle and self._env is not None:
                self.close()


def _leak(inherited: object) -> None:
    """Keep an object of LMDB's that a forked child inherited until the process ends.

    To end it here, even at exit, would clear the parent's slots and unlock its lock.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))


def make_file(path: Path, key: bytes, value: bytes, map_bytes: int) -> None:
    """Make a data file with one row in it, durable once its folder is synced."""
    with translated_lmdb(path):
        # The lock file made here fixes the number of slots for as long as anybody has it open.
        env = lmdb.open(str(path), map_size=map_bytes, mode=0o666, max_readers=READERS_MAX)
        try:
            with env.begin(write=True) as txn:
                txn.put(key, value)
        finally:
            env.close()


_table: dict[tuple[int, int], Environment] = {}
_table_mutex = threading.RLock()


def attach(path: Path, *, readonly: bool, map_bytes: int = MAP_BYTES) -> Environment:
    """Return this process's environment of a catalog's folder, counting one more user.

    Raises:
        CorruptionError: there is no data file, or it is damaged.
        PermissionDeniedError: it cannot be written to.
    """
    data_file = path / DATA_NAME
    if not files.exists(data_file):
        raise CorruptionError(
            f"there is no {DATA_NAME}", where=str(path), expected="a catalog", hint=REPAIR_HINT
        )
    state = files.file_stat(data_file)
    key = (state.st_dev, state.st_ino)
    with _table_mutex:
        environment = _table.get(key)
        if environment is None:
            environment = Environment(path, readonly=readonly, map_bytes=map_bytes)
            environment.opened()
            _table[key] = environment
        elif not readonly:
            environment.make_writable()
        environment.users += 1
        return environment


def detach(environment: Environment) -> None:
    """Count one user less; the last one closes the file."""
    with _table_mutex:
        environment.users -= 1
        if environment.users <= 0:
            for key in [key for key, value in _table.items() if value is environment]:
                del _table[key]
            environment.close()


def _before_fork() -> None:
    _table_mutex.acquire()
    for environment in _table.values():
        environment.sleep_before_fork()


def _after_fork_in_parent() -> None:
    _table_mutex.release()


def _after_fork_in_child() -> None:
    _table_mutex.release()
    for environment in _table.values():
        environment.forget_after_fork()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
