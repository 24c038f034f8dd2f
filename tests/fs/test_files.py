from __future__ import annotations

import errno
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from modelhub.errors import (
    BadInputError,
    ConflictError,
    ModelHubError,
    NotFoundError,
    PermissionDeniedError,
    UsageError,
)
from modelhub.fs import files, seam
from modelhub.fs.files import InputFile, OutputFile

Unprivileged = Callable[[], AbstractContextManager[None]]


def test_reads_ranges_and_fills_buffers(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(bytes(range(100)))
    with InputFile(path) as file:
        assert file.size == 100
        assert file.read(10, 3) == b"\x0a\x0b\x0c"
        assert file.read(100, 0) == b""
        words = np.zeros(4, np.uint32)
        file.read_into(0, words.data)
        assert words.tobytes() == bytes(range(16))


@pytest.mark.parametrize(("offset", "size"), [(0, 11), (10, 1), (11, 0), (-1, 1), (0, 1 << 60)])
def test_reading_past_the_end_says_truncated(tmp_path: Path, offset: int, size: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"0123456789")
    with InputFile(path) as file, pytest.raises(BadInputError) as caught:
        file.read(offset, size)
    assert caught.value.kind == "truncated"


def test_a_file_cut_short_while_open_says_truncated(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"0123456789")
    with InputFile(path) as file:
        os.truncate(path, 5)
        with pytest.raises(BadInputError) as caught:
            file.read_into(0, memoryview(bytearray(10)))
        assert file.changed()
    assert caught.value.kind == "truncated"


def test_a_change_is_seen_by_the_stamp(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    with InputFile(path) as file:
        assert not file.changed()
        stamp = file.stamp
        os.utime(path, ns=(0, 123456789))
        assert file.changed()
    with InputFile(path) as file:
        assert file.stamp != stamp
        assert file.stamp[:2] == (3, 123456789)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(BadInputError):
            InputFile(path)
    with pytest.raises(NotFoundError):
        InputFile(tmp_path / "absent")


def test_use_after_close_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    file = InputFile(path)
    file.close()
    file.close()
    with pytest.raises(UsageError):
        file.read(0, 1)
    out = OutputFile(path)
    out.commit()
    with pytest.raises(UsageError):
        out.write(b"more")


def test_threads_share_an_open_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    data = np.arange(1 << 16, dtype=np.uint32)
    path.write_bytes(data.tobytes())
    wrong: list[int] = []

    def read(file: InputFile, start: int) -> None:
        part = np.frombuffer(file.read(4 * start, 4 * 8192), np.uint32)
        if not np.array_equal(part, data[start : start + 8192]):
            wrong.append(start)

    with InputFile(path) as file:
        threads = [threading.Thread(target=read, args=(file, i * 8192)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_output_takes_its_place_only_at_commit(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    with OutputFile(path) as out:
        out.write(b"new ")
        out.write(np.frombuffer(b"bytes", np.uint8))
        out.write(np.empty((0, 3), np.float32))
        assert path.read_bytes() == b"old"
        out.commit()
    assert path.read_bytes() == b"new bytes"
    assert list(tmp_path.iterdir()) == [path]


def test_without_commit_nothing_remains(tmp_path: Path) -> None:
    def fail_halfway() -> None:
        with OutputFile(tmp_path / "f") as out:
            out.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    with OutputFile(tmp_path / "f") as out:
        out.write(b"never committed")
    assert list(tmp_path.iterdir()) == []


def test_a_link_at_the_target_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(BadInputError) as caught:
        OutputFile(link)
    assert caught.value.kind == "unsafe_path"
    dangling = tmp_path / "dangling"
    with OutputFile(dangling) as out:
        out.write(b"x")
        dangling.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(BadInputError):
            out.commit()
    assert target.read_bytes() == b"precious"
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_at_the_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError):
        OutputFile(tmp_path)


def test_existence_counts_links_that_lead_nowhere(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "absent")
    assert files.exists(link)
    assert not files.exists(tmp_path / "absent")
    assert not files.exists(tmp_path / "absent" / "below")
    with pytest.raises(BadInputError):
        files.exists(tmp_path / ("n" * 300))


def test_folders_are_made_with_those_above(tmp_path: Path) -> None:
    files.make_dir(tmp_path / "a" / "b")
    files.make_dir(tmp_path / "a" / "b")
    assert files.list_dir(tmp_path) == ["a"]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConflictError):
        files.make_dir(tmp_path / "file")
    with pytest.raises(ConflictError):
        files.make_dir(tmp_path / "file" / "below")


def test_a_folder_without_rights_says_permission(
    open_folder: Path, unprivileged: Unprivileged
) -> None:
    (open_folder / "f").write_bytes(b"x")
    (open_folder / "f").chmod(0)
    open_folder.chmod(0o555)
    with unprivileged():
        for act in (
            lambda: OutputFile(open_folder / "g"),
            lambda: files.make_dir(open_folder / "d"),
            lambda: files.remove(open_folder / "f"),
            lambda: files.rename(open_folder / "f", open_folder / "h"),
            lambda: files.read_bytes(open_folder / "f"),
        ):
            with pytest.raises(PermissionDeniedError) as caught:
                act()
            assert caught.value.kind == "permission"
    open_folder.chmod(0o755)


def test_a_write_beyond_the_limit_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            files.write_atomic(path, bytes(5000))
        except PermissionDeniedError as error:
            os._exit(0 if error.kind == "no_space" else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_room_is_what_disk_and_limit_leave(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(600))
    before = files.room(tmp_path)
    assert before > 0
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        os._exit(0 if files.room(tmp_path) == 400 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_failed_sync_is_reported(tmp_path: Path) -> None:
    def fail(operation: str, path: Path) -> None:
        if operation == "sync":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    seam.set_hook(fail)
    with pytest.raises(PermissionDeniedError) as caught:
        files.write_atomic(tmp_path / "f", b"x")
    assert caught.value.kind == "no_space"
    assert list(tmp_path.iterdir()) == []


_WRITER = """
import os, sys
from pathlib import Path
from modelhub.fs import files, seam
left = [int(sys.argv[2])]
def stop(operation, path):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), 9)
seam.set_hook(stop)
files.write_atomic(Path(sys.argv[1]), b"n" * 1000)
"""


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_a_killed_writer_leaves_the_old_content_or_the_new(tmp_path: Path, step: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    child = os.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", _WRITER, str(path), str(step)])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    assert path.read_bytes() == (b"old" if step <= 4 else b"n" * 1000)


def test_what_is_made_of_a_private_file_is_private(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with files.no_wider_than(0o640):
            files.write_atomic(tmp_path / "group", b"x")
        with files.no_wider_than(0o100400):
            files.write_atomic(tmp_path / "own", b"x")
        files.write_atomic(tmp_path / "all", b"x")
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"group": 0o640, "own": 0o400, "all": 0o644}


def test_an_open_file_is_synced_by_its_descriptor(tmp_path: Path) -> None:
    with (tmp_path / "f").open("wb") as out:
        out.write(b"x")
        out.flush()
        files.sync_open(tmp_path / "f", out.fileno())
    with pytest.raises(ModelHubError):
        files.sync_open(tmp_path / "f", -1)
