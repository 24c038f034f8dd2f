"""Say what is staged and whether it is still what it was when it was added."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modelhub.dlv import stage
from modelhub.dlv.stage import StagedFile
from modelhub.dlv.state import Repo
from modelhub.errors import NotFoundError
from modelhub.fs.files import InputFile

__all__ = ["StatusResult", "status"]


@dataclass(frozen=True, slots=True)
class StatusResult:
    """The staged files, each `ok`, `changed` or `missing`; the root; the number of versions."""

    staged: tuple[tuple[StagedFile, str], ...]
    root: Path
    versions: int


def status(repo: Repo) -> StatusResult:
    """Look at the stage; files are compared by size, time and inode, not read."""
    staged = tuple((item, _state(item)) for item in stage.read(repo))
    with repo.catalog.read() as txn:
        versions = sum(1 for _ in txn.versions())
    return StatusResult(staged, repo.layout.root, versions)


def _state(item: StagedFile) -> str:
    try:
        with InputFile(Path(item.source)) as file:
            return "ok" if tuple(file.stamp) == item.stamp else "changed"
    except NotFoundError:
        return "missing"
