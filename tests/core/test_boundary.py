"""The edge between Python and the core: threads, fork, exit, handles used after their end."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from modelhub import _core
from modelhub.errors import ModelHubError, UsageError


@pytest.fixture
def big() -> np.ndarray:
    return np.random.default_rng(7).normal(0, 1, 400_000).astype(np.float32)


def test_eight_threads_decode_one_reader(lab: Any, big: np.ndarray) -> None:
    reader = lab.pack(big, big * np.float32(1.0001), width=4, value_kind=2)
    expected = [big.tobytes(), (big * np.float32(1.0001)).tobytes()]

    def work(i: int) -> bool:
        reader.verify(i % 2)
        return bool(lab.read(reader, i % 2, threads=2) == expected[i % 2])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(24)))


def test_eight_threads_add_to_one_writer(lab: Any, big: np.ndarray) -> None:
    path = lab.path()
    source = lab.pack(big, width=4, value_kind=2)
    with _core.PackWriter(str(path)) as writer:

        def work(i: int) -> None:
            part = big[i * 1000 : (i + 30) * 1000]
            writer.add(bytes([i]) * 32, 1, 12, 4, 2, part.shape, part)
            if i == 5:
                writer.copy(source, 0)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(32)))
        assert writer.count == 33
        writer.finish()
    reader = _core.PackReader(str(path))
    for i in range(32):
        part = big[i * 1000 : (i + 30) * 1000]
        assert lab.read(reader, reader.find(bytes([i]) * 32)) == part.tobytes()


def test_eight_threads_open_packs(lab: Any, big: np.ndarray) -> None:
    path = lab.pack(big, width=4, value_kind=2).path
    with ThreadPoolExecutor(8) as pool:
        names = {reader.name for reader in pool.map(_core.PackReader, [path] * 64)}
    assert len(names) == 1


def test_close_while_others_read(lab: Any, big: np.ndarray) -> None:
    """A call under way finishes; the next one is told that the pack is closed."""
    reader = lab.pack(big, width=4, value_kind=2)
    out = [np.empty(big.nbytes, np.uint8) for _ in range(8)]

    def work(i: int) -> bool:
        if i == 4:
            reader.close()
        try:
            _core.decode([(reader, 0)], out[i])
        except UsageError:
            return True
        return out[i].tobytes() == big.tobytes()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_use_after_close(lab: Any) -> None:
    reader = lab.pack(np.zeros(4, np.uint8))
    entry = reader.entry(0)
    with reader as same:
        assert same is reader
    calls = [
        lambda: reader.count,
        lambda: reader.find(bytes(32)),
        lambda: reader.entry(0),
        lambda: reader.ids(),
        lambda: reader.verify(0),
        lambda: reader.codecs(0),
        lambda: reader.name,
        lambda: reader.bytes,
        lambda: _core.decode([(reader, 0)], bytearray(4)),
    ]
    for call in calls:
        with pytest.raises(UsageError) as caught:
            call()
        assert reader.path in caught.value.where
    reader.close()
    assert entry.shape == (4,)


def test_entries_outlive_their_reader(lab: Any) -> None:
    entry = lab.pack(np.zeros((2, 3), np.uint8)).entry(0)
    gc.collect()
    assert entry.shape == (2, 3)
    assert entry.segment_bytes == (0,)


def test_wrong_types_are_type_errors(lab: Any) -> None:
    reader = lab.pack(np.zeros(4, np.uint8))
    with pytest.raises(TypeError):
        reader.find("text")
    with pytest.raises(TypeError):
        _core.decode([(reader, 0)], None)
    with pytest.raises(TypeError):
        _core.PackReader(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        _core.decode([(None, 0)], bytearray(4))  # type: ignore[list-item]
    with pytest.raises(ValueError, match="null byte"):
        _core.PackReader("a\0b")
    with pytest.raises((TypeError, RuntimeError)):
        _core.decode([reader], bytearray(4))  # type: ignore[list-item]


def test_paths_that_are_not_utf8(lab: Any) -> None:
    path = os.fsdecode(bytes(lab.folder) + b"/\xff\xfe.pack")
    writer = _core.PackWriter(path)
    assert writer.path == path
    writer.finish()
    assert _core.PackReader(path).path == path
    with pytest.raises(ModelHubError) as caught:
        _core.PackWriter(path)
    assert path in str(caught.value)


def test_fork_leaves_readers_and_writers_whole(lab: Any, big: np.ndarray) -> None:
    """A child reads on; its exit removes no file of its parent's."""
    reader = lab.pack(big, width=4, value_kind=2)
    path = lab.path()
    writer = _core.PackWriter(str(path))
    child = os.fork()
    if child == 0:
        good = lab.read(reader, 0, threads=2) == big.tobytes()
        writer.abort()
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert path.exists()
    writer.add(bytes(32), 1, 12, 4, 2, big.shape, big, threads=2)
    writer.finish()
    assert lab.read(_core.PackReader(str(path)), 0) == big.tobytes()


EXIT = """
import sys, threading, time
import numpy as np
from modelhub import _core
path = sys.argv[1]
noise = np.random.default_rng(0).integers(0, 256, 1 << 20, np.uint8)
with _core.PackWriter(path) as writer:
    writer.add(bytes(32), 1, 1, 1, 0, noise.shape, noise)
    writer.finish()
reader = _core.PackReader(path)
unfinished = _core.PackWriter(path + ".tmp")
out = np.empty(1 << 20, np.uint8)

def work():
    while True:
        _core.decode([(reader, 0)], out, threads=2)

for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
"""


def test_exit_while_threads_decode(lab: Any) -> None:
    result = subprocess.run(
        [sys.executable, "-c", EXIT, str(lab.path())], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
