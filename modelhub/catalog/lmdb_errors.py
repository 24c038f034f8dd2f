"""Turn LMDB's errors into errors of the one tree."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import lmdb

from modelhub.catalog.rows import REPAIR_HINT
from modelhub.errors import (
    BadInputError,
    ConflictError,
    CorruptionError,
    ModelHubError,
    UsageError,
)
from modelhub.fs import files
from modelhub.fs.system_errors import NO_SPACE, REFUSED, translate

__all__ = ["translate_lmdb", "translated_lmdb"]

_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.IncompatibleError,
)
# LMDB calls a write that was cut short an I/O error; with less room than one of its writes may take
# (64 pages of up to 32 KiB), it was the disk that is full.
_CALL_BYTES_MAX = 2 << 20
# What the system says comes inside LMDB's text only; these are worth telling apart.
_SYSTEM = (*sorted(NO_SPACE), *sorted(REFUSED), errno.ENOENT, errno.EIO, errno.ENOMEM)


def translate_lmdb(error: lmdb.Error, path: Path) -> ModelHubError:
    """Return the error of the tree that says what LMDB says about the catalog at a path."""
    where, text = str(path), str(error)
    if isinstance(error, _DAMAGE):
        return CorruptionError(text, where=where, hint=REPAIR_HINT)
    if isinstance(error, lmdb.VersionMismatchError):
        return BadInputError(
            "the catalog was written by another version of LMDB",
            where=where,
            hint="install another version of the package lmdb, or " + REPAIR_HINT,
            kind="unsupported_version",
        )
    if isinstance(error, lmdb.ReadersFullError):
        return ConflictError(
            "too many readers at once", where=where, hint="close some, then try again"
        )
    if isinstance(error, lmdb.MapFullError):
        return ModelHubError("the map cannot grow any more", where=where, kind="no_space")
    for code in _SYSTEM:
        if os.strerror(code) in text:
            if code == errno.EIO and files.room(path) < _CALL_BYTES_MAX:
                code = errno.ENOSPC
            return translate(OSError(code, os.strerror(code)), path)
    if "closed" in text:
        return UsageError("the catalog is closed", where=where)
    return ModelHubError(text, where=where, hint="this comes from LMDB")


@contextlib.contextmanager
def translated_lmdb(path: Path) -> Iterator[None]:
    """Raise the tree's errors for LMDB's errors about the catalog at a path."""
    try:
        yield
    except lmdb.Error as error:
        raise translate_lmdb(error, path) from error
