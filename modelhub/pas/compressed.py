"""Read a *compressed file*: one file in a pack of its own, which `pas.compressor` wrote.

Nothing in it is believed: names, sizes and references are checked before anything is written, and
the file's SHA-256 after. Specified in docs/formats/compressed.md.
"""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from modelhub import ids
from modelhub.errors import BadInputError, CorruptionError, NotFoundError
from modelhub.fs.files import InputFile
from modelhub.pas import rebuild
from modelhub.pas import tree as trees
from modelhub.pas.ingest import Progress
from modelhub.pas.recipe import Reference
from modelhub.pas.store import Place, Store
from modelhub.pas.tree import StoredFile

__all__ = ["SUFFIX", "CompressedFile", "check_name", "is_pack"]

SUFFIX = ".mhz"

_MAGIC = b"\x8dMHPACK\n"
# Far above the tree and recipe of the most tensors that any container may have.
_RECORD_BYTES_MAX = 1 << 30
# The one pack's name, where a store asks for one.
_PACK = b""

_REPOSITORY = "versions come out of a repository with `modelhub checkout`"

# Characters that steer a terminal or end a line, halves of a pair, and those that turn the order
# of reading, so that a name would not look like what it is.
_BAD_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BAD_DIRECTIONS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


@dataclass(frozen=True, slots=True)
class _OnePath:
    path: Path

    def pack_path(self, name: str) -> Path:  # noqa: ARG002
        return self.path


def is_pack(path: Path) -> bool:
    """Say whether a file begins as a pack does, which a compressed file is."""
    return _head(path) == _MAGIC


def _head(path: Path) -> bytes:
    with InputFile(path) as file:
        return file.read(0, min(file.size, len(_MAGIC)))


class CompressedFile:
    """A compressed file open for reading; use with `with`.

    Raises:
        BadInputError: it is none, but another file or a repository's pack.
        CorruptionError: it is damaged.
    """

    def __init__(self, path: Path, *, threads: int = 0) -> None:
        self.path = path
        head = _head(path)
        if head != _MAGIC:
            found = f"first bytes {head!r}" if head else "an empty file"
            raise _other(path, found, "check that this is the file you mean")
        self._store = Store(_OnePath(path), self._locate, threads=threads)
        try:
            with _told_of(path):
                self.file = self._named()
        except BaseException:
            self._store.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._store.close()

    def _locate(self, object_id: bytes) -> Place | None:
        index = self._store.reader(_PACK).find(object_id)
        return Place(_PACK, index) if index >= 0 else None

    def _named(self) -> StoredFile:
        """Read the last object, which names the file."""
        reader = self._store.reader(_PACK)
        last = reader.entry(reader.count - 1) if reader.count else None
        if last is None or last.kind != ids.TREE:
            raise _other(self.path, "a repository's pack: its last object is no tree", _REPOSITORY)
        if last.raw_bytes > _RECORD_BYTES_MAX:
            raise CorruptionError(f"a tree of {last.raw_bytes} bytes")
        tree = trees.decode(self._store.blob(last.id))
        if len(tree.files) != 1:
            found = f"a repository's pack: its last tree has {len(tree.files)} files"
            raise _other(self.path, found, _REPOSITORY)
        (file,) = tree.files
        plain = isinstance(file.path, str) and type(file.size) is int
        if not plain or len(file.recipe) != ids.ID_BYTES:
            raise CorruptionError("a name, size or recipe that is none", where="tree")
        return file

    def write(self, target: Path, progress: Progress | None = None) -> None:
        """Write the original file, durably, replacing what is there once the new one is whole.

        Raises:
            CorruptionError: the compressed file is damaged; nothing is written.
        """
        with _told_of(self.path, target):
            self._check()
            # Messages name the compressed file: what it says of itself may be wrong.
            file = replace(self.file, path=str(self.path))
            rebuild.write_file(self._store, file, target, progress=progress, sync=True)

    def _check(self) -> None:
        """Make sure that the recipe is that of the file named, and asks for no more than that."""
        if self._store.entry(self.file.recipe).raw_bytes > _RECORD_BYTES_MAX:
            raise CorruptionError("a recipe of more than 1 GiB")
        recipe = rebuild.load_recipe(self._store, self.file.recipe)
        if (recipe.size, recipe.sha256) != (self.file.size, self.file.sha256):
            raise CorruptionError("recipe and tree are of different files")
        for step in recipe.operations:
            if isinstance(step, Reference):
                entry = self._store.entry(step.object_id)
                end = step.start + step.length
                if not end <= entry.raw_bytes <= recipe.size:
                    raise CorruptionError(
                        f"bytes up to {end} of an object of {entry.raw_bytes} "
                        f"for a file of {recipe.size}",
                        where=f"object {step.object_id.hex()}",
                    )


def check_name(name: str, where: Path) -> str:
    """Return the name of a file in a folder, if it is one and looks like what it is.

    Raises:
        BadInputError: kind `bad_name` or `unsafe_path`.
    """
    hint = "name the target yourself with -o FILE"
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise BadInputError(
            f"the name {name[:300]!r}",
            expected="that of a file, without a folder",
            where=str(where),
            hint=hint,
            kind="unsafe_path",
        )
    for char in name:
        strange = unicodedata.category(char) in _BAD_CATEGORIES
        if strange or unicodedata.bidirectional(char) in _BAD_DIRECTIONS:
            raise BadInputError(
                f"the name {name[:300]!r} with the character U+{ord(char):04X}",
                expected="letters that can be seen",
                where=str(where),
                hint=hint,
                kind="bad_name",
            )
    return name


def _other(path: Path, found: str, hint: str) -> BadInputError:
    expected = "a file that `modelhub compress` made"
    return BadInputError(found, expected=expected, where=str(path), hint=hint)


@contextlib.contextmanager
def _told_of(path: Path, target: Path | None = None) -> Iterator[None]:
    """Tell damage of the compressed file by its path; what the target meets is another matter."""
    try:
        yield
    except (CorruptionError, NotFoundError) as error:
        if target is not None and error.where == str(target):
            raise
        where = error.where
        if not where.startswith(str(path)):
            where = f"{path}, {where}" if where else str(path)
        hint = "the compressed file is damaged; fetch it again, or compress the original again"
        raise CorruptionError(
            error.found,
            expected=error.expected,
            where=where,
            hint=error.hint if error.kind == "unsupported_version" else hint,
            kind=error.kind if isinstance(error, CorruptionError) else None,
        ) from error
