"""Keep results of `eval` as annotations of a version, and read them again.

An *evaluation* is one run of a snapshot over a data set. Annotations have the key `eval`; the value
is laid down in docs/formats/objects.md. For queries each version has the metric series `eval.top1`,
`eval.top5` (by its k) and `eval.loss`, a point for each evaluation, oldest first. Estimates are not
among them: theirs are `eval.estimate.top1` and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelhub.catalog.records import AnnotationRecord

__all__ = ["EVAL", "TOP1", "Evaluated", "evaluations_of", "series_of"]

# The key of the annotations.
EVAL = "eval"
# The metric series that a list shows the last value of.
TOP1 = f"{EVAL}.top1"

_FORMAT = 1
_ESTIMATE = "estimate"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An evaluation that was kept; accuracy and loss are None without labels.

    Attributes:
        data: The name of the data set; `sha256` and `data_bytes` are its content's.
        mode: How answers were found: `exact`, `progressive` or `estimate`.
        settings: What was asked for that can change a result, by the name of the option.
        reading: In other modes than `exact`: bytes, shares by status and what they rest on.
        created_ns: When it was kept, in nanoseconds since 1970.
    """

    snapshot: str
    data: str
    sha256: str
    data_bytes: int
    n: int
    classes: int
    top1: float | None
    k: int
    topk: float | None
    loss: float | None
    not_numbers: int
    mode: str
    device: str
    torch: str
    seconds: float
    settings: Mapping[str, Any]
    reading: Mapping[str, Any] = field(default_factory=dict)
    created_ns: int = 0

    def says_as(self, other: Evaluated) -> bool:
        """Say whether two evaluations differ in nothing but their time."""
        untimed = [replace(one, seconds=0.0, created_ns=0) for one in (self, other)]
        return untimed[0] == untimed[1]

    def to_json(self) -> dict[str, Any]:
        """Return the value of the annotation."""
        value = {name: getattr(self, name) for name in self.__slots__ if name != "created_ns"}
        return {
            "format": _FORMAT,
            **value,
            "settings": dict(self.settings),
            "reading": dict(self.reading),
        }


def evaluations_of(notes: Iterable[AnnotationRecord]) -> tuple[Evaluated, ...]:
    """Return the evaluations among a version's annotations, oldest first; newer formats left out.

    An evaluation was written by this program or a later one: what lacks a field is not shown.
    """
    found = []
    for note in notes:
        if note.key != EVAL or not isinstance(note.value, dict):
            continue
        value = dict(note.value)
        if value.pop("format", None) != _FORMAT:
            continue
        try:
            found.append(Evaluated(**value, created_ns=note.created_ns))
        except TypeError:
            continue
    return tuple(found)


def series_of(notes: Iterable[AnnotationRecord]) -> dict[str, list[tuple[float, float]]]:
    """Return the evaluations as metric series of (number from 0, value) points."""
    found: dict[str, list[tuple[float, float]]] = {}
    for number, one in enumerate(evaluations_of(notes)):
        values = {"top1": one.top1, f"top{one.k}": one.topk, "loss": one.loss}
        prefix = f"{EVAL}.{_ESTIMATE}" if one.mode == _ESTIMATE else EVAL
        for name, value in values.items():
            if value is not None:
                found.setdefault(f"{prefix}.{name}", []).append((float(number), float(value)))
    return found
