"""What the tests share: a folder that any user can enter, and acting as such a user."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelhub.fs import seam

_NOBODY = 65534


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a fresh folder; those above pytest's own are closed to all but its owner."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


@pytest.fixture
def unprivileged() -> Callable[[], contextlib.AbstractContextManager[None]]:
    """Return a context in which the process has no more rights than any user."""

    @contextlib.contextmanager
    def acting() -> Iterator[None]:
        root = os.geteuid() == 0
        if root:
            os.seteuid(_NOBODY)
        try:
            yield
        finally:
            if root:
                os.seteuid(0)

    return acting


@pytest.fixture(autouse=True)
def _no_hook() -> Iterator[None]:
    yield
    seam.set_hook(None)
