"""Say what an archive run did, or in a dry run would do."""

from __future__ import annotations

from dataclasses import dataclass

from modelhub.dlv.archive_explain import Explanation

__all__ = ["ArchiveResult", "SnapshotCost"]


@dataclass(frozen=True, slots=True)
class SnapshotCost:
    """What reading a snapshot costs: before, from now on (or by the plan), at most, at least."""

    rev: str
    before: float
    recreation_cost: float
    budget: float
    least: float


@dataclass(frozen=True, slots=True)
class ArchiveResult:
    """What was (or in a dry run: would be) done.

    Args:
        unit: Of recreation costs: "bytes" (read from packs) or "ms". Storage costs are bytes.
        storage_before: Bytes of all objects that snapshots read, as they were stored.
        storage_cost: The same as they are stored now, or by the plan.
        mst_cost: What storing as little as possible takes, whatever reading costs.
        spt_cost: What storing everything for the cheapest reading takes.
        lower_bound: No plan that keeps the budgets stores less.
        gap: How far `storage_cost` is above that, a share.
        moved: Tensors stored anew.
        estimate_error: How far estimates of moved tensors were off, as a share of their bytes.
        feasible: Whether every budget is kept.
    """

    solver: str
    scheme: str
    alpha: float
    unit: str
    storage_before: int
    storage_cost: int
    mst_cost: float
    spt_cost: float
    lower_bound: float
    gap: float
    snapshots: tuple[SnapshotCost, ...]
    tensors: int
    moved: int
    fallen_back: int
    written_bytes: int
    estimate_error: float
    feasible: bool
    dry_run: bool
    rounds: int
    plan_seconds: float
    seconds: float
    explanation: Explanation | None = None
