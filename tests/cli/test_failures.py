from __future__ import annotations

import errno
import io
import json

import pytest

from modelhub import errors
from modelhub.cli import failures
from modelhub.cli.verbs import STATUSES


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (errors.ConflictError("x"), 4, "conflict"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a"), 3, "not_found"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), 7, "permission"),
        (OSError(errno.ENOSPC, "No space left on device"), 7, "no_space"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", b"a"), 6, "bad_input"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "a" * 300), 6, "bad_input"),
        (OSError(errno.EIO, "Input/output error"), 7, "permission"),
        (OSError("no number"), 7, "permission"),
        (MemoryError(), 7, "permission"),
        (RecursionError(), 6, "bad_input"),
        ("\udc80", 6, "bad_input"),
    ],
)
def test_translation(error: Exception | str, status: int, kind: str) -> None:
    if isinstance(error, str):
        with pytest.raises(UnicodeError) as caught:
            error.encode()
        error = caught.value
    found = failures.translate(error)
    assert found is not None
    assert (found.exit_status, found.kind) == (status, kind)


def test_an_error_in_the_program_is_none_of_the_users() -> None:
    assert failures.translate(KeyError("x")) is None


def test_every_class_has_a_documented_status() -> None:
    for name in errors.__all__:
        found = getattr(errors, name)
        if isinstance(found, type):
            assert found.exit_status in STATUSES


def _printed(as_json: bool) -> str:
    stream = io.StringIO()
    error = errors.BadInputError(
        "ends\x1b[2J early", expected="8 bytes", where="a\nb", hint="fetch it again"
    )
    failures.print_error(error, stream, as_json)
    return stream.getvalue()


def test_text() -> None:
    assert _printed(as_json=False) == (
        "error: a\\nb: ends\\x1b[2J early; expected 8 bytes\nhint: fetch it again\n"
    )


def test_json() -> None:
    error = json.loads(_printed(as_json=True))["error"]
    assert error["kind"] == "bad_input"
    assert error["status"] == 6
    assert error["where"] == "a\nb"
    assert error["hint"] == "fetch it again"
