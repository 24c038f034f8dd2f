"""Turn what the operating system says into errors of the one tree, with path and way out."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from modelhub.errors import (
    BadInputError,
    ConflictError,
    CorruptionError,
    ModelHubError,
    NotFoundError,
    PermissionDeniedError,
)

__all__ = ["NO_SPACE", "REFUSED", "translate", "translated"]

# EFBIG is a limit on the size of files (ulimit -f): to the user, there is no room either.
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ETXTBSY})
_BAD_NAMES = frozenset({errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.EILSEQ})
_WRONG_KIND = frozenset({errno.EISDIR, errno.ENOTDIR, errno.ENXIO, errno.ESPIPE})
_IN_THE_WAY = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.EBUSY})


def translate(error: OSError | ValueError, path: Path) -> ModelHubError:
    """Return the error of the tree that says what the system's error says about a path."""
    where = str(path)
    if not isinstance(error, OSError):
        return BadInputError(str(error), where=repr(where), kind="bad_name")
    code = error.errno or 0
    found = error.strerror or str(error)
    if code == errno.ENOENT:
        return NotFoundError(found, where=where, hint="check the path")
    if code in REFUSED:
        read_only = code == errno.EROFS
        hint = "copy it to a writable place" if read_only else "check owner and mode of the path"
        return PermissionDeniedError(found, where=where, hint=hint)
    if code in NO_SPACE:
        hint = "free some space (`modelhub gc` may help), then run the command again"
        return PermissionDeniedError(found, where=where, hint=hint, kind="no_space")
    if code in _BAD_NAMES:
        return BadInputError(found, where=where, hint="use another path", kind="bad_name")
    if code in _WRONG_KIND:
        return BadInputError(found, where=where, hint="check the path")
    if code in _IN_THE_WAY:
        return ConflictError(found, where=where, hint="move away what is there")
    if code == errno.EIO:
        return CorruptionError(found, where=where, hint="check the disk, it fails to read or write")
    return ModelHubError(found, where=where, hint="this comes from the operating system")


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise the tree's errors for the system's errors about a path."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise translate(error, path) from error
