"""Find what a path or a dict of arrays contributes to a version: its *sources*.

A weights file is a source with tensors; every other file is an associated file. A folder is taken
as a model's root: paths inside the version are relative to it. A single file keeps its base name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from modelhub import containers
from modelhub.containers import hf
from modelhub.containers.memory import ArrayFile
from modelhub.containers.model import Parsed
from modelhub.errors import BadInputError, ConflictError, NotFoundError
from modelhub.fs.files import InputFile
from modelhub.tensors.arrays import spec_of

__all__ = ["ArraySource", "FileSource", "Source", "expand"]

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file on disk: path inside the version, container kind, and what it looked like."""

    path: str
    source: Path
    kind: str
    size: int
    tensors: int
    stamp: tuple[int, ...]
    metadata: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def has_tensors(self) -> bool:
        """Say whether it is a weights file."""
        return self.kind != "file"

    def open(self) -> InputFile:
        """Open the file.

        Raises:
            ConflictError: it is not what it was when it was staged.
        """
        try:
            file = InputFile(self.source)
        except NotFoundError as error:
            raise ConflictError(
                "the file is gone since it was added",
                where=str(self.source),
                hint=f"bring it back, or unstage it with `modelhub add --remove {self.path}`",
                kind="changed_since_add",
            ) from error
        if tuple(file.stamp) != self.stamp:
            file.close()
            raise ConflictError(
                "the file has changed since it was added",
                where=str(self.source),
                hint=f"run `modelhub add {self.source}` again",
                kind="changed_since_add",
            )
        return file

    def parse(self, file: InputFile | ArrayFile) -> Parsed:
        """Return the container's structure."""
        return containers.parse(file, self.kind)


@dataclass(frozen=True, slots=True)
class ArraySource:
    """Arrays in memory, kept as the safetensors file they would make."""

    arrays: Mapping[str, Any]
    path: str = "model.safetensors"
    kind: str = "safetensors"
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    has_tensors: bool = True

    @property
    def size(self) -> int:
        """The bytes of the arrays, without the file's header."""
        return sum(spec_of(array).nbytes for array in self.arrays.values())

    def open(self) -> ArrayFile:
        """Return the arrays as a file."""
        return ArrayFile(self.arrays, self.path)

    def parse(self, file: InputFile | ArrayFile) -> Parsed:
        """Return the container's structure, with arrays that share memory on one storage."""
        parsed = containers.parse(file, self.kind)
        return file.tie(parsed) if isinstance(file, ArrayFile) else parsed


Source = FileSource | ArraySource


def expand(path: Path, *, as_file: bool = False) -> list[FileSource]:
    """Return the sources of a file or folder, each checked for its structure.

    Raises:
        NotFoundError: the path does not exist.
        BadInputError: a weights file is damaged, unsafe or not what its name says, or the folder
            is empty.
    """
    if not path.is_dir():
        return [_look(path, path.name, as_file=as_file)]
    folder = hf.scan_folder(path)
    if not folder.files:
        raise BadInputError("the folder has no files", where=str(path), hint="add files into it")
    sources = [_look(source, name, as_file=as_file) for name, source in folder.files]
    if folder.metadata and sources:
        merged = {**folder.metadata, **sources[0].metadata}
        sources[0] = replace(sources[0], metadata=merged)
    return sources


def _look(source: Path, name: str, *, as_file: bool) -> FileSource:
    with InputFile(source) as file:
        kind = "file" if as_file else containers.detect(source, file)
        tensors, metadata = 0, {}
        if kind != "file":
            parsed = containers.parse(file, kind)
            tensors = len(parsed.tensors)
            metadata = {f"{kind}.{key}": value for key, value in parsed.metadata.items()}
        return FileSource(
            path=name,
            source=source.absolute(),
            kind=kind,
            size=file.size,
            tensors=tensors,
            stamp=tuple(file.stamp),
            metadata=metadata,
        )
