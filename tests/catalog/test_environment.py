"""The rules of LMDB, each with a test: real files, real processes, some of them killed."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelhub.catalog import Catalog
from modelhub.catalog import environment as environments
from modelhub.catalog.records import Location, VersionRecord
from modelhub.errors import ConflictError, UsageError

Make = Callable[..., VersionRecord]
Run = Callable[..., "subprocess.Popen[str]"]

_SMALL_MAP = 1 << 17

_PRELUDE = """
import os, signal, sys, time
from pathlib import Path
from modelhub.catalog import Catalog
from modelhub.catalog.records import Location, VersionRecord
def say(*words):
    print(*words, flush=True)
def places(begin, end):
    return [(b"%032d" % i, Location(b"p" * 32, i)) for i in range(begin, end)]
path = Path(sys.argv[1])
"""


def _places(begin: int, end: int) -> list[tuple[bytes, Location]]:
    return [(b"%032d" % i, Location(b"p" * 32, i)) for i in range(begin, end)]


def _line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def _go(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("go\n")
    child.stdin.flush()


def _count(catalog: Catalog) -> int:
    with catalog.read() as txn:
        return txn.counts()["location"]


def _in_child(act: Callable[[], Any]) -> int:
    """Run something in a forked child; return 0 if it went through, 1 if it did not."""
    child = os.fork()
    if child == 0:
        try:
            act()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# One open per environment and process


def test_opens_of_one_file_share_one_environment(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(catalog.path)
    with Catalog.open(catalog.path) as second, Catalog.open(tmp_path / "link") as third:
        with second.write() as txn:
            txn.put_locations(_places(0, 3))
        assert _count(catalog) == _count(third) == 3
    assert _count(catalog) == 3


def test_the_last_close_closes_the_file(tmp_path: Path) -> None:
    first = Catalog.create(tmp_path / "c")
    second = Catalog.open(tmp_path / "c")
    first.close()
    first.close()
    assert _count(second) == 0
    with pytest.raises(UsageError):
        _count(first)
    second.close()
    with Catalog.open(tmp_path / "c") as again:
        assert _count(again) == 0


def test_a_reader_becomes_a_writer_without_a_second_open(tmp_path: Path) -> None:
    Catalog.create(tmp_path / "c").close()
    with Catalog.open(tmp_path / "c", readonly=True) as reader:
        assert _count(reader) == 0
        with Catalog.open(tmp_path / "c") as writer, writer.write() as txn:
            txn.put_locations(_places(0, 2))
        assert _count(reader) == 2


def test_threads_share_a_catalog(tmp_path: Path) -> None:
    wrong: list[str] = []
    with Catalog.create(tmp_path / "c", map_bytes=_SMALL_MAP) as catalog:

        def write(number: int) -> None:
            for step in range(10):
                begin = (number * 10 + step) * 40
                with catalog.write() as txn:
                    txn.put_locations(_places(begin, begin + 40))

        def read() -> None:
            for _ in range(60):
                with catalog.read() as txn:
                    count = txn.counts()["location"]
                    if count % 40 or count != sum(1 for _ in txn.locations()):
                        wrong.append(f"saw {count}")

        threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
        threads += [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert _count(catalog) == 1200


# Never across fork


def test_a_forked_child_opens_the_file_anew(catalog: Catalog) -> None:
    with catalog.write() as txn:
        txn.put_locations(_places(0, 5))

    def act() -> None:
        assert _count(catalog) == 5
        with Catalog.open(catalog.path) as second, second.write() as txn:
            txn.put_locations(_places(5, 8))
        assert _count(catalog) == 8

    assert _in_child(act) == 0
    assert _count(catalog) == 8


def test_a_fork_inside_a_transaction_is_an_error_in_the_child_alone(catalog: Catalog) -> None:
    def act() -> None:
        with pytest.raises(UsageError) as caught:
            _count(catalog)
        assert "fork" in str(caught.value)
        with pytest.raises(UsageError):
            Catalog.open(catalog.path)

    with catalog.read() as txn:
        assert _in_child(act) == 0
        assert txn.counts()["location"] == 0
    with catalog.write() as writing:
        writing.put_locations(_places(0, 5))
        assert _in_child(act) == 0
    assert _count(catalog) == 5


def test_a_child_cannot_end_what_its_parent_began(catalog: Catalog) -> None:
    with catalog.write() as txn:
        txn.put_locations(_places(0, 5))

    def write_and_fork() -> bool:
        """Return whether this is the child, which has come to the end of the block too."""
        child = 0
        try:
            with catalog.write() as txn:
                txn.put_locations(_places(5, 8))
                child = os.fork()
                if child:
                    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
                    with catalog.read() as other:
                        assert other.counts()["location"] == 5
        except UsageError:
            return child == 0
        return False

    if write_and_fork():
        os._exit(7)
    assert _count(catalog) == 8


def test_a_childs_exit_leaves_its_parents_slot(catalog: Catalog, run: Run) -> None:
    program = (
        _PRELUDE
        + """
catalog = Catalog.open(path)
with catalog.read() as txn:
    child = os.fork()
    if child == 0:
        sys.exit(0)
    os.waitpid(child, 0)
    listed = catalog._environment.opened().readers().splitlines()
    slots = [line for line in listed if str(os.getpid()) in line]
    say(len(slots))
"""
    )
    assert _line(run(program, catalog.path)) == "1"


# The map grows, and others adopt its size


def test_the_map_grows_within_a_transaction(tmp_path: Path) -> None:
    with Catalog.create(tmp_path / "c", map_bytes=_SMALL_MAP) as catalog:
        with catalog.write() as txn:
            txn.put_locations(_places(0, 10))
        with catalog.write() as txn:
            txn.put_locations(_places(10, 4000))
            assert txn.location(b"%032d" % 3999) == Location(b"p" * 32, 3999)
            txn.delete_locations([b"%032d" % 0])
        assert _count(catalog) == 3999
        assert (catalog.path / "data.mdb").stat().st_size > 4 * _SMALL_MAP
    with Catalog.open(tmp_path / "c", map_bytes=_SMALL_MAP) as again:
        again.check()
        assert _count(again) == 3999


def test_a_full_map_with_this_threads_own_reader_open_is_an_error(tmp_path: Path) -> None:
    def write(catalog: Catalog) -> None:
        with catalog.write() as txn:
            txn.put_locations(_places(0, 4000))

    with Catalog.create(tmp_path / "c", map_bytes=_SMALL_MAP) as catalog:
        with catalog.read(), pytest.raises(ConflictError) as caught:
            write(catalog)
        assert "reads the catalog" in str(caught.value)
        assert _count(catalog) == 0
        write(catalog)
        assert _count(catalog) == 4000


_GROWER = (
    _PRELUDE
    + """
with Catalog.open(path, map_bytes=1 << 17) as catalog:
    say("open")
    sys.stdin.readline()
    with catalog.write() as txn:
        txn.put_locations(places(0, 4000))
    say("grown")
    sys.stdin.readline()
"""
)


def test_a_reader_opened_before_the_map_grew_sees_what_came(tmp_path: Path, run: Run) -> None:
    with Catalog.create(tmp_path / "c", map_bytes=_SMALL_MAP) as catalog:
        child = run(_GROWER, catalog.path)
        assert _line(child) == "open"
        with catalog.read() as txn:
            _go(child)
            assert _line(child) == "grown"
            assert txn.counts()["location"] == 0
            assert list(txn.locations()) == []
        assert _count(catalog) == 4000
        with catalog.write() as txn:
            txn.put_locations(_places(4000, 4001))
        _go(child)
        assert child.wait() == 0
        assert _count(catalog) == 4001


# One writer, many readers, in several processes

_TURNS = (
    _PRELUDE
    + """
with Catalog.open(path) as catalog:
    for turn in range(20):
        with catalog.write() as txn:
            count = txn.counts()["location"]
            txn.put_locations(places(count, count + 7))
"""
)


def test_two_processes_write_in_turn(catalog: Catalog, run: Run) -> None:
    children = [run(_TURNS, catalog.path) for _ in range(2)]
    seen = []
    while any(child.poll() is None for child in children):
        with catalog.read() as txn:
            seen.append(txn.counts()["location"])
            assert seen[-1] % 7 == 0
            assert seen[-1] == sum(1 for _ in txn.locations())
    assert [child.wait() for child in children] == [0, 0]
    assert seen == sorted(seen)
    assert _count(catalog) == 2 * 20 * 7


def test_a_reader_keeps_its_state_while_another_process_writes(catalog: Catalog, run: Run) -> None:
    with catalog.write() as txn:
        txn.put_locations(_places(0, 50))
    with catalog.read() as txn:
        child = run(_TURNS, catalog.path)
        assert child.wait() == 0
        # Pages of this state have not been reused, although it is 20 commits old.
        assert list(txn.locations()) == _places(0, 50)
        assert txn.counts()["location"] == 50
    assert _count(catalog) == 190


_KILLED_WRITER = (
    _PRELUDE
    + """
catalog = Catalog.open(path)
with catalog.write() as txn:
    txn.put_locations(places(100, 3000))
    say("writing")
    sys.stdin.readline()
"""
)


def test_a_writer_killed_in_its_transaction_leaves_no_trace(catalog: Catalog, run: Run) -> None:
    with catalog.write() as txn:
        txn.put_locations(_places(0, 100))
    for _ in range(2):
        child = run(_KILLED_WRITER, catalog.path)
        assert _line(child) == "writing"
        assert _count(catalog) == 100
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert _count(catalog) == 100
    with catalog.write() as txn:
        txn.put_locations(_places(100, 101))
    catalog.check()
    assert _count(catalog) == 101


_KILLED_AT_COMMIT = (
    _PRELUDE
    + """
from modelhub.fs import seam
catalog = Catalog.open(path)
def kill(operation, where):
    os.kill(os.getpid(), signal.SIGKILL)
with catalog.write() as txn:
    txn.put_locations(places(0, 100))
    seam.set_hook(kill)
"""
)


def test_a_writer_killed_before_its_commit_leaves_no_trace(catalog: Catalog, run: Run) -> None:
    assert run(_KILLED_AT_COMMIT, catalog.path).wait() == -signal.SIGKILL
    assert _count(catalog) == 0
    with catalog.write() as txn:
        txn.put_locations(_places(0, 1))
    assert _count(catalog) == 1


# Slots of readers

_READER = (
    _PRELUDE
    + """
catalog = Catalog.open(path, readonly=True)
held = [catalog.read() for _ in range(int(sys.argv[2]))]
for one in held:
    one.__enter__()
say("reading")
sys.stdin.readline()
"""
)


def _slots(catalog: Catalog) -> int:
    return int(catalog._environment.opened().info()["num_readers"])


def _slots_taken(catalog: Catalog) -> int:
    listed = catalog._environment.opened().readers()
    return sum(1 for line in listed.splitlines()[1:] if line.strip() and "(" not in line)


def test_slots_of_killed_readers_are_cleared_at_open(tmp_path: Path, run: Run) -> None:
    Catalog.create(tmp_path / "c").close()
    child = run(_READER, tmp_path / "c", 5)
    assert _line(child) == "reading"
    child.send_signal(signal.SIGKILL)
    child.wait()
    with Catalog.open(tmp_path / "c") as catalog:
        assert _slots_taken(catalog) == 0


def test_slots_of_killed_readers_are_cleared_when_all_are_taken(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "READERS_MAX", 8)
    with Catalog.create(tmp_path / "c") as catalog:
        child = run(_READER, tmp_path / "c", 8)
        assert _line(child) == "reading"
        with pytest.raises(ConflictError) as caught:
            _count(catalog)
        assert "readers" in str(caught.value)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert _count(catalog) == 0


def test_more_readers_than_lmdb_allows_by_default(catalog: Catalog, run: Run) -> None:
    child = run(_READER, catalog.path, 400)
    assert _line(child) == "reading"
    assert _slots(catalog) >= 400
    with catalog.write() as txn:
        txn.put_locations(_places(0, 1))
    assert _count(catalog) == 1
