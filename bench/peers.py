"""Do with other programs what ModelHub is measured at: pack a file, unpack it, hash it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import blake3
import zstandard

__all__ = ["hashing", "zstd_pack", "zstd_unpack"]

# zstd's own default level, which is what `zstd -3` means.
LEVEL = 3
# Large enough that calls cost nothing beside the work.
_PIECE_BYTES = 4 << 20


def _timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def zstd_pack(source: Path, target: Path) -> float:
    """Compress a file into another on one core, sync it, and return the seconds."""

    def work() -> None:
        with source.open("rb") as file, target.open("wb") as out:
            zstandard.ZstdCompressor(level=LEVEL).copy_stream(
                file, out, size=source.stat().st_size, read_size=_PIECE_BYTES
            )
            out.flush()
            os.fsync(out.fileno())

    return _timed(work)


def zstd_unpack(source: Path, target: Path) -> float:
    """Decompress a file into another on one core and return the seconds."""

    def work() -> None:
        with source.open("rb") as file, target.open("wb") as out:
            zstandard.ZstdDecompressor().copy_stream(file, out, write_size=_PIECE_BYTES)

    return _timed(work)


def hashing(source: Path, name: str) -> float:
    """Read a file and hash it with `sha256` or `blake3` on one core; return the seconds."""
    state = hashlib.sha256() if name == "sha256" else blake3.blake3()

    def work() -> None:
        with source.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                state.update(piece)
        state.digest()

    return _timed(work)
