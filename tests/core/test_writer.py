"""The writer: what it refuses, what it leaves behind, and how a pack gets its name."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelhub import _core, errors
from modelhub.errors import (
    BadInputError,
    ConflictError,
    CorruptionError,
    ModelHubError,
    NotFoundError,
    PermissionDeniedError,
    UsageError,
)

ID = b"\x11" * 32
FOUR = np.arange(4, dtype=np.uint8)
BASE = (b"\2" * 32, 0, FOUR)


def test_name_is_sha256_of_header_and_index(lab: Any) -> None:
    path = lab.path()
    writer = _core.PackWriter(str(path))
    writer.add(ID, 1, 1, 1, 0, (4,), FOUR)
    name = writer.finish()
    data = path.read_bytes()
    offset, size = struct.unpack_from("<QQ", data, len(data) - 48)
    assert name == hashlib.sha256(data[:16] + data[offset : offset + size]).digest()
    reader = _core.PackReader(str(path))
    assert reader.name == name
    assert (writer.count, writer.bytes) == (reader.count, reader.bytes) == (1, len(data))


def test_empty_pack(lab: Any) -> None:
    path = lab.path()
    _core.PackWriter(str(path)).finish()
    reader = _core.PackReader(str(path))
    assert (reader.count, reader.ids(), reader.find(ID)) == (0, b"", -1)


def test_creates_exclusively(lab: Any, tmp_path: Path) -> None:
    path = tmp_path / "there"
    path.write_bytes(b"mine")
    with pytest.raises(ConflictError):
        _core.PackWriter(str(path))
    assert path.read_bytes() == b"mine"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConflictError):
        _core.PackWriter(str(link))
    with pytest.raises(NotFoundError):
        _core.PackWriter(str(tmp_path / "no" / "folder"))


def test_unfinished_packs_vanish(lab: Any) -> None:
    for end in ("abort", "with", "drop"):
        path = lab.path()
        writer = _core.PackWriter(str(path))
        writer.add(ID, 1, 1, 1, 0, (4,), FOUR)
        assert path.exists()
        if end == "abort":
            writer.abort()
        elif end == "with":
            with pytest.raises(ZeroDivisionError), writer:
                raise ZeroDivisionError
        del writer
        assert not path.exists()


def test_finished_packs_stay(lab: Any) -> None:
    path = lab.path()
    with _core.PackWriter(str(path)) as writer:
        writer.finish()
    writer.abort()
    assert path.exists()
    for call in (writer.finish, lambda: writer.add(ID, 1, 1, 1, 0, (4,), FOUR)):
        with pytest.raises(UsageError):
            call()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"id": b"short"}, UsageError),
        ({"kind": 256}, UsageError),
        ({"kind": -1}, UsageError),
        ({"width": 3}, BadInputError),
        ({"width": 0}, BadInputError),
        ({"value_kind": 3}, BadInputError),
        ({"width": 8}, BadInputError),
        ({"shape": (0, 4)}, BadInputError),
        ({"shape": (-4,)}, BadInputError),
        ({"shape": (1,) * 65}, BadInputError),
        ({"data": np.zeros(0, np.uint8)}, BadInputError),
        ({"base": (b"\2" * 32, 0, np.zeros(5, np.uint8))}, BadInputError),
        ({"base": (b"\2" * 32, 65535, FOUR)}, BadInputError),
        ({"base": (b"\2" * 32, -1, FOUR)}, UsageError),
        ({"base": (ID, 0, FOUR)}, BadInputError),
        # A base of another type must be converted, and shapes must fit bytes.
        ({"base": BASE, "base_as": (2, 1, 0, (4,), 0)}, BadInputError),
        ({"base": BASE, "base_as": (1, 1, 1, (4,), 0)}, BadInputError),
        ({"base": BASE, "base_as": (1, 2, 0, (2,), 0)}, BadInputError),
        ({"base": BASE, "base_as": (1, 1, 0, (0,), 0)}, BadInputError),
        ({"base": BASE, "base_as": (1, 1, 0, (-4,), 0)}, BadInputError),
        ({"base": BASE, "base_as": (1, 1, 0, (4,), 5)}, UsageError),
        ({"base": BASE, "base_as": (1, 1, 0, (4,), -1)}, UsageError),
        ({"base": BASE, "base_as": (1, 1, 0, (4,), 1)}, BadInputError),
        ({"base": BASE, "base_as": (256, 1, 0, (4,), 0)}, UsageError),
    ],
    ids=str,
)
def test_refusals_do_no_harm(lab: Any, change: dict[str, Any], error: type[Exception]) -> None:
    good: dict[str, Any] = {
        "id": ID, "kind": 1, "dtype_code": 1, "width": 1, "value_kind": 0, "shape": (4,),
        "data": FOUR,
    }  # fmt: skip
    path = lab.path()
    with _core.PackWriter(str(path)) as writer:
        with pytest.raises(error):
            writer.add(**(good | change))
        writer.add(**good)
        with pytest.raises(ConflictError):
            writer.add(**good)
        writer.finish()
    assert lab.read(_core.PackReader(str(path)), 0) == FOUR.tobytes()


def test_dims_at_the_limit(lab: Any) -> None:
    reader = lab.pack(FOUR.reshape((4,) + (1,) * 31))
    assert reader.entry(0).shape == (4,) + (1,) * 31
    path = lab.path()
    with _core.PackWriter(str(path)) as writer:
        writer.add(ID, 1, 1, 1, 0, (4,) + (1,) * 63, FOUR)
        writer.add(b"\2" * 32, 1, 1, 1, 0, (4,), FOUR + 1, base=(ID, 65534, FOUR))
        writer.finish()
    assert len(_core.PackReader(str(path)).entry(0).shape) == 64


@pytest.mark.parametrize("preset", ["", "Fast", "densest", "9"])
def test_presets_have_names(lab: Any, preset: str) -> None:
    path = lab.path()
    with pytest.raises(UsageError) as caught:
        _core.PackWriter(str(path), preset=preset)
    assert "fast, default or dense" in str(caught.value)
    assert not path.exists()


def test_denser_presets_take_less(lab: Any) -> None:
    array = np.random.default_rng(0).normal(0, 0.02, 200_000).astype(np.float32)
    packs = [lab.pack(array, width=4, value_kind=2, preset=p) for p in ("fast", "default", "dense")]
    sizes = [reader.bytes for reader in packs]
    assert sizes[0] > sizes[1] > sizes[2]


def test_strided_arrays_are_refused(lab: Any) -> None:
    with _core.PackWriter(str(lab.path())) as writer, pytest.raises((BufferError, ValueError)):
        writer.add(ID, 1, 1, 1, 0, (4,), np.arange(8, dtype=np.uint8)[::2])


def test_copy_takes_entries_as_they_are(lab: Any) -> None:
    rng = np.random.default_rng(0)
    array = rng.normal(0, 1, 100_000).astype(np.float32)
    source = lab.pack(array, array + np.float32(1e-6), width=4, value_kind=2)
    path = lab.path()
    with _core.PackWriter(str(path)) as writer:
        writer.copy(source, 1)
        writer.copy(source, 0)
        with pytest.raises(ConflictError):
            writer.copy(source, 0)
        with pytest.raises(UsageError):
            writer.copy(source, 2)
        writer.finish()
    copy = _core.PackReader(str(path))
    assert copy.entry(0).segment_bytes == source.entry(1).segment_bytes
    assert lab.read(copy, 0) == (array + np.float32(1e-6)).tobytes()
    assert lab.read(copy, 1) == array.tobytes()


def test_copy_checks_what_it_copies(lab: Any) -> None:
    source = lab.pack(np.random.default_rng(0).integers(0, 256, 5000, np.uint8))
    data = bytearray(Path(source.path).read_bytes())
    entry = source.entry(0)
    data[entry.offset + entry.record_bytes + 99] ^= 1
    Path(source.path).write_bytes(data)
    with _core.PackWriter(str(lab.path())) as writer:
        with pytest.raises(CorruptionError):
            writer.copy(source, 0)
        assert writer.count == 0


FULL_DISK = """
import resource, signal, sys
import numpy as np
from modelhub import _core
from modelhub.errors import PermissionDeniedError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
noise = np.random.default_rng(0).integers(0, 256, 200_000, np.uint8)
writer = _core.PackWriter(sys.argv[1])
writer.add(bytes(32), 1, 1, 1, 0, (200_000,), noise)
kinds = []
calls = [lambda: writer.add(b"1" * 32, 1, 1, 1, 0, (200_000,), noise[::-1].copy())]
calls += [lambda: writer.add(b"2" * 32, 1, 1, 1, 0, (1,), noise[:1]), writer.finish]
for call in calls:
    try:
        call()
    except PermissionDeniedError as error:
        kinds.append(error.kind)
del writer, calls, call
print(kinds)
"""


def test_a_full_disk_poisons_the_writer(lab: Any) -> None:
    """A limit on the file's size fails a write half-way, as a full disk does."""
    path = lab.path()
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=False
    )
    assert result.stdout.strip() == str(["no_space"] * 3), result.stderr
    assert not path.exists()


def test_folder_without_write_permission(lab: Any, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionDeniedError):
            _core.PackWriter(str(tmp_path / "pack"))
    finally:
        tmp_path.chmod(0o700)


def test_every_status_is_an_error_of_the_tree() -> None:
    for name, error_class, kind in _core.STATUS_KINDS:
        made = getattr(errors, error_class)
        assert issubclass(made, ModelHubError), name
        assert kind in errors.KINDS


def test_readers_leave_no_descriptor_open(lab: Any) -> None:
    path = lab.pack(FOUR).path
    before = len(os.listdir("/proc/self/fd"))
    readers = [_core.PackReader(path) for _ in range(20)]
    readers[0].close()
    del readers
    with pytest.raises(ConflictError):
        _core.PackWriter(path)
    assert len(os.listdir("/proc/self/fd")) == before
