"""Keep what calibrations found as annotations of a version, and find it again.

A *calibration* is of one snapshot as it is stored: a ladder, what it decides, how often the
estimate of each rung was right, and speeds. Annotations have the key `progressive`; the value is
laid down in docs/formats/objects.md. A snapshot that is stored in another layout needs another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from modelhub.catalog.records import AnnotationRecord
from modelhub.progressive.search import Rung, Step

__all__ = ["LADDER", "Audited", "Calibration", "calibration_in", "calibration_of", "storage_of"]

# The key of the annotations.
LADDER = "progressive"

_FORMAT = 1
_SECONDS = ("forward_seconds", "bound_seconds", "rung_seconds")


@dataclass(frozen=True, slots=True)
class Audited:
    """A schedule whose middles were run: how many labels of `n` were not those of all weights."""

    schedule: Mapping[str, int]
    nbytes: int
    n: int
    misses: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """What one calibration found.

    Attributes:
        snapshot: The label of the snapshot.
        storage: From `storage_of`.
        data, sha256: The data set, `n` of whose examples were used.
        rungs: The ladder.
        agreements: The estimates of each rung.
        estimate: The schedule for estimates; its examples had no part in choosing it.
        forward_seconds, bound_seconds: For one input of many, in float64.
        rung_seconds: What a rung takes besides, whatever the inputs.
        created_ns: When it was kept, in nanoseconds since 1970.
    """

    snapshot: str
    storage: str
    data: str
    sha256: str
    n: int
    rungs: tuple[Rung, ...]
    agreements: tuple[tuple[int, int], ...]
    estimate: Audited
    device: str
    forward_seconds: float
    bound_seconds: float
    rung_seconds: float
    created_ns: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the value of the annotation."""
        value = asdict(self)
        del value["created_ns"]
        return {"format": _FORMAT, **value}

    def names(self) -> set[str]:
        """Return the tensors that every schedule has."""
        schedules = [self.estimate.schedule, *(rung.schedule for rung in self.rungs)]
        return set.intersection(*(set(schedule) for schedule in schedules))


def storage_of(steps: Mapping[str, Sequence[Step]]) -> str:
    """Return a fingerprint of the prefixes that tensors can be read by, in hexadecimal.

    Bytes are not in it: they change with every base that is chosen, and segments stay what they
    are.
    """
    lines = [
        f"{name}\0{','.join(f'{step.segments}:{step.bits}' for step in steps[name])}\n"
        for name in sorted(steps)
    ]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def calibration_of(
    notes: Iterable[AnnotationRecord], snapshot: str, storage: str
) -> Calibration | None:
    """Return the newest calibration of a snapshot as it is stored; newer formats do not count."""
    found = None
    for note in notes:
        if note.key == LADDER:
            one = calibration_in(note.value)
            if one is not None and (one.snapshot, one.storage) == (snapshot, storage):
                found = replace(one, created_ns=note.created_ns)
    return found


def calibration_in(value: object) -> Calibration | None:
    """Return the calibration of an annotation; None if it is newer or makes no sense."""
    if not isinstance(value, dict):
        return None
    given = dict(value)
    if given.pop("format", None) != _FORMAT:
        return None
    try:
        given["rungs"] = tuple(
            Rung(_schedule(rung["schedule"]), int(rung["nbytes"]), float(rung["share"]))
            for rung in given["rungs"]
        )
        given["agreements"] = tuple((int(n), int(misses)) for n, misses in given["agreements"])
        told = dict(given["estimate"])
        counts = [int(told[name]) for name in ("nbytes", "n", "misses")]
        given["estimate"] = Audited(_schedule(told["schedule"]), *counts)
        if not 0 <= given["estimate"].misses <= given["estimate"].n:
            return None
        given |= {name: float(given[name]) for name in _SECONDS}
        return Calibration(**given)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return None


def _schedule(given: Mapping[str, Any]) -> dict[str, int]:
    found = {name: int(segments) for name, segments in given.items()}
    if any(segments < 1 for segments in found.values()):
        raise ValueError("a schedule without segments")
    return found
