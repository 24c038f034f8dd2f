"""Keep what was found for a network: numbers that go through JSON, so that a run can be resumed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Controls", "Found", "Method", "Pace", "Program", "ranked", "read", "write"]

# Quantiles that are kept of the bytes at which inputs are decided.
_RANKS = 1001


@dataclass(frozen=True, slots=True)
class Method:
    """How a way of reading did on the inputs held out.

    Attributes:
        inputs: How many there were.
        full: Compressed bytes of an exact read of the layout that was read.
        certified, ties: Shares of the inputs whose label was proved, with a margin above the guard
            and below it.
        wrong64, wrong32: Proved labels that are not those of float64; certified ones that are not
            those of the module in float32.
        decided: Shares of `full` read when each input was decided, rising, at equal steps of rank.
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
        return self.decided[round(share * (len(self.decided) - 1))]

    def proved_at(self, nbytes: float) -> float:
        """Return the share of inputs decided before more than a share of the bytes was read."""
        return float(np.mean(np.asarray(self.decided) <= nbytes))


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of 100 inputs: float32 and float64 forward, bounds; and to prepare weights once."""

    forward32: float
    forward64: float
    bounds: float
    prepare: float


@dataclass(frozen=True, slots=True)
class Controls:
    """What is found without the program's own way to evaluate.

    Attributes:
        values: Parameters of the network.
        accuracy: Of the module on what is held out.
        ordinary, progressive: Compressed bytes of an exact read in either layout.
        methods: The same prefix of every tensor, by name.
    """

    values: int
    accuracy: float
    ordinary: int
    progressive: int
    pace: Pace
    methods: dict[str, Method]


@dataclass(frozen=True, slots=True)
class Program:
    """What `eval` does.

    Attributes:
        calibration: Processor seconds of `archive --calibrate`.
        certified: Of `eval --progressive`.
        estimate: Share of bytes, agreement with float64, and the audited bound of `--estimate`.
        flips: Certificates that an adversarial search tried to break, and those broken.
    """

    calibration: float
    certified: Method
    estimate: tuple[float, float, float]
    flips: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for a network and seed."""

    name: str
    seed: int
    controls: Controls
    program: Program


def ranked(nbytes: npt.NDArray[np.int64], full: int) -> list[float]:
    """Return the bytes at which inputs are decided, as shares, at equal steps of rank."""
    shares = np.quantile(nbytes / full, np.linspace(0, 1, _RANKS), method="inverted_cdf")
    return [round(float(share), 5) for share in shares]


def write(found: Controls | Program, path: Path) -> None:
    """Write what was found."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(found)) + "\n")
    partial.rename(path)


def read(path: Path) -> Controls | Program | None:
    """Return what was found earlier, or None."""
    if not path.is_file():
        return None
    held: dict[str, Any] = json.loads(path.read_text())
    if "pace" in held:
        methods = {name: _method(one) for name, one in held.pop("methods").items()}
        return Controls(**{**held, "pace": Pace(**held["pace"])}, methods=methods)
    return Program(
        held["calibration"],
        _method(held["certified"]),
        tuple(held["estimate"]),
        tuple(held["flips"]),
    )


def _method(held: Mapping[str, Any]) -> Method:
    return Method(**{**held, "steps": [(share, agreed) for share, agreed in held["steps"]]})
