"""The one tree of errors.

An error says what was found, what was expected, where, and what to do about it. Classes are grouped
by what the caller can do, which is also the exit status of the command line; `kind` names the exact
cause and never changes its meaning once released (`KINDS` only grows).
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "KINDS",
    "BadInputError",
    "ConflictError",
    "CorruptionError",
    "ModelHubError",
    "NotFoundError",
    "PermissionDeniedError",
    "RemoteError",
    "UsageError",
]

# Every stable kind, append-only. A test checks that each kind raised anywhere is listed here.
KINDS: dict[str, str] = {
    "error": "something failed that has no kind of its own",
    "usage": "the command or call is malformed",
    "not_found": "a repository, version, snapshot, tensor or file does not exist",
    "conflict": "the request clashes with the present state",
    "locked": "another process holds the writer's lock",
    "changed_since_add": "a staged file is not what it was when it was added",
    "corruption": "stored bytes fail their checksum or break their format",
    "bad_input": "a file or value given by the user cannot be accepted",
    "truncated": "a file ends before its own header says it does",
    "bad_header": "a file's header breaks the rules of its format",
    "bad_name": "a name is empty, too long, reserved or has characters it may not have",
    "bad_dtype": "a dtype is unknown or does not fit",
    "bad_shape": "a shape is negative, too large or does not fit the data",
    "duplicate_name": "a name stands twice where it must stand once",
    "missing_shard": "an index names a shard that is not there",
    "unsafe_pickle": "a file needs code execution to be read",
    "unsafe_path": "a path leaves the folder it must stay in",
    "unsupported_version": "a file's format version is newer than this program",
    "permission": "the system refuses access",
    "no_space": "the disk is full",
    "remote": "a remote failed",
    "missing_extra": "an optional package is not installed",
    "network_file_system": "a folder lies on a file system that several hosts share",
    "network_limit": "a network has more nodes, tensors or bytes than one may have",
    "tier": "low-order bytes lie in a tier that cannot be reached, or is not set",
    "query": "a query cannot be read, or cannot be run as it is written",
}


class ModelHubError(Exception):
    """The root of the tree.

    Args:
        found: What was found, a clause without a final stop.
        expected: What was expected instead.
        where: The file, pack, tensor or revision concerned.
        hint: What the user can do.
        kind: One of `KINDS`; the class's own by default.

    Attributes:
        detail: Lines to be shown under the text as they are, such as a query with a caret.
    """

    default_kind: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1
    detail: tuple[str, ...] = ()

    def __init__(
        self,
        found: str,
        *,
        expected: str = "",
        where: str = "",
        hint: str = "",
        kind: str | None = None,
    ) -> None:
        self.found = found
        self.expected = expected
        self.where = where
        self.hint = hint
        self.kind = kind or self.default_kind
        super().__init__(self._text())

    def _text(self) -> str:
        text = f"{self.where}: {self.found}" if self.where else self.found
        if self.expected:
            text += f"; expected {self.expected}"
        if self.hint:
            text += f". {self.hint[:1].upper()}{self.hint[1:]}"
        return text


class UsageError(ModelHubError):
    """The call itself is malformed (exit status 2)."""

    default_kind = "usage"
    exit_status = 2


class NotFoundError(ModelHubError):
    """Something named does not exist (exit status 3)."""

    default_kind = "not_found"
    exit_status = 3


class ConflictError(ModelHubError):
    """The request clashes with the present state (exit status 4)."""

    default_kind = "conflict"
    exit_status = 4


class CorruptionError(ModelHubError):
    """Stored bytes are damaged (exit status 5)."""

    default_kind = "corruption"
    exit_status = 5


class BadInputError(ModelHubError):
    """A file or value given by the user cannot be accepted (exit status 6)."""

    default_kind = "bad_input"
    exit_status = 6


class RemoteError(ModelHubError):
    """A remote failed (exit status 7)."""

    default_kind = "remote"
    exit_status = 7


class PermissionDeniedError(ModelHubError):
    """The system refuses access, or the disk is full (exit status 7)."""

    default_kind = "permission"
    exit_status = 7
