from __future__ import annotations

from pathlib import Path

import lmdb
import pytest

from modelhub.catalog.lmdb_errors import translate_lmdb, translated_lmdb
from modelhub.errors import ModelHubError


@pytest.mark.parametrize(
    ("error", "name", "kind"),
    [
        (lmdb.CorruptedError("x"), "CorruptionError", "corruption"),
        (lmdb.PageNotFoundError("x"), "CorruptionError", "corruption"),
        (lmdb.PanicError("x"), "CorruptionError", "corruption"),
        (lmdb.VersionMismatchError("x"), "BadInputError", "unsupported_version"),
        (lmdb.ReadersFullError("x"), "ConflictError", "conflict"),
        (lmdb.MapFullError("x"), "ModelHubError", "no_space"),
        (lmdb.Error("c: No space left on device"), "PermissionDeniedError", "no_space"),
        (lmdb.Error("c: File too large"), "PermissionDeniedError", "no_space"),
        (lmdb.Error("c: Disk quota exceeded"), "PermissionDeniedError", "no_space"),
        (lmdb.Error("c: Permission denied"), "PermissionDeniedError", "permission"),
        (lmdb.Error("c: Read-only file system"), "PermissionDeniedError", "permission"),
        (lmdb.Error("c: Input/output error"), "CorruptionError", "corruption"),
        (lmdb.Error("something new"), "ModelHubError", "error"),
    ],
)
def test_each_error_has_its_class(tmp_path: Path, error: lmdb.Error, name: str, kind: str) -> None:
    found = translate_lmdb(error, tmp_path)
    assert type(found).__name__ == name
    assert found.kind == kind
    assert str(tmp_path) in str(found)


def test_the_cause_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ModelHubError) as caught, translated_lmdb(tmp_path):
        raise lmdb.Error("something new")
    assert isinstance(caught.value.__cause__, lmdb.Error)
