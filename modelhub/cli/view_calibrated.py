"""Show what `archive --calibrate` found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelhub.dlv.archive_calibrate import Calibrated
from modelhub.dlv.ladders import calibration_in
from modelhub.report import human
from modelhub.report.page import Column, Grid

__all__ = ["calibrated_document", "calibrated_grid", "calibration_text"]


def calibrated_document(found: Sequence[Calibrated]) -> dict[str, Any]:
    """Return the results for JSON."""
    return {
        "calibrated": [
            {
                "rev": one.rev,
                "kept": one.measured is not None and not one.why,
                "why": one.why or None,
                **_numbers(one),
            }
            for one in found
        ]
    }


def _numbers(one: Calibrated) -> dict[str, Any]:
    if one.measured is None:
        return {}
    measured, calibration = one.measured, one.measured.calibration
    return {
        **calibration.to_json(),
        "bytes_full": measured.bytes_full,
        "bytes_read": measured.bytes_read,
        "seconds": measured.seconds,
    }


def calibration_text(value: object) -> str:
    """Return what an annotation is of, in a line; empty if it is no calibration that is known."""
    found = calibration_in(value)
    if found is None:
        return ""
    examples = human.plural(found.n, "example")
    rungs = human.plural(len(found.rungs), "rung")
    return f"calibrated #{found.snapshot} by {examples} of {found.data}: {rungs}"


def calibrated_grid(found: Sequence[Calibrated]) -> Grid:
    """Return the results as a table: what most and nearly all examples need."""
    columns = (
        Column("version", strong=True),
        Column("examples", right=True),
        Column("rungs", right=True),
        Column("of all bytes, by share of examples", flexible=True),
        Column("estimate", right=True, priority=1),
        Column("took", right=True, priority=2),
        Column("", priority=3),
    )
    rows = []
    for one in found:
        if one.measured is None:
            rows.append((one.rev, "-", "-", one.why, "-", "-", "not calibrated"))
            continue
        measured, calibration = one.measured, one.measured.calibration
        full = measured.bytes_full or 1
        needs = ", ".join(
            f"{human.share(rung.nbytes / full)} for {human.share(rung.share)}"
            for rung in calibration.rungs
        )
        rows.append(
            (
                one.rev,
                str(calibration.n),
                str(len(calibration.rungs)),
                needs or "no prefix decides any",
                human.share(calibration.estimate.nbytes / full),
                human.duration(measured.seconds),
                f"not kept: {one.why}" if one.why else "",
            )
        )
    return Grid(columns, rows)
