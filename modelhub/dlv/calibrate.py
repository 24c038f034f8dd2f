"""Measure how fast this machine reads and decodes, for budgets in milliseconds."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from modelhub import _core, ids
from modelhub.dlv.state import Repo
from modelhub.errors import ModelHubError
from modelhub.fs import files
from modelhub.pas import rates
from modelhub.pas.rates import Rates
from modelhub.tensors.dtypes import by_name

__all__ = ["calibrate", "machine", "rates_of"]

# Values of the tensors measured: several times what the caches of a core hold, decoded in
# milliseconds.
_VALUES = 2_000_000
# Tensors of one value, which take what an entry takes by itself.
_TINY = 256
# The best of so many runs: others are disturbed.
_RUNS = 5


def machine() -> str:
    """Return which machine this is: rates are of no use on another."""
    return f"{platform.node()} {_core.cpu()}"


def rates_of(repo: Repo, say: Callable[[str], None], *, keep: bool = True) -> Rates:
    """Return the rates measured here before; measure them now where there are none.

    Args:
        say: Told that they are measured.
        keep: Keep what is measured, or else only use it.
    """
    path = repo.layout.rates_file
    if files.exists(path):
        try:
            found = rates.load(files.read_bytes(path), str(path))
        except ModelHubError as error:
            say(str(error))
        else:
            if found.machine == machine():
                return found
    say("measuring how fast this machine reads, once (`modelhub bench calibrate` does it again)")
    return calibrate(repo, keep=keep)


def calibrate(repo: Repo, *, keep: bool = True) -> Rates:
    """Measure rates on synthetic weights, a few MB beside the packs, and keep them.

    Takes a second or two. Threads are those of the repository's settings.
    """
    path = repo.layout.temporary_pack_path()
    try:
        _write(path)
        with _core.PackReader(str(path)) as reader:
            found = _measured(reader, path, repo.store.threads)
    finally:
        if files.exists(path):
            files.remove(path)
    if not keep:
        return found
    if not files.exists(repo.layout.cache_dir):
        files.make_dir(repo.layout.cache_dir)
    files.write_atomic(repo.layout.rates_file, rates.dump(found))
    return found


def _arrays() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return weights, and the same ones after a step of training, by dtype."""
    random = np.random.default_rng(0)
    first = (random.standard_normal(_VALUES) * 0.02).astype(np.float32)
    second = first + (random.standard_normal(_VALUES) * 1e-5).astype(np.float32)
    halves = [(array.view(np.uint32) >> 16).astype(np.uint16) for array in (first, second)]
    return {"float32": (first, second), "bfloat16": (halves[0], halves[1])}


def _write(path: Path) -> None:
    """Write, for each dtype, an entry alone and a delta on it; then the tiny ones."""
    with _core.PackWriter(str(path)) as writer:
        for dtype, (first, second) in _arrays().items():
            row = by_name(dtype)
            type_of = (ids.TENSOR, row.code, row.width, row.kind, (_VALUES,))
            names = [ids.object_id(ids.BLOB, f"{dtype} {n}".encode()) for n in range(2)]
            raw = [array.view(np.uint8) for array in (first, second)]
            writer.add(names[0], *type_of, raw[0])
            writer.add(names[1], *type_of, raw[1], base=(names[0], 0, raw[0]))
        for number in range(_TINY):
            name = ids.object_id(ids.BLOB, f"tiny {number}".encode())
            writer.add(name, ids.TENSOR, 1, 4, 2, (1,), np.full(4, number, np.uint8))
        writer.finish()


def _measured(reader: _core.PackReader, path: Path, threads: int) -> Rates:
    alone: dict[str, float] = {}
    delta: dict[str, float] = {}
    for number, width in enumerate((4, 2)):
        out = np.empty(_VALUES * width, np.uint8)
        chain = [(reader, 2 * number + 1), (reader, 2 * number)]
        base = _best(partial(_core.decode, chain[1:], out, threads=threads))
        both = _best(partial(_core.decode, chain, out, threads=threads))
        alone[str(width)] = out.size / base
        # A machine that is busy may seem to decode two faster than one.
        delta[str(width)] = out.size / max(both - base, both / 10)
    tiny = np.empty(4, np.uint8)

    def entries() -> None:
        for index in range(4, 4 + _TINY):
            _core.decode([(reader, index)], tiny, threads=1)

    return Rates(machine(), _best(entries) / _TINY, _reading(path), alone, delta)


def _reading(path: Path) -> float:
    """Return bytes per millisecond of reading a file that the system does not remember."""
    size = files.file_stat(path).st_size
    best = float("inf")
    for _ in range(2):
        files.drop_cached(path)
        begun = time.perf_counter()
        files.read_bytes(path)
        best = min(best, time.perf_counter() - begun)
    return size / max(best * 1000, 1e-3)


def _best(work: Callable[[], object]) -> float:
    """Return the milliseconds of the fastest run."""
    best = float("inf")
    for _ in range(_RUNS):
        begun = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begun)
    return max(best * 1000, 1e-6)
