"""Get a file back out of a compressed file, byte for byte; `dlv.compress` makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelhub.dlv import targets
from modelhub.dlv.progress import Progress, counter
from modelhub.fs import files
from modelhub.pas.compressed import CompressedFile, check_name

__all__ = ["Decompressed", "decompress", "decompress_targets"]


@dataclass(frozen=True, slots=True)
class Decompressed:
    """A file as written: its size in bytes and its SHA-256, which is the original's."""

    source: Path
    target: Path
    bytes: int
    sha256: str


def decompress_targets(
    sources: Sequence[Path], out: str | None = None, *, force: bool = False
) -> list[Path]:
    """Return where the file in each compressed file goes; see `targets.choose`.

    A name comes from the compressed file itself, and only as the name of a file in a folder.

    Raises:
        BadInputError: a source is no compressed file, or the name in it is unsafe.
        CorruptionError: a source is damaged.
    """
    return targets.choose(sources, out, _name_in, force=force)


def _name_in(source: Path) -> str:
    with CompressedFile(source) as compressed:
        return check_name(compressed.file.path, source)


def decompress(
    source: Path, target: Path, *, threads: int = 0, progress: Progress | None = None
) -> Decompressed:
    """Write the original file, replacing what is at the target once it is whole and verified.

    Args:
        threads: 0 for the cores at hand.

    Raises:
        BadInputError: the source is no compressed file.
        CorruptionError: it is damaged; nothing is written.
    """
    private = files.no_wider_than(files.file_stat(source).st_mode)
    with CompressedFile(source, threads=threads) as compressed, private:
        file = compressed.file
        compressed.write(target, counter(progress, file.size))
    return Decompressed(source, target, file.size, file.sha256.hex())
