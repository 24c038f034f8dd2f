"""Keep what was found for a network: numbers that go through JSON, so that a run can be resumed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Found", "Method", "Pace", "read", "write"]


@dataclass(slots=True)
class Method:
    """How a way of reading did on the inputs held out.

    Attributes:
        inputs: How many there were.
        full: Compressed bytes of an exact read of the layout that was read.
        certified, ties: Shares of the inputs whose label was proved, with a margin above the guard
            and below it.
        wrong64, wrong32: Proved labels that are not those of float64; that are not those of the
            module in float32, with a margin above the guard.
        decided: Shares of `full` read when each input was decided, rising, in thousandths of the
            inputs: value i is that of the input of rank i/1000.
        steps: (share of `full`, share of labels of the middle that are right) by prefix read.
    """

    inputs: int
    full: int
    certified: float
    ties: float
    wrong64: int
    wrong32: int
    decided: list[float]
    steps: list[tuple[float, float]] = field(default_factory=list)

    def at(self, share: float) -> float:
        """Return the share of bytes at which such a share of the inputs is decided."""
        return self.decided[min(len(self.decided) - 1, round(share * (len(self.decided) - 1)))]

    def proved_at(self, nbytes: float) -> float:
        """Return the share of inputs decided before more than a share of the bytes was read."""
        return float(np.mean(np.asarray(self.decided) <= nbytes))


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds for one batch: float32 and float64 forward passes, and a pass of bounds."""

    forward32: float
    forward64: float
    bounds: float


@dataclass(slots=True)
class Found:
    """What was found for a network and seed.

    Attributes:
        accuracy: Of the module on what is held out.
        ordinary, progressive: Compressed bytes of an exact read in either layout.
        calibration: Seconds.
        methods: By name.
        estimate: Share of bytes, agreement with float64, and the audited bound of `--estimate`.
        flips: Certificates that an adversarial search tried to break, and those broken.
    """

    name: str
    seed: int
    values: int
    accuracy: float
    ordinary: int
    progressive: int
    calibration: float
    pace: Pace
    methods: dict[str, Method] = field(default_factory=dict)
    estimate: tuple[float, float, float] = (1.0, 1.0, 0.0)
    flips: tuple[int, int] = (0, 0)


def write(found: Found, path: Path) -> None:
    """Write what was found."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(found)) + "\n")
    partial.rename(path)


def read(path: Path) -> Found | None:
    """Return what was found earlier, or None."""
    if not path.is_file():
        return None
    held: dict[str, Any] = json.loads(path.read_text())
    methods = {name: Method(**one) for name, one in held.pop("methods").items()}
    for one in methods.values():
        one.steps = [(a, b) for a, b in one.steps]
    pairs = {key: tuple(held.pop(key)) for key in ("estimate", "flips")}
    return Found(**held | {"pace": Pace(**held["pace"])}, **pairs, methods=methods)
