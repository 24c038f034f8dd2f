"""Time the reading of snapshots under different plans: all bytes of each value, or leading ones.

*Independent*: each tensor by its own chain of bases, one after the other on one core. *Parallel*:
the same, shared out among threads, the largest first. Packs are in memory (each is read once
before) and values are written into memory that is there already, so decoding is what counts.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.codec_data import Tensors
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from modelhub.pas import tree as trees
from modelhub.pas.tree import StoredStorage
from modelhub.tensors.dtypes import by_name

__all__ = ["SCHEMES", "Reading", "Times", "WrongValuesError"]

SCHEMES = ("independent", "parallel")


class WrongValuesError(Exception):
    """What was read is not what was stored."""


@dataclass(slots=True)
class Times:
    """The best seconds of each snapshot, by scheme, and the compressed bytes read for it."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    bytes_read: list[int] = field(default_factory=list)

    def mean(self, scheme: str) -> float:
        """Return the average seconds of a snapshot."""
        return float(np.mean(self.seconds[scheme]))


@dataclass(slots=True)
class Reading:
    """A repository open for reading, with the storages of some snapshots, the largest first."""

    repo: Repo
    snapshots: list[list[StoredStorage]]
    threads: int
    _buffers: dict[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def open(cls, folder: Path, revs: Sequence[str], threads: int) -> Iterator[Reading]:
        """Open a repository to read the snapshots of some revisions."""
        with Repo.open(folder) as repo:
            found = []
            for rev in revs:
                snapshot = resolve(repo, rev).snapshot
                assert snapshot is not None
                storages = trees.decode(repo.store.blob(snapshot.tree)).storages
                found.append(sorted(storages, key=_size, reverse=True))
            # Of the store's own threads, which would share out a single tensor.
            repo.store.threads = 1
            yield cls(repo, found, threads)

    def check(self, number: int, planes: int, tensors: Tensors) -> int:
        """Read a snapshot and compare it; return the compressed bytes read.

        Args:
            planes: Leading bytes of each value; 0 means all.
            tensors: What was committed; float32.

        Raises:
            WrongValuesError: a storage has values that no tensor has.
        """
        mask = np.uint32(0xFFFFFFFF << 8 * (4 - (planes or 4)) & 0xFFFFFFFF)
        expected = {(np.ravel(one).view(np.uint32) & mask).tobytes() for one in tensors.values()}
        count = 0
        for index, storage in enumerate(self.snapshots[number]):
            count += self._read(index, storage, planes)
            if self._buffer(index, storage)[: _size(storage)].tobytes() not in expected:
                raise WrongValuesError(f"{storage.id.hex()} with {planes or 'all'} bytes of values")
        return count

    def seconds(self, number: int, planes: int, scheme: str) -> float:
        """Return what reading a snapshot takes."""
        run = self._parallel if scheme == "parallel" else self._independent
        storages = list(enumerate(self.snapshots[number]))
        return run(storages, lambda one: self._read(one[0], one[1], planes))

    def _independent(
        self, storages: list[tuple[int, StoredStorage]], read: Callable[..., int]
    ) -> float:
        with _on_one_core():
            begun = time.perf_counter()
            for one in storages:
                read(one)
            return time.perf_counter() - begun

    def _parallel(
        self, storages: list[tuple[int, StoredStorage]], read: Callable[..., int]
    ) -> float:
        with ThreadPoolExecutor(self.threads) as pool:
            # So that the starting of threads is not measured.
            list(pool.map(time.sleep, [0.001] * self.threads))
            begun = time.perf_counter()
            list(pool.map(read, storages))
            return time.perf_counter() - begun

    def _read(self, index: int, storage: StoredStorage, planes: int) -> int:
        out = self._buffer(index, storage)
        return self.repo.store.read(storage.id, out=out, planes=planes or None).bytes_read

    def _buffer(self, index: int, storage: StoredStorage) -> np.ndarray:
        size = _size(storage)
        if index not in self._buffers or len(self._buffers[index]) < size:
            self._buffers[index] = np.ones(size, np.uint8)
        return self._buffers[index]


def _size(storage: StoredStorage) -> int:
    return math.prod(storage.shape) * by_name(storage.dtype).width


@contextmanager
def _on_one_core() -> Iterator[None]:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
