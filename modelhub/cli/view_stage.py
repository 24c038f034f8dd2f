"""Show staged files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelhub.dlv.stage import StagedFile
from modelhub.report import human
from modelhub.report.page import Column, Grid

__all__ = ["staged_document", "staged_grid"]


def staged_document(item: StagedFile) -> dict[str, Any]:
    """Return a staged file for JSON."""
    return {
        "path": item.path,
        "source": item.source,
        "kind": item.kind,
        "size": item.size,
        "tensors": item.tensors,
    }


def staged_grid(items: Sequence[tuple[StagedFile, str]]) -> Grid:
    """Return a table of staged files, each with a word on its state."""
    columns = (
        Column("file", strong=True),
        Column("kind"),
        Column("tensors", right=True),
        Column("size", right=True),
        Column("state"),
        Column("from", flexible=True, priority=1),
    )
    here = Path().absolute()
    rows = [
        (
            item.path,
            "associated" if item.kind == "file" else item.kind,
            str(item.tensors) if item.kind != "file" else "",
            human.size(item.size),
            state,
            _origin(item, here),
        )
        for item, state in items
    ]
    return Grid(columns, rows)


def _origin(item: StagedFile, here: Path) -> str:
    """Return where a file lies, as short as can be; nothing where its own path says it."""
    source = Path(item.source)
    if source.is_relative_to(here):
        source = source.relative_to(here)
    return "" if str(source) == item.path else str(source)
