"""Measure what `archive` saves on real checkpoints: `python -m bench archive`.

One repository: six checkpoints of a fine-tune in float32, the same in bfloat16 under another name,
and the epochs of a network trained from nothing. What its packs take after `archive` and `gc` is
set beside every tensor coded alone, and beside the files. Then every budget is compared with the
bytes that a checkout really reads, and every file with what was added.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

from bench import codec_data
from bench.process import machine, modelhub
from modelhub import codec

__all__ = ["Figures", "main", "measure", "table"]

# What is stored at most, beside each tensor alone and beside the files.
ALONE_MAX, RAW_MAX = 0.52, 0.41


@dataclass(frozen=True, slots=True)
class Figures:
    """Bytes of the files, of every tensor coded alone, and of packs at each stage; seconds."""

    raw: int
    alone: int
    committed: int
    archived: int
    planned: dict[str, Any]
    seconds: float
    worst_budget: float
    checkouts: int
    exact: bool

    @property
    def holds(self) -> bool:
        """Say whether every bar is reached."""
        small = self.archived <= ALONE_MAX * self.alone and self.archived <= RAW_MAX * self.raw
        return small and self.worst_budget <= 1 and self.exact


def make_files(folder: Path, fine_tunes: int, epochs: int) -> list[tuple[str, Path]]:
    """Write the checkpoints as files and return them with the names to commit them under."""
    made = []
    for kind, name, count in (("fine-tune", "ft32", fine_tunes), ("scratch", "scratch", epochs)):
        for snapshot in codec_data.snapshots(name)[:count]:
            tensors = codec_data.load(name, snapshot)
            made.append((kind, _write(folder / f"{name}-{snapshot}.safetensors", tensors)))
            if kind == "fine-tune":
                half = {key: value.astype(ml_dtypes.bfloat16) for key, value in tensors.items()}
                made.append(("half", _write(folder / f"bf16-{snapshot}.safetensors", half)))
    return made


def _write(path: Path, tensors: dict[str, np.ndarray[Any, Any]]) -> Path:
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, path)
    return path


def _alone(tensors: dict[str, np.ndarray[Any, Any]]) -> int:
    return sum(len(codec.encode(value)) for value in tensors.values())


def measure(folder: Path, files: list[tuple[str, Path]], alone: int, alpha: float) -> Figures:
    """Commit the files, archive, collect, and check out every version."""
    repository = folder / "repository"
    modelhub(folder, "init", str(repository))
    added: dict[str, Path] = {}
    for name, path in files:
        modelhub(repository, "add", str(path))
        version = modelhub(repository, "commit", name).document["version"]
        added[f"{name}@{version}"] = path
    committed = modelhub(repository, "du").document["stored_bytes"]
    archive = modelhub(repository, "archive", "--alpha", str(alpha))
    modelhub(repository, "gc", "--grace", "0s")
    archived = modelhub(repository, "du").document["stored_bytes"]
    budgets = {row["rev"].partition("#")[0]: row["budget"] for row in archive.document["snapshots"]}
    worst, exact = 0.0, True
    for number, (rev, path) in enumerate(added.items()):
        out = folder / f"out-{number}"
        read = modelhub(repository, "checkout", rev, "-o", str(out)).document["bytes_read"]
        worst = max(worst, read / budgets[rev])
        exact = exact and _digest(out / path.name) == _digest(path)
        (out / path.name).unlink()
    clean = modelhub(repository, "fsck").document["ok"]
    raw = sum(path.stat().st_size for _, path in files)
    return Figures(
        raw=raw,
        alone=alone,
        committed=committed,
        archived=archived,
        planned=archive.document,
        seconds=archive.seconds,
        worst_budget=worst,
        checkouts=len(added),
        exact=exact and bool(clean),
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def table(figures: Figures, alpha: float) -> str:
    """Return the figures as a table in Markdown."""
    planned = figures.planned
    rows = [
        ("files", f"{figures.raw / 1e6:.1f} MB", ""),
        ("every tensor alone, `default`", f"{figures.alone / 1e6:.1f} MB", ""),
        ("packs after the commits", f"{figures.committed / 1e6:.1f} MB", ""),
        (
            f"packs after `archive --alpha {alpha:g}` and `gc --grace 0s`",
            f"{figures.archived / 1e6:.1f} MB",
            "",
        ),
        ("beside alone", f"{figures.archived / figures.alone:.3f}", f"<= {ALONE_MAX}"),
        ("beside the files", f"{figures.archived / figures.raw:.3f}", f"<= {RAW_MAX}"),
        (
            "plan above its lower bound",
            f"{100 * (planned['storage_cost'] / planned['lower_bound'] - 1):.2f} %",
            "",
        ),
        (
            f"most that one of {figures.checkouts} checkouts read of its budget",
            f"{figures.worst_budget:.3f}",
            "<= 1",
        ),
        ("files byte for byte, fsck clean", "yes" if figures.exact else "NO", "yes"),
        ("archive", f"{figures.seconds:.0f} s", ""),
    ]
    lines = ["| what | measured | bar |", "|---|---|---|"]
    return "\n".join(lines + [f"| {what} | {found} | {bar} |" for what, found, bar in rows])


def main(words: list[str]) -> int:
    """Measure and return 0 if every bar holds, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench archive", description=__doc__)
    parser.add_argument("--alpha", type=float, default=2.0)
    parser.add_argument("--fine-tunes", type=int, default=6, help="so many checkpoints")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--folder", type=Path, help="where to work; removed things stay inside it")
    parser.add_argument("--markdown", type=Path, help="write the table there too")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        files = make_files(folder, options.fine_tunes, options.epochs)
        alone = _alone_of(options.fine_tunes, options.epochs)
        figures = measure(folder, files, alone, options.alpha)
    shown = f"{machine()}\n\n{table(figures, options.alpha)}\n"
    print(shown)
    if options.markdown:
        options.markdown.write_text(shown)
    return 0 if figures.holds else 1


def _alone_of(fine_tunes: int, epochs: int) -> int:
    total = 0
    for name, count in (("ft32", fine_tunes), ("ft16", fine_tunes), ("scratch", epochs)):
        for snapshot in codec_data.snapshots(name)[:count]:
            total += _alone(codec_data.load(name, snapshot))
    return total
