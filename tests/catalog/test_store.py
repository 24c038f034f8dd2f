from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import lmdb
import pytest

from modelhub.catalog import Catalog, rows
from modelhub.catalog.records import Location, TensorRecord
from modelhub.catalog.rows import Relation
from modelhub.catalog.write import FORMAT_VERSION
from modelhub.errors import (
    BadInputError,
    ConflictError,
    CorruptionError,
    PermissionDeniedError,
    UsageError,
)
from modelhub.fs import mounts

Unprivileged = Callable[[], AbstractContextManager[None]]

_PLACES = [(b"%032d" % i, Location(b"p" * 32, i)) for i in range(500)]


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """Return the folder of a catalog with rows of all sizes, closed."""
    with Catalog.create(tmp_path / "c") as catalog:
        with catalog.write() as txn:
            txn.put_locations(_PLACES)
            txn.put_tag("m", "long", b"v" * 9000)
        with catalog.write() as txn:
            txn.delete_locations([object_id for object_id, _ in _PLACES[::3]])
    return tmp_path / "c"


def _use(path: Path) -> None:
    with Catalog.open(path) as catalog:
        catalog.check()
        with catalog.write() as txn:
            txn.put_locations(_PLACES)


def test_what_is_written_is_there_after_opening_again(closed: Path) -> None:
    with Catalog.open(closed) as catalog, catalog.read() as txn:
        assert txn.counts()["location"] == 333
        assert txn.tag("m", "long") == b"v" * 9000
    _use(closed)


def test_making_a_catalog_twice_is_a_conflict(closed: Path) -> None:
    with pytest.raises(ConflictError):
        Catalog.create(closed)


def test_a_closed_catalog_says_so(closed: Path) -> None:
    catalog = Catalog.open(closed)
    catalog.close()
    with pytest.raises(UsageError), catalog.read():
        pass
    with pytest.raises(UsageError), catalog.write():
        pass


def test_reading_goes_on_after_another_handle_is_closed(closed: Path) -> None:
    with Catalog.open(closed) as catalog, catalog.read() as txn:
        Catalog.open(closed).close()
        assert sum(1 for _ in txn.locations()) == 333


# What is no catalog, or none any more


def _damage(error: pytest.ExceptionInfo[CorruptionError]) -> None:
    assert error.value.kind == "corruption"
    assert "modelhub fsck --repair" in error.value.hint
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("readonly", [False, True])
def test_a_missing_catalog(tmp_path: Path, readonly: bool) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "absent", tmp_path / "empty"):
        with pytest.raises(CorruptionError) as caught:
            Catalog.open(path, readonly)
        _damage(caught)


@pytest.mark.parametrize("content", [b"", b"x", b"text\n" * 10_000, bytes(100_000)])
def test_a_file_that_is_no_lmdb_file(closed: Path, content: bytes) -> None:
    (closed / "data.mdb").write_bytes(content)
    for readonly in (False, True):
        with pytest.raises(CorruptionError) as caught:
            Catalog.open(closed, readonly)
        _damage(caught)


def test_an_lmdb_file_of_something_else(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path / "other")) as env, env.begin(write=True) as txn:
        txn.put(b"key", b"value")
    with pytest.raises(CorruptionError) as caught:
        Catalog.open(tmp_path / "other")
    _damage(caught)


def test_a_catalog_of_a_newer_format(closed: Path) -> None:
    key, value = rows.encode(Relation.META, ("format",), FORMAT_VERSION + 1)
    with lmdb.open(str(closed)) as env, env.begin(write=True) as txn:
        txn.put(key, value)
    with pytest.raises(BadInputError) as caught:
        Catalog.open(closed)
    assert caught.value.kind == "unsupported_version"
    assert str(FORMAT_VERSION + 1) in str(caught.value)


def _outcome(path: Path) -> str:
    """Use a catalog in a process of its own, so that a crash is seen as one."""
    child = os.fork()
    if child == 0:
        try:
            _use(path)
        except CorruptionError:
            os._exit(5)
        except BaseException:
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {0: "whole", 5: "damaged"}.get(code, f"exit {code}")


def test_a_catalog_cut_short_never_crashes_the_process(closed: Path) -> None:
    good = (closed / "data.mdb").read_bytes()
    for size in range(0, len(good), 4096):
        for cut in (size, size + 100):
            (closed / "data.mdb").write_bytes(good[:cut])
            assert _outcome(closed) == "damaged"
    (closed / "data.mdb").write_bytes(good)
    assert _outcome(closed) == "whole"


@pytest.mark.parametrize("junk", [b"\xff", b"\0", b"junk"])
def test_a_page_written_over_never_crashes_the_process(closed: Path, junk: bytes) -> None:
    good = (closed / "data.mdb").read_bytes()
    seen = set()
    for page in range(len(good) // 4096):
        bad = bytearray(good)
        bad[page * 4096 : (page + 1) * 4096] = (junk * 4096)[:4096]
        (closed / "data.mdb").write_bytes(bad)
        seen.add(_outcome(closed))
    # Pages that are free may hold anything.
    assert seen <= {"whole", "damaged"}
    assert "damaged" in seen


def test_a_flipped_byte_in_a_row_is_noticed(closed: Path) -> None:
    data = (closed / "data.mdb").read_bytes()
    assert b"v" * 9000 in data
    (closed / "data.mdb").write_bytes(data.replace(b"v" * 9000, b"v" * 8999 + b"w"))
    with Catalog.open(closed) as catalog:
        with catalog.read() as txn, pytest.raises(CorruptionError) as caught:
            txn.tag("m", "long")
        _damage(caught)
        with pytest.raises(CorruptionError):
            catalog.check()


def test_a_damaged_catalog_is_set_aside_for_a_new_one(closed: Path) -> None:
    (closed / "data.mdb").write_bytes(b"junk" * 9999)
    aside = Catalog.set_aside(closed)
    assert aside is not None
    assert aside.read_bytes() == b"junk" * 9999
    with Catalog.create(closed) as catalog, catalog.read() as txn:
        assert txn.names() == []
    assert Catalog.set_aside(closed.parent / "absent") is None


# Where it may not be written


def test_reading_only_refuses_writing(closed: Path) -> None:
    with Catalog.open(closed, readonly=True) as catalog:
        with catalog.read() as txn:
            assert txn.counts()["location"] == 333
        with pytest.raises(PermissionDeniedError) as caught, catalog.write():
            pass
    assert caught.value.kind == "permission"


@pytest.mark.parametrize("lock_file", [True, False])
def test_a_folder_without_the_right_to_write(
    closed: Path, open_folder: Path, unprivileged: Unprivileged, lock_file: bool
) -> None:
    path = open_folder / "c"
    shutil.copytree(closed, path)
    if not lock_file:
        (path / "lock.mdb").unlink()
    for file in path.iterdir():
        file.chmod(0o444)
    path.chmod(0o555)
    with unprivileged():
        with pytest.raises(PermissionDeniedError) as caught:
            Catalog.open(path)
        assert caught.value.kind == "permission"
        with Catalog.open(path, readonly=True) as catalog, catalog.read() as txn:
            assert sum(1 for _ in txn.locations()) == 333
        with pytest.raises(PermissionDeniedError) as caught:
            Catalog.create(path / "new")
        assert caught.value.kind == "permission"
    assert (path / "lock.mdb").exists() == lock_file
    path.chmod(0o755)


def test_a_full_disk_changes_nothing(closed: Path) -> None:
    size = (closed / "data.mdb").stat().st_size
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limit = size + (16 << 10)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        many = (TensorRecord(f"w{i}", b"%032d" % i, "float32", (2,), 8) for i in range(5000))
        try:
            with Catalog.open(closed) as catalog, catalog.write() as txn:
                txn.put_tensors(b"t" * 32, many)
        except PermissionDeniedError as error:
            os._exit(0 if error.kind == "no_space" else 3)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with Catalog.open(closed) as catalog, catalog.read() as txn:
        catalog.check()
        assert txn.counts()["location"] == 333
        assert not txn.has_tree(b"t" * 32)
    _use(closed)


def test_a_small_file_system_that_fills_up(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("not root with the right to mount")
    try:
        many = (TensorRecord(f"w{i}", b"%032d" % i, "float32", (2,), 8) for i in range(9000))
        with Catalog.create(disk / "c") as catalog:
            with catalog.write() as txn:
                txn.put_locations(_PLACES[:9])
            with pytest.raises(PermissionDeniedError) as caught, catalog.write() as txn:
                txn.put_tensors(b"t" * 32, many)
            assert caught.value.kind == "no_space"
            with catalog.read() as txn:
                assert txn.counts()["location"] == 9
                assert txn.counts()["tensor"] == 0
            with catalog.write() as txn:
                txn.put_locations(_PLACES[9:12])
            catalog.check()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_network_file_system_is_refused_for_writing(
    closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mounts"
    table.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(mounts, "MOUNTS_FILE", table)
    for act in (Catalog.open, lambda path: Catalog.create(path / "new")):
        with pytest.raises(PermissionDeniedError) as caught:
            act(closed)
        assert caught.value.kind == "network_file_system"
        assert "nfs4" in str(caught.value)
    with Catalog.open(closed, readonly=True) as catalog, catalog.read() as txn:
        assert txn.counts()["location"] == 333
