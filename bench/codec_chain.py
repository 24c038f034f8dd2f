"""Measure a chain of five differences in a pack: its leading halves, and all of it.

A program of its own, `python -m bench.codec_chain CORE`, which writes one JSON object. The leading
halves of a version are what a reader needs who can do with bfloat16; the bytes read for one version
are those that its chain needs beyond its base's.
"""

from __future__ import annotations

import hashlib
import importlib
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import codec_data, codec_inputs
from bench.codec_data import Array
from modelhub import _core
from modelhub.tensors import dtypes

__all__ = ["ChainMeasured", "main"]

_PLANES = 2
_RUNS = 5


@dataclass(frozen=True, slots=True)
class ChainMeasured:
    """What the chain costs.

    Attributes:
        leading: For each difference, the bytes read for its leading halves over its raw bytes.
        chain_s: Seconds to decode the last version through the whole chain.
        alone_s: Seconds to decode the base and then each difference by itself; 0 if not measured.
    """

    leading: list[float]
    exact: bool
    chain_s: float
    alone_s: float


class _Pack:
    """A pack of all tensors of all versions, each version on the one before."""

    def __init__(self, path: Path, versions: list[codec_data.Tensors]) -> None:
        self.versions = versions
        with _core.PackWriter(str(path)) as writer:
            for name in versions[0]:
                base = None
                for depth, version in enumerate(versions):
                    tensor = version[name]
                    row = dtypes.by_name(tensor.dtype.name)
                    data = np.ascontiguousarray(tensor).reshape(-1).view(np.uint8)
                    head = (row.code, row.width, row.kind, tensor.shape)
                    writer.add(_id(name, depth), 1, *head, data, base=base)
                    base = (_id(name, depth), depth, data)
            writer.finish()
        self._reader = _core.PackReader(str(path))
        self._outs = {name: np.empty(t.nbytes, np.uint8) for name, t in versions[0].items()}

    def read(self, depth: int, planes: int | None) -> tuple[int, dict[str, Array]]:
        """Decode a version into the same memory each time; return the bytes read, and that."""
        count = 0
        for name, out in self._outs.items():
            chain = [(self._reader, self._reader.find(_id(name, depth)))]
            while base := self._reader.entry(chain[-1][1]).base:
                chain.append((self._reader, self._reader.find(base)))
            count += _core.decode(chain, out, planes=planes)
        return count, self._outs

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def _id(name: str, depth: int) -> bytes:
    return hashlib.sha256(f"{name} {depth}".encode()).digest()


def _best(work: Callable[[], Any]) -> float:
    """Return the seconds of the best of some runs, the first of which only warms up."""
    seconds = []
    for _ in range(_RUNS + 1):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds[1:])


def _leading_is_exact(outs: dict[str, Array], version: codec_data.Tensors) -> bool:
    """Whether the last bytes of each (little-endian) value are those of the version."""
    for name, tensor in version.items():
        width = tensor.dtype.itemsize
        expected = np.ascontiguousarray(tensor).reshape(-1).view(np.uint8).reshape(-1, width)
        found = outs[name].reshape(-1, width)
        if not np.array_equal(found[:, width - _PLANES :], expected[:, width - _PLANES :]):
            return False
    return True


def _alone(versions: list[codec_data.Tensors]) -> float:
    """Return the seconds to decode the base and each difference by itself, tensor by tensor."""
    try:
        codec = importlib.import_module("modelhub.codec")
    except ModuleNotFoundError:
        return 0.0
    seconds = 0.0
    outs = {name: np.empty_like(tensor) for name, tensor in versions[0].items()}
    blobs = {name: codec.encode(tensor) for name, tensor in versions[0].items()}
    seconds += _best(lambda: [codec.decode(blobs[name], out=outs[name]) for name in outs])
    for base, version in itertools.pairwise(versions):
        blobs = {name: codec.encode_delta(version[name], base[name]) for name in version}

        def decode(base: codec_data.Tensors = base, blobs: dict[str, bytes] = blobs) -> None:
            for name, out in outs.items():
                codec.decode_delta(blobs[name], base[name], out=out)

        seconds += _best(decode)
    return seconds


def _measure(folder: Path) -> ChainMeasured:
    source, snapshots = codec_inputs.CHAIN
    versions = [codec_data.load(source, snapshot) for snapshot in snapshots]
    pack = _Pack(folder / "chain.pack", versions)
    raw = sum(tensor.nbytes for tensor in versions[0].values())
    counts, exact = [], True
    for depth, version in enumerate(versions):
        count, outs = pack.read(depth, _PLANES)
        counts.append(count)
        exact = exact and _leading_is_exact(outs, version)
    last = len(versions) - 1
    chain_s = _best(lambda: pack.read(last, None))
    _, outs = pack.read(last, None)
    exact = exact and all(
        np.array_equal(outs[name], np.ascontiguousarray(t).reshape(-1).view(np.uint8))
        for name, t in versions[last].items()
    )
    pack.close()
    leading = [(after - before) / raw for before, after in itertools.pairwise(counts)]
    return ChainMeasured(leading, exact, chain_s, _alone(versions))


def main() -> None:
    """Measure on one core and write what was found."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asdict(_measure(Path(folder)))))


if __name__ == "__main__":
    main()
