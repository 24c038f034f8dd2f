"""Keep the *stage*: the files that the next commit takes.

`add` checks a file's structure and notes where it is and what it looked like (size, time, inode);
its content is read once, by `commit`, which refuses a file that has changed since. Nothing is
copied, so that staging a checkpoint costs neither its size nor its time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from modelhub.dlv.sources import FileSource, expand
from modelhub.dlv.state import Repo
from modelhub.errors import ConflictError, CorruptionError
from modelhub.fs import files

__all__ = ["AddResult", "StagedFile", "add", "read", "source_of", "unstage"]

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file to commit: its path inside the version, where it lies, kind, size in bytes.

    `stamp` is what `fs` compares to see whether the file has changed since; `config` holds the
    settings found beside the weights of a model folder.
    """

    path: str
    source: str
    kind: str
    size: int
    tensors: int
    stamp: tuple[int, ...]
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AddResult:
    """What is staged now, and which of it this call added."""

    staged: tuple[StagedFile, ...]
    added: tuple[StagedFile, ...]


def add(repo: Repo, paths: Sequence[Path], as_file: bool = False) -> AddResult:
    """Stage files and folders; a file staged before is looked at anew.

    Args:
        as_file: Keep weights files as plain files, unread.

    Raises:
        NotFoundError: a path does not exist.
        BadInputError: a weights file is damaged, unsafe or not what its name says.
        ConflictError: two files would have one path inside the version.
    """
    added = [_staged(source) for path in paths for source in expand(path, as_file=as_file)]
    with repo.writer_lock():
        staged = {item.path: item for item in read(repo)}
        for item in added:
            there = staged.get(item.path)
            if there is not None and there.source != item.source:
                raise ConflictError(
                    f"two files would be {item.path!r} in the version: "
                    f"{there.source} and {item.source}",
                    hint="put them into one folder and add that, or unstage one with "
                    f"`modelhub add --remove {item.path}`",
                )
            staged[item.path] = item
        result = tuple(staged[path] for path in sorted(staged))
        _write(repo, result)
    return AddResult(result, tuple(added))


def _staged(source: FileSource) -> StagedFile:
    return StagedFile(
        path=source.path,
        source=str(source.source),
        kind=source.kind,
        size=source.size,
        tensors=source.tensors,
        stamp=source.stamp,
        metadata=dict(source.metadata),
    )


def source_of(staged: StagedFile) -> FileSource:
    """Return a staged file as something to commit from."""
    return FileSource(
        path=staged.path,
        source=Path(staged.source),
        kind=staged.kind,
        size=staged.size,
        tensors=staged.tensors,
        stamp=staged.stamp,
        metadata=staged.metadata,
    )


def unstage(repo: Repo, paths: Iterable[str]) -> AddResult:
    """Take files off the stage by their path inside the version or by where they lie."""
    wanted = set(paths)
    with repo.writer_lock():
        staged = read(repo)
        kept = tuple(f for f in staged if f.path not in wanted and f.source not in wanted)
        _write(repo, kept)
    return AddResult(kept, tuple(item for item in staged if item not in kept))


def read(repo: Repo) -> tuple[StagedFile, ...]:
    """Return what is staged, by path."""
    path = repo.layout.stage_file
    if not files.exists(path):
        return ()
    try:
        value = json.loads(files.read_bytes(path))
        if value["format"] != _FORMAT:
            raise ValueError(f"format {value['format']!r}")
        rows = [StagedFile(**row) for row in value["files"]]
        return tuple(replace(row, stamp=tuple(row.stamp)) for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptionError(
            f"the stage cannot be read ({error})",
            where=str(path),
            hint="remove that file and add your files again",
        ) from error


def _write(repo: Repo, staged: Sequence[StagedFile]) -> None:
    rows = [asdict(item) for item in staged]
    text = json.dumps({"format": _FORMAT, "files": rows}, indent=1)
    files.write_atomic(repo.layout.stage_file, text.encode())
