from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from modelhub.errors import ConflictError, NotFoundError, PermissionDeniedError
from modelhub.fs.lock import WriterLock

_HOLDER = """
import sys, time
from pathlib import Path
from modelhub.fs.lock import WriterLock
with WriterLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def _holder(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _HOLDER, str(path)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def _finish(child: subprocess.Popen[str]) -> None:
    child.communicate("\n")


def test_the_lock_can_be_taken_again_and_again(path: Path) -> None:
    for _ in range(3):
        with WriterLock(path):
            assert f"process {os.getpid()} on " in path.read_text()
        assert path.read_text() == ""


def test_another_process_is_named_while_it_holds_the_lock(path: Path) -> None:
    child = _holder(path)
    told: list[str] = []
    with pytest.raises(ConflictError) as caught, WriterLock(path, told.append, timeout=0.1):
        pass
    assert caught.value.kind == "locked"
    assert f"process {child.pid} on " in str(caught.value)
    assert len(told) == 1
    assert f"process {child.pid} on " in told[0]
    _finish(child)
    with WriterLock(path, told.append, timeout=0.1):
        assert len(told) == 1


def test_waiting_ends_when_the_holder_does(path: Path) -> None:
    child = _holder(path)

    def tell(message: str) -> None:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()

    with WriterLock(path, tell):
        assert child.wait() == 0
    _finish(child)


def test_a_dead_holders_lock_is_taken_over(path: Path) -> None:
    child = _holder(path)
    child.send_signal(signal.SIGKILL)
    child.wait()
    told: list[str] = []
    with WriterLock(path, told.append, timeout=5):
        assert f"process {os.getpid()} on " in path.read_text()
    assert told == []
    _finish(child)


def test_threads_exclude_each_other(path: Path) -> None:
    inside = 0
    most = 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with WriterLock(path):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_thread_that_holds_the_lock_is_told_so(path: Path) -> None:
    with WriterLock(path), pytest.raises(ConflictError) as caught, WriterLock(path):
        pass
    assert "this thread" in str(caught.value)
    with WriterLock(path, timeout=0):
        pass


def test_a_lock_file_removed_meanwhile_is_made_again(path: Path) -> None:
    child = _holder(path)

    def tell(message: str) -> None:
        path.unlink()
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()

    with WriterLock(path, tell):
        assert path.exists()
        other = subprocess.run(
            [sys.executable, "-c", _HOLDER.replace("[1])", "[1]), timeout=0"), str(path)],
            capture_output=True,
            text=True,
        )
        assert "ConflictError" in other.stderr
    _finish(child)


def test_a_child_does_not_think_it_holds_its_parents_lock(path: Path) -> None:
    with WriterLock(path):
        child = os.fork()
        if child == 0:
            try:
                with WriterLock(path, timeout=0):
                    os._exit(1)
            except ConflictError as error:
                os._exit(0 if "held by process" in str(error) else 2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_folder_that_cannot_be_written_to(
    open_folder: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    open_folder.chmod(0o555)
    lock = WriterLock(open_folder / "lock")
    with unprivileged(), pytest.raises(PermissionDeniedError) as caught, lock:
        pass
    assert caught.value.kind == "permission"


def test_a_folder_that_is_not_there(path: Path) -> None:
    with pytest.raises(NotFoundError), WriterLock(path.parent / "absent" / "lock"):
        pass
