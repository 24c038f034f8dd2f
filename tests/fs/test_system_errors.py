from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from modelhub.errors import (
    BadInputError,
    ConflictError,
    CorruptionError,
    ModelHubError,
    NotFoundError,
    PermissionDeniedError,
)
from modelhub.fs.system_errors import translate, translated


@pytest.mark.parametrize(
    ("code", "kind", "name"),
    [
        (errno.ENOENT, NotFoundError, "not_found"),
        (errno.EACCES, PermissionDeniedError, "permission"),
        (errno.EPERM, PermissionDeniedError, "permission"),
        (errno.EROFS, PermissionDeniedError, "permission"),
        (errno.ENOSPC, PermissionDeniedError, "no_space"),
        (errno.EDQUOT, PermissionDeniedError, "no_space"),
        (errno.EFBIG, PermissionDeniedError, "no_space"),
        (errno.ENAMETOOLONG, BadInputError, "bad_name"),
        (errno.EISDIR, BadInputError, "bad_input"),
        (errno.EEXIST, ConflictError, "conflict"),
        (errno.EIO, CorruptionError, "corruption"),
        (errno.EMFILE, ModelHubError, "error"),
    ],
)
def test_each_code_has_its_class(code: int, kind: type[ModelHubError], name: str) -> None:
    error = translate(OSError(code, os.strerror(code)), Path("/some/where"))
    assert type(error) is kind
    assert error.kind == name
    assert error.where == "/some/where"
    assert os.strerror(code) in str(error)
    assert error.hint


def test_errors_of_the_tree_pass_through() -> None:
    with pytest.raises(ConflictError), translated(Path("x")):
        raise ConflictError("kept as it is")


def test_a_zero_byte_in_a_path_is_a_bad_name() -> None:
    with pytest.raises(BadInputError) as caught, translated(Path("a\0b")):
        os.stat("a\0b")
    assert caught.value.kind == "bad_name"
