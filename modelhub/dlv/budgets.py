"""Read the *budgets* of snapshots: what a checkout of each may read, or how long it may take."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelhub.dlv.archive_groups import SnapshotGroups
from modelhub.dlv.resolve import format_rev, resolve
from modelhub.dlv.state import Repo
from modelhub.errors import BadInputError, UsageError
from modelhub.report import human

__all__ = ["Budget", "budgets_of", "parse", "show", "unit_of"]

_SIZES = {
    "": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}  # fmt: skip
_TIMES = {"ms": 1.0, "s": 1000.0, "min": 60_000.0}
_UNITS = {unit.lower(): ("bytes", float(factor)) for unit, factor in _SIZES.items()}
_UNITS |= {unit: ("ms", factor) for unit, factor in _TIMES.items()}
_COST = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) *([A-Za-z]*)")


@dataclass(frozen=True, slots=True)
class Budget:
    """What the snapshots that `rev` names may cost; `unit` is "bytes" or "ms"."""

    rev: str
    cost: float
    unit: str


def parse(text: str) -> Budget:
    """Read `REV=COST`, such as `bert@2=60MB`, `bert#best=1.5GiB` or `bert=200ms`.

    Raises:
        UsageError: the text is none.
    """
    rev, equals, cost = text.rpartition("=")
    match = _COST.fullmatch(cost.strip())
    unit = _UNITS.get(match[2].lower()) if match is not None else None
    if not equals or not rev or match is None or unit is None:
        raise UsageError(
            f"budget {text!r}",
            expected="REV=COST, the cost a number with B, kB, MB, GB, KiB, MiB, GiB, ms or s",
        )
    return Budget(rev, float(match[1]) * unit[1], unit[0])


def unit_of(budgets: Sequence[Budget]) -> str:
    """Return the one unit of all budgets, bytes where there is none.

    Raises:
        UsageError: there are two.
    """
    units = {budget.unit for budget in budgets}
    if len(units) > 1:
        raise UsageError("budgets in bytes and in milliseconds", expected="one unit for all")
    return units.pop() if units else "bytes"


def show(cost: float, unit: str) -> str:
    """Return a cost for people."""
    if not math.isfinite(cost):
        return "none"
    if unit == "ms":
        return f"{cost:.3g} ms" if cost < 1000 else human.duration(cost / 1000)
    return human.size(round(cost))


def budgets_of(
    repo: Repo,
    found: SnapshotGroups,
    budgets: Sequence[Budget],
    least: np.ndarray,
    alpha: float,
    unit: str,
) -> np.ndarray:
    """Return the budget of each group: `alpha` times its least cost, where no other is given.

    Args:
        least: The least recreation cost of each group, float64 [G].

    Raises:
        NotFoundError, UsageError: a revision names nothing.
        BadInputError: a budget is below the least cost.
    """
    result = least * alpha
    for budget in budgets:
        numbers = _numbers(repo, found, budget.rev)
        if not numbers:
            raise BadInputError("a budget for a version without weights", where=budget.rev)
        for number in numbers:
            # Rounded sums must not fail a budget that was taken from what we print.
            if budget.cost < least[number] * (1 - 1e-6):
                raise BadInputError(
                    f"a budget of {show(budget.cost, unit)}",
                    expected=f"at least {show(float(least[number]), unit)}, what reading it costs "
                    "when everything is stored for that",
                    where=found.revs[number][0],
                    hint="give it a larger budget",
                )
            result[number] = max(budget.cost, least[number])
    return result


def _numbers(repo: Repo, found: SnapshotGroups, rev: str) -> list[int]:
    """Return the groups that a revision means: of one snapshot, or all of a version."""
    resolved = resolve(repo, rev)
    if "#" in rev and resolved.snapshot is not None:
        name = f"{format_rev(resolved.version)}#{resolved.snapshot.label}"
        return [number for number, revs in enumerate(found.revs) if name in revs]
    return [
        number for number, versions in enumerate(found.versions) if resolved.version.id in versions
    ]
