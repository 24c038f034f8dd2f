"""A stored file read with other values: every range, patches, and what is not a tensor."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from modelhub.dlv import stage
from modelhub.dlv.commit import commit
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from modelhub.errors import BadInputError
from modelhub.pas import tree as trees
from modelhub.pas.rewrite import RewrittenFile

ARRAYS = {
    "a": np.arange(100, dtype=np.float32),
    "b": np.arange(7, dtype=np.int16),
    "empty": np.empty(0, np.float32),
}


@pytest.fixture
def stored(tmp_path: Path):
    """Return a repository, the file in it, and the file's bytes."""
    path = tmp_path / "w.safetensors"
    # A header of more than 64 KiB is no literal but a blob.
    save_file(ARRAYS, path, {"note": "x" * 70_000})
    with Repo.init(tmp_path / "repository") as repo:
        stage.add(repo, [path])
        commit(repo, "m")
        snapshot = resolve(repo, "m").snapshot
        assert snapshot is not None
        (file,) = trees.decode(repo.store.blob(snapshot.tree)).files
        yield repo, file, path.read_bytes()


def same(storage, data):
    return data


def test_unchanged_it_is_the_file(stored) -> None:
    repo, file, data = stored
    with RewrittenFile(repo.store, file, same) as found:
        assert (found.size, str(found.path), found.changed()) == (len(data), "w.safetensors", False)
        assert found.read(0, found.size) == data
        rng = np.random.default_rng(0)
        for _ in range(300):
            start, stop = sorted(rng.integers(len(data) - 600, len(data) + 1, 2).tolist())
            assert found.read(start, stop - start) == data[start:stop]
        assert found.checksum(5, len(data) - 9) == zlib.crc32(data[5:-4])
        assert found.read(len(data), 0) == b""


def test_the_change_sees_each_storage(stored) -> None:
    repo, file, data = stored
    seen = []

    def negated(storage, raw):
        seen.append((storage.dtype, storage.shape))
        return (255 - raw).astype(np.uint8)

    with RewrittenFile(repo.store, file, negated) as found:
        changed = found.read(0, found.size)
    assert sorted(seen) == [("float32", (100,)), ("int16", (7,))]
    at = len(data) - 414
    assert changed[:at] == data[:at]
    assert changed[at:] == bytes(255 - byte for byte in data[at:])


def test_patches_lie_over_everything(stored) -> None:
    repo, file, data = stored
    with RewrittenFile(repo.store, file, same) as found:
        wanted = bytearray(data)
        for at in (0, 3, len(data) - 5, len(data) - 450, len(data) - 414 - 2):
            found.patch(at, b"PTCH")
            wanted[at : at + 4] = b"PTCH"
        found.patch(3, b"ptch")
        wanted[3:7] = b"ptch"
        assert found.read(0, found.size) == wanted
        for start in range(len(data) - 460, len(data) - 2, 3):
            assert found.read(start, 2) == wanted[start : start + 2]


def test_where_tensors_are(stored) -> None:
    repo, file, data = stored
    at = len(data) - 414
    with RewrittenFile(repo.store, file, same) as found:
        assert not found.holds_tensors(0, at)
        assert found.holds_tensors(0, at + 1)
        assert found.holds_tensors(len(data) - 1, 1)


@pytest.mark.parametrize(("offset", "size"), [(-1, 1), (0, 1 << 40), (1 << 40, 1), (0, -1)])
def test_ranges_outside(stored, offset: int, size: int) -> None:
    repo, file, _ = stored
    with RewrittenFile(repo.store, file, same) as found, pytest.raises(BadInputError) as caught:
        found.read(offset, size)
    assert caught.value.kind == "truncated"
