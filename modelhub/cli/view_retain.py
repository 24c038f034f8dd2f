"""Show what a retention policy keeps and removes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from modelhub.dlv.retain import Judged, RetainResult
from modelhub.dlv.retention import Policy
from modelhub.report import human
from modelhub.report.page import Column, Grid

__all__ = ["retain_document", "retain_grid", "retain_text"]

# How many children the text names; JSON has all of them.
_NAMED_MAX = 10


def retain_document(policy: Policy, result: RetainResult) -> dict[str, Any]:
    """Return the result for JSON; `rule` is the first of the `rules` that keep a version."""
    return {
        "policy": policy.text,
        "removed": [version.rev for version in result.removed],
        "kept": [
            {
                "rev": version.rev,
                "rule": version.reasons[0].rule,
                "rules": [reason.rule for reason in version.reasons],
                "why": [reason.text for reason in version.reasons],
            }
            for version in result.kept
        ],
        "children": result.children,
        "freed_bytes": result.freed_bytes,
        "dry_run": result.dry_run,
    }


def retain_grid(result: RetainResult) -> Grid:
    """Return a table of all versions that were judged; those that stay are dim."""
    columns = (
        Column("version", strong=True),
        Column("age", right=True, priority=2),
        Column("size", right=True, priority=1),
        Column(""),
        Column("because", flexible=True),
    )
    now = time.time_ns()
    gone = "would go" if result.dry_run else "gone"
    rows = [
        (
            version.rev,
            human.age(version.created_ns, now),
            human.size(version.logical_bytes),
            "stays" if version.reasons else gone,
            _because(version),
        )
        for version in result.versions
    ]
    dim = frozenset(index for index, version in enumerate(result.versions) if version.reasons)
    return Grid(columns, rows, dim=dim)


def _because(version: Judged) -> str:
    if version.reasons:
        return ", ".join(reason.text for reason in version.reasons)
    # That a tag goes too must not come as a surprise.
    tagged = f", tagged {', '.join(version.tags)}" if version.tags else ""
    return f"no rule keeps it{tagged}"


def _named(revs: Sequence[str]) -> str:
    more = len(revs) - _NAMED_MAX
    return ", ".join(revs[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def retain_text(result: RetainResult) -> list[str]:
    """Return what is to say below the table."""
    count, total = len(result.removed), len(result.versions)
    freed = human.size(result.freed_bytes)
    if not total:
        return ["no versions yet"]
    if not count:
        return [f"nothing to remove: the policy keeps {human.plural(total, 'version')}"]
    done = "would remove" if result.dry_run else "removed"
    lines = [f"{done} {count} of {human.plural(total, 'version')}"]
    if result.children:
        lines.append(f"  children stay: {_named(result.children)}")
    if result.dry_run:
        lines.append(f"  `modelhub gc` would then free {freed}")
        lines.append("  nothing was removed; to do it, add --yes")
    else:
        lines.append(f"  `modelhub gc` frees {freed}")
    return lines
