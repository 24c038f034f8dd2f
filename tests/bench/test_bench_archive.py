from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from bench.bench_archive import Figures, measure, table
from modelhub import codec


def checkpoints(folder: Path, count: int) -> tuple[list[tuple[str, Path]], int]:
    random = np.random.default_rng(1)
    weights = random.normal(0, 0.02, (300, 400)).astype(np.float32)
    files, alone = [], 0
    for number in range(count):
        weights = weights + random.normal(0, 1e-6, weights.shape).astype(np.float32)
        path = folder / f"step-{number}.safetensors"
        save_file({"w": weights}, path)
        files.append(("net", path))
        alone += len(codec.encode(weights))
    return files, alone


def test_archives_and_checks_what_is_read(tmp_path: Path) -> None:
    files, alone = checkpoints(tmp_path, 3)
    figures = measure(tmp_path, files, alone, 2.0)
    assert figures.checkouts == 3
    assert figures.exact
    assert 0 < figures.worst_budget <= 1
    assert figures.raw == sum(path.stat().st_size for _, path in files)
    assert figures.archived < 0.9 * alone
    shown = table(figures, 2.0)
    assert "byte for byte, fsck clean | yes" in shown


def test_bars(tmp_path: Path) -> None:
    fine = Figures(100, 80, 50, 40, {}, 1.0, 1.0, 3, True)
    assert fine.holds
    assert not replace(fine, archived=42).holds
    assert not replace(fine, raw=90, archived=41).holds
    assert not replace(fine, worst_budget=1.01).holds
    assert not replace(fine, exact=False).holds
