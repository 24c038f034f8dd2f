from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelhub.catalog import coding, keys
from modelhub.catalog.records import (
    AnnotationRecord,
    FileRecord,
    SnapshotRecord,
    TensorRecord,
    VersionRecord,
)
from modelhub.errors import CorruptionError


def _stored(row: Any) -> Any:
    return keys.unpack_record(keys.pack_record(row))


def test_records_come_back_equal(make_version: Callable[..., VersionRecord]) -> None:
    version = make_version(
        1,
        parents=(b"p" * 32,),
        snapshots=(SnapshotRecord("s", b"t" * 32, 5),),
        files=(FileRecord("f", 1, b"s" * 32, b"r" * 32),),
    )
    assert coding.version_of(version.id, _stored(coding.version_row(version))) == version
    for view in (None, (3, (4, 1))):
        tensor = TensorRecord("w", b"i" * 32, "bfloat16", (2, 0), 0, view)
        assert coding.tensor_of("w", _stored(coding.tensor_row(tensor))) == tensor
    note = AnnotationRecord(b"a" * 32, b"v" * 32, "k", {"x": [1, None]}, 7)
    items = (note.version, note.created_ns, note.id)
    assert coding.annotation_of(items, _stored(coding.annotation_row(note))) == note


@pytest.mark.parametrize("row", [None, 1, (), (1,) * 30])
def test_rows_of_another_shape_are_damage(row: Any) -> None:
    with pytest.raises(CorruptionError):
        coding.version_of(b"v" * 32, row)
    with pytest.raises(CorruptionError):
        coding.tensor_of("w", row)
    with pytest.raises(CorruptionError):
        coding.annotation_of((b"v", 1, b"a"), row)
