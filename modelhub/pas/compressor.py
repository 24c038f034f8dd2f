"""Write one file as a *compressed file*: a pack of its own, at a path of the user's own.

The pack holds all that the file needs, and its last object is a tree of that one file; it is
specified in docs/formats/compressed.md, and read by `pas.compressed`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelhub import ids
from modelhub.containers.model import Parsed
from modelhub.errors import ModelHubError
from modelhub.fs import files
from modelhub.pas import tree as trees
from modelhub.pas.ingest import Ingested, Progress, Source, ingest, stored_tensors
from modelhub.pas.session import Session
from modelhub.pas.tree import StoredFile, Tree
from modelhub.tensors.arrays import Bytes, TensorSpec

__all__ = ["write"]

# No pack grows that large: one that is a file by itself must not be closed and another begun.
_UNBOUNDED = 1 << 62


@dataclass(frozen=True, slots=True)
class _Paths:
    """The paths of a session whose one pack is a file by itself, whatever its content name."""

    target: Path
    temporary: Path

    def pack_path(self, name: str) -> Path:  # noqa: ARG002
        return self.target

    def temporary_pack_path(self) -> Path:
        return self.temporary


def write(
    file: Source,
    parsed: Parsed,
    target: Path,
    *,
    preset: str,
    threads: int = 0,
    progress: Progress | None = None,
) -> Ingested:
    """Write a compressed file, durably, replacing what is there once the new one is whole.

    Args:
        parsed: The file's structure; what is detached in it stays as the file has it.
        preset: One of `codec.PRESETS`.

    Raises:
        ConflictError: the file changed while it was read.
    """
    parsed = parsed.in_place()
    hidden = f".{os.getpid()}-{secrets.token_hex(8)}.tmp"
    paths = _Paths(target, target.with_name(hidden))
    session = Session(
        paths,
        lambda object_id: None,  # noqa: ARG005
        depth_max=0,
        threads=threads,
        preset=preset,
        pack_bytes_max=_UNBOUNDED,
    )
    with _nothing_left(paths), session:
        done = ingest(session, file, parsed, _no_base, progress)
        named = StoredFile(file.path.name, done.size, done.sha256, done.recipe, parsed.kind)
        tensors = sorted(stored_tensors(parsed), key=lambda tensor: tensor.name)
        tree = Tree((named,), done.storages, tuple(tensors))
        session.add_object(ids.TREE, trees.encode(tree))
        session.seal()
    return done


def _no_base(_name: str, _id: bytes, _spec: TensorSpec, _data: Bytes) -> None:
    """Find no base: a compressed file stands alone."""


@contextlib.contextmanager
def _nothing_left(paths: _Paths) -> Iterator[None]:
    """Where something fails, remove the file in the making, and speak of the target instead."""
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(ModelHubError):
            if files.exists(paths.temporary):
                files.remove(paths.temporary)
        if isinstance(error, ModelHubError) and str(paths.temporary) in error.where:
            raise type(error)(
                error.found,
                expected=error.expected,
                where=error.where.replace(str(paths.temporary), str(paths.target)),
                hint=error.hint,
                kind=error.kind,
            ) from error
        raise
