"""What the tidy tests look at: the repository's own files."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Made by tools, or not ours to keep tidy.
_SKIPPED = {"build", "dist", "__pycache__", "node_modules"}
_HIDDEN_KEPT = {".ci", ".gitignore", ".clang-format"}


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        hidden = entry.name.startswith(".") and entry.name not in _HIDDEN_KEPT
        if hidden or entry.name in _SKIPPED or entry.name.endswith(".egg-info"):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif entry.is_file(follow_symlinks=False) and not _generated(Path(entry.path)):
            yield Path(entry.path)


def _generated(path: Path) -> bool:
    """Say whether a file was compiled, or made by Cython out of the file beside it."""
    return path.suffix == ".so" or (
        path.suffix in (".c", ".cpp") and path.with_suffix(".pyx").exists()
    )


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file with its syntax tree; `path` is relative to the repository."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def module(self) -> str:
        """The dotted name that it is imported by."""
        parts = list(self.path.with_suffix("").parts)
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class Tree:
    """The repository's files, found and parsed once for all tests."""

    def __init__(self) -> None:
        self.root = ROOT
        self.files = [path.relative_to(ROOT) for path in _walk(ROOT)]
        self._sources = {
            path: Source(path, text, ast.parse(text, str(path)))
            for path in self.files
            if path.suffix == ".py"
            for text in [(ROOT / path).read_text(encoding="utf-8")]
        }

    def under(self, *folders: str, suffixes: tuple[str, ...] = ()) -> list[Path]:
        """Return the files in these top-level folders, with these suffixes if any are given."""
        return [
            path
            for path in self.files
            if path.parts[0] in folders and (not suffixes or path.suffix in suffixes)
        ]

    def python(self, *folders: str) -> list[Source]:
        """Return the Python files in these top-level folders; all there are without any."""
        return [
            source
            for path, source in self._sources.items()
            if not folders or path.parts[0] in folders
        ]

    def read(self, path: Path) -> str:
        """Return a file's text."""
        return (ROOT / path).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def tree() -> Tree:
    return Tree()
