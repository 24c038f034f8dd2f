"""Turn whatever went wrong into an error of ours, and print it as text or as a JSON document."""

from __future__ import annotations

import errno
import json
import os
from typing import TextIO

from modelhub.errors import (
    BadInputError,
    ModelHubError,
    NotFoundError,
    PermissionDeniedError,
)

__all__ = ["document", "print_error", "translate"]

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_FOUND = frozenset({errno.ENOENT})
_BAD_PATH = frozenset(
    {errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.EILSEQ}
)


def translate(error: BaseException) -> ModelHubError | None:
    """Return the error of ours that says the same; None for an error in the program itself."""
    if isinstance(error, ModelHubError):
        return error
    if isinstance(error, MemoryError):
        return PermissionDeniedError(
            "the system gives no more memory", hint="free some memory, or use a larger machine"
        )
    if isinstance(error, OSError):
        return _from_os(error)
    if isinstance(error, UnicodeError):
        return BadInputError(f"text that cannot be encoded ({error})")
    if isinstance(error, RecursionError):
        return BadInputError("an input that is nested too deeply")
    return None


def _from_os(error: OSError) -> ModelHubError:
    found = (error.strerror or str(error)).lower()
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    if error.errno in _NOT_FOUND:
        return NotFoundError(found, where=where)
    if error.errno in _NO_SPACE:
        return PermissionDeniedError(found, where=where, hint="free some room", kind="no_space")
    if error.errno in _BAD_PATH:
        return BadInputError(found, where=where)
    return PermissionDeniedError(found, where=where)


def document(error: ModelHubError) -> dict[str, object]:
    """Return the JSON document of an error."""
    return {
        "error": {
            "kind": error.kind,
            "message": str(error),
            "found": error.found,
            "expected": error.expected,
            "where": error.where,
            "hint": error.hint,
            "status": error.exit_status,
            **({"detail": list(error.detail)} if error.detail else {}),
        }
    }


def print_error(error: ModelHubError, stream: TextIO, as_json: bool) -> None:
    """Print an error: what was found, what was expected, where, and what to do about it."""
    if as_json:
        stream.write(json.dumps(document(error)) + "\n")
        return
    text = f"{error.where}: {error.found}" if error.where else error.found
    if error.expected:
        text += f"; expected {error.expected}"
    stream.write(f"error: {_printable(text)}\n")
    for line in error.detail:
        stream.write(f"{_printable(line)}\n")
    if error.hint:
        stream.write(f"hint: {_printable(error.hint)}\n")
    stream.flush()


def _printable(text: str) -> str:
    """Escape what could move the cursor; not with `report.text`, which imports a library."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
