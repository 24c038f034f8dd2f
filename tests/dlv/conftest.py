"""A repository in a fresh folder, and a way to commit arrays to it through a real file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelhub.dlv import stage
from modelhub.dlv.commit import CommitResult, commit
from modelhub.dlv.state import Repo

CommitArrays = Callable[..., CommitResult]


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repo]:
    with Repo.init(tmp_path / "repository") as opened:
        yield opened


@pytest.fixture
def commit_arrays(repo: Repo, tmp_path: Path) -> CommitArrays:
    """Return a function (name, arrays, files={path: text}, **options of commit)."""

    def commit_them(
        name: str,
        arrays: Mapping[str, np.ndarray] | None = None,
        files: Mapping[str, str] | None = None,
        **options: Any,
    ) -> CommitResult:
        folder = tmp_path / "input"
        folder.mkdir(exist_ok=True)
        paths = []
        if arrays is not None:
            paths.append(folder / "weights.npz")
            np.savez(paths[-1], **arrays)
        for path, text in (files or {}).items():
            paths.append(folder / path)
            paths[-1].write_text(text)
        if paths:
            stage.add(repo, paths)
        return commit(repo, name, **options)

    return commit_them
