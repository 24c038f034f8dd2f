"""What the tests of the catalog share: catalogs, versions, other processes, other rights."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelhub.catalog import Catalog
from modelhub.catalog.records import VersionRecord
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


@pytest.fixture
def make_version() -> Callable[..., VersionRecord]:
    """Return a maker of versions that differ in what is given."""

    def make(number: int, name: str = "lenet", sequence: int = 1, **given: Any) -> VersionRecord:
        fields: dict[str, Any] = {
            "id": number.to_bytes(32, "big"),
            "name": name,
            "sequence": sequence,
            "created_ns": 1_000 + number,
            "author": "ada@host",
            "message": "first",
            "parents": (),
            "network": b"",
            "snapshots": (),
            "files": (),
            "logical_bytes": 100,
            "stored_bytes": 50,
        }
        return VersionRecord(**{**fields, **given})

    return make


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.create(tmp_path / "catalog") as made:
        yield made


@pytest.fixture
def run() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a starter of Python programs; pipes to and from each, none outlives the test."""
    children: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: object) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()
