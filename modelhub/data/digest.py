"""Tell which data a result is of: its SHA-256 beside its name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from modelhub.data.images import image_files
from modelhub.data.opening import is_folder
from modelhub.fs.files import InputFile

__all__ = ["DataFacts", "facts_of"]

_CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class DataFacts:
    """A data set: its name without folders, its bytes and SHA-256.

    That of a folder is over lines `SHA256  CLASS/FILE` of its images, in the order they are read.
    """

    name: str
    nbytes: int
    sha256: str


def facts_of(path: Path) -> DataFacts:
    """Read a data set through and return its facts.

    Raises:
        NotFoundError: there is nothing at the path.
        BadInputError: it is a folder without subfolders, or neither file nor folder.
    """
    name = path.absolute().name
    if not is_folder(path):
        digest, size = _digest(path)
        return DataFacts(name, size, digest)
    total, whole = 0, hashlib.sha256()
    for folder, images in image_files(path).items():
        for image in images:
            digest, size = _digest(image)
            whole.update(f"{digest}  {folder}/{image.name}\n".encode("utf-8", "surrogateescape"))
            total += size
    return DataFacts(name, total, whole.hexdigest())


def _digest(path: Path) -> tuple[str, int]:
    digest = hashlib.sha256()
    with InputFile(path) as file:
        for begin in range(0, file.size, _CHUNK):
            digest.update(file.read(begin, min(_CHUNK, file.size - begin)))
        return digest.hexdigest(), file.size
