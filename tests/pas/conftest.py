"""Compressed files of a test's own making, honest ones and others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelhub import containers
from modelhub.fs import seam
from modelhub.fs.files import InputFile
from modelhub.pas import compressor
from modelhub.pas.ingest import Ingested
from modelhub.pas.session import Session


@pytest.fixture(autouse=True)
def _no_hook() -> Iterator[None]:
    yield
    seam.set_hook(None)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Return an npz file with equal, empty, 0-dimensional, integer and oddly named arrays."""
    random = np.random.default_rng(0)
    path = tmp_path / "weights.npz"
    big = random.standard_normal((300, 70)).astype(np.float32)
    np.savez(
        path,
        big=big,
        again=big,
        empty=np.empty((0, 3), np.float32),
        scalar=np.float64(3.5),
        whole=np.arange(1000),
        **{"模型.ü": random.standard_normal(500).astype(np.float16)},
    )
    return path


@pytest.fixture
def compress() -> Callable[..., Ingested]:
    """Return a function (source, target, preset="default") that writes a compressed file."""

    def write(source: Path, target: Path, preset: str = "default", **options: Any) -> Ingested:
        with InputFile(source) as file:
            parsed = containers.parse(file, containers.detect(source, file))
            return compressor.write(file, parsed, target, preset=preset, **options)

    return write


@dataclass(frozen=True)
class _Paths:
    path: Path

    def pack_path(self, name: str) -> Path:
        return self.path

    def temporary_pack_path(self) -> Path:
        return self.path.with_name("in-the-making")


@pytest.fixture
def forge() -> Callable[..., list[bytes]]:
    """Return a function (path, [(kind, bytes)...]) that writes a pack of just these objects."""

    def write(path: Path, objects: list[tuple[int, bytes]]) -> list[bytes]:
        with Session(_Paths(path), lambda object_id: None, depth_max=0) as session:
            names = [session.add_object(kind, data) for kind, data in objects]
            session.seal()
        return names

    return write
