"""Measure the main job through the command line: commit and checkout of real weights.

Why: users pay for the whole program, not for a kernel, and the plain alternative is `zstd -3` of
the same file. So both run here, on one core, on the same warm file, in the same run; the best of
several runs counts. The *start-up* of each verb (its `--help`) is measured and given apart.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import data, peers
from bench.process import Cost, modelhub, startup

__all__ = ["Bar", "measure_memory", "measure_speed"]

MB = 1e6
# The bars of the first version: end to end, start-up apart.
COMMIT_MB_S_MIN = 150.0
CHECKOUT_MB_S_MIN = 400.0
AGAIN_STORED_BYTES_MAX = 64 * 1024
AGAIN_OVER_HASHING_MAX = 2.0
PEAK_BYTES_MAX = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Bar:
    """A number with its bound, shown with `digits`; `at_least` says which side is good."""

    what: str
    value: float
    bound: float
    unit: str
    at_least: bool
    digits: int = 2

    @property
    def holds(self) -> bool:
        """Whether the number is on the good side of its bound."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        verdict = "holds" if self.holds else "MISSED"
        value, bound = (f"{number:.{self.digits}f}" for number in (self.value, self.bound))
        unit = self.unit and f" {self.unit}"
        return f"{self.what}: {value}{unit}, bar {sign} {bound}: {verdict}"


def _best(work: Callable[[], Cost], runs: int) -> Cost:
    return min((work() for _ in range(runs)), key=lambda cost: cost.seconds)


def _new_repository(folder: Path, weights: Path) -> Path:
    """Return a new repository with the weights staged."""
    repository = Path(tempfile.mkdtemp(dir=folder))
    modelhub(repository, "init")
    modelhub(repository, "add", str(weights))
    return repository


def measure_speed(folder: Path, weights: Path, runs: int) -> list[Bar]:
    """Print and return commit, checkout and commit-again, beside zstd -3 and hashing."""
    size = weights.stat().st_size
    repository = folder
    starts = {verb: min(startup(verb) for _ in range(runs)) for verb in ("commit", "checkout")}

    def commit() -> Cost:
        nonlocal repository
        repository = _new_repository(folder, weights)
        return modelhub(repository, "commit", "model")

    committed = _best(commit, runs)
    out = folder / "out"

    def checkout() -> Cost:
        shutil.rmtree(out, ignore_errors=True)
        return modelhub(repository, "checkout", "model", "-o", str(out))

    checked_out = _best(checkout, runs)

    def again() -> Cost:
        modelhub(repository, "add", str(weights))
        return modelhub(repository, "commit", "model")

    repeated = _best(again, runs)
    for verb, seconds in starts.items():
        print(f"start-up of {verb}: {seconds:.3f} s (not in the speeds below)")
    _compare_with_zstd(folder, weights, runs, committed.document["stored_bytes"])
    sha256 = min(peers.hashing(weights, "sha256") for _ in range(runs))
    blake3 = min(peers.hashing(weights, "blake3") for _ in range(runs))
    print(f"reading and hashing: sha256 {sha256:.3f} s, blake3 {blake3:.3f} s")
    return [
        _speed("commit", committed, starts["commit"], size, COMMIT_MB_S_MIN),
        _speed("checkout", checked_out, starts["checkout"], size, CHECKOUT_MB_S_MIN),
        Bar(
            "commit again, stored",
            repeated.document["stored_bytes"],
            AGAIN_STORED_BYTES_MAX,
            "bytes",
            False,
        ),
        Bar(
            "commit again, over reading and hashing (sha256)",
            (repeated.seconds - starts["commit"]) / sha256,
            AGAIN_OVER_HASHING_MAX,
            "times",
            False,
        ),
    ]


def _speed(what: str, cost: Cost, start: float, size: int, bound: float) -> Bar:
    whole = size / MB / cost.seconds
    print(f"{what}: {cost.seconds:.3f} s, {whole:.0f} MB/s with the program's start-up")
    return Bar(what, size / MB / max(cost.seconds - start, 1e-9), bound, "MB/s", True)


def _compare_with_zstd(folder: Path, weights: Path, runs: int, stored: int) -> None:
    size = weights.stat().st_size
    packed, unpacked = folder / "packed.zst", folder / "unpacked"
    pack = min(peers.zstd_pack(weights, packed) for _ in range(runs))
    unpack = min(peers.zstd_unpack(packed, unpacked) for _ in range(runs))
    print(
        f"zstd -{peers.LEVEL}: {size / MB / pack:.0f} MB/s in, {size / MB / unpack:.0f} MB/s out, "
        f"{packed.stat().st_size / size:.1%} of {size / MB:.1f} MB"
    )
    print(f"modelhub stores {stored / size:.1%} of {size / MB:.1f} MB")


def measure_memory(folder: Path, tensors: int, tensor_bytes: int) -> list[Bar]:
    """Print and return the peak memory of commit and checkout of one large checkpoint."""
    weights = folder / "large.safetensors"
    size = data.make_checkpoint(weights, tensors, tensor_bytes)
    repository = _new_repository(folder, weights)
    committed = modelhub(repository, "commit", "large")
    # The file is needed no more, and the disk may be small.
    os.truncate(weights, 0)
    checked_out = modelhub(repository, "checkout", "large", "-o", str(folder / "large-out"))
    print(f"a checkpoint of {size / MB:.0f} MB in tensors of {tensor_bytes / MB:.0f} MB:")
    return [
        Bar("commit, peak memory", committed.peak_bytes / MB, PEAK_BYTES_MAX / MB, "MB", False),
        Bar("checkout, peak memory", checked_out.peak_bytes / MB, PEAK_BYTES_MAX / MB, "MB", False),
    ]
