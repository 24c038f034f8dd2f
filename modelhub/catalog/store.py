"""Open and make catalogs: the LMDB environment in `.modelhub/catalog`."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from modelhub.catalog import pages
from modelhub.catalog.environment import DATA_NAME, LOCK_NAME, MAP_BYTES, attach, detach, make_file
from modelhub.catalog.read import ReadTxn
from modelhub.catalog.rows import REPAIR_HINT, Relation, encode
from modelhub.catalog.write import FORMAT_VERSION, WriteTxn
from modelhub.errors import (
    BadInputError,
    ConflictError,
    CorruptionError,
    PermissionDeniedError,
    UsageError,
)
from modelhub.fs import files, mounts, seam

__all__ = ["Catalog"]

_META_KEY = ("format",)


class Catalog:
    """An open catalog; use with `with`, or close it. Safe to use from several threads.

    In a forked child it opens its file anew, unless the fork happened in a transaction.
    """

    def __init__(self, path: Path, *, readonly: bool, map_bytes: int) -> None:
        if not readonly:
            _refuse_network(path)
        self.path = path
        self.readonly = readonly
        self._environment = attach(path, readonly=readonly, map_bytes=map_bytes)
        self._closed = False
        try:
            self._check_format()
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path, *, map_bytes: int = MAP_BYTES) -> Catalog:
        """Make an empty catalog in a folder (made too if need be) and open it.

        Raises:
            ConflictError: there is one already.
            PermissionDeniedError: the folder cannot be written to, or the disk is full; kind
                `network_file_system` on a file system whose maps and locks are not shared.
        """
        files.make_dir(path)
        _refuse_network(path)
        if files.exists(path / DATA_NAME):
            raise ConflictError("there is a catalog already", where=str(path))
        seam.before("write", path / DATA_NAME)
        key, value = encode(Relation.META, _META_KEY, FORMAT_VERSION)
        make_file(path, key, value, map_bytes)
        files.sync_dir(path)
        return cls(path, readonly=False, map_bytes=map_bytes)

    @classmethod
    def open(cls, path: Path, readonly: bool = False, *, map_bytes: int = MAP_BYTES) -> Catalog:
        """Open the catalog in a folder.

        Args:
            readonly: Refuse writing; the only way to open one that may not be written to.
            map_bytes: Address space to begin with; it grows by itself.

        Raises:
            CorruptionError: there is none, or it is damaged, or the folder holds something else.
            BadInputError: kind `unsupported_version`, a newer program made it.
            PermissionDeniedError: it cannot be opened as asked; kind `network_file_system` for
                writing on a file system whose maps and locks are not shared.
        """
        return cls(path, readonly=readonly, map_bytes=map_bytes)

    @staticmethod
    def set_aside(path: Path) -> Path | None:
        """Rename a damaged catalog's file, so that `create` can make a new one beside it.

        Returns the new name, or None if there was no file. Nobody may have the catalog open.
        """
        data_file = path / DATA_NAME
        if files.exists(path / LOCK_NAME):
            files.remove(path / LOCK_NAME)
        if not files.exists(data_file):
            return None
        target = path / f"damaged-{secrets.token_hex(4)}.mdb"
        files.rename(data_file, target)
        files.sync_dir(path)
        return target

    def close(self) -> None:
        """Close the catalog; transactions still open end with an error. Twice is fine."""
        if not self._closed:
            self._closed = True
            detach(self._environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def read(self) -> Iterator[ReadTxn]:
        """Begin reading: one state of the catalog until the block ends, whoever writes."""
        self._demand_open()
        with contextlib.closing(ReadTxn(self._environment)) as txn:
            yield txn

    @contextlib.contextmanager
    def write(self) -> Iterator[WriteTxn]:
        """Begin writing, after waiting for other writers; commits at the end of the block.

        Raises:
            PermissionDeniedError: the catalog is open for reading only; kind `no_space`, the disk
                is full, and nothing has changed.
            ConflictError: this thread is writing already.
        """
        self._demand_open()
        if self.readonly:
            raise PermissionDeniedError(
                "the catalog is open for reading only", where=str(self.path)
            )
        with contextlib.closing(WriteTxn(self._environment)) as txn:
            yield txn
            txn.commit()

    def check(self) -> None:
        """Check every page and row, whatever the size; for fsck. Takes memory of the file's size.

        Raises:
            CorruptionError: a page or row is damaged.
        """
        with self.read() as txn:
            for meta in pages.read_metas(self._environment.data_file) or ():
                if meta.transaction == txn.number:
                    pages.check_tree(self._environment.data_file, meta, full=True)
            txn.check_rows()

    def _check_format(self) -> None:
        with self.read() as txn:
            version = txn.format_version()
        if version is None:
            raise CorruptionError(
                "an LMDB file that is no catalog", where=str(self.path), hint=REPAIR_HINT
            )
        if version > FORMAT_VERSION:
            raise BadInputError(
                f"the catalog has format version {version}",
                expected=f"at most {FORMAT_VERSION}",
                where=str(self.path),
                hint="use a newer version of modelhub",
                kind="unsupported_version",
            )

    def _demand_open(self) -> None:
        if self._closed:
            raise UsageError("the catalog is closed", where=str(self.path))


def _refuse_network(path: Path) -> None:
    kind = mounts.network_type(path)
    if kind is not None:
        raise PermissionDeniedError(
            f"the folder lies on a network file system ({kind})",
            expected="a local one: LMDB's maps and locks do not reach from host to host",
            where=str(path),
            hint="keep the repository on a local disk",
            kind="network_file_system",
        )
