"""`modelhub log`: show the history of a version."""

from __future__ import annotations

import argparse
import time

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.cli.view_lossy import lossy_text
from modelhub.cli.view_version import metric_text, sizes_text, version_document
from modelhub.dlv.history import history
from modelhub.dlv.listing import Listed
from modelhub.dlv.state import Repo
from modelhub.errors import UsageError
from modelhub.report import human

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("rev", metavar="REV", help="version to begin with")
    parser.add_argument("-n", "--limit", metavar="N", type=int, help="show at most N versions")


def run(context: Context, values: argparse.Namespace) -> int:
    """Show the version and its ancestors, newest first."""
    if values.limit is not None and values.limit < 1:
        raise UsageError(f"limit {values.limit}", expected="1 or more")
    output = Output(context)
    with Repo.open(context.start) as repo:
        found = history(repo, values.rev, values.limit)
    output.document(
        {
            "versions": [version_document(version) for version in found.entries],
            "removed": found.removed,
            "more": found.more,
        }
    )
    now = time.time_ns()
    for index, version in enumerate(found.entries):
        if context.quiet:
            output.line(version.rev)
            continue
        if index:
            output.line("")
        _say_version(output, version, now)
    if found.removed:
        removed = ", ".join(version_id.hex()[:12] for version_id in found.removed)
        output.say("")
        output.say(f"ancestors since removed: {removed}", "dim")
    return 0


def _say_version(output: Output, version: Listed, now_ns: int) -> None:
    tags = f"  [{', '.join(version.tags)}]" if version.tags else ""
    output.line(f"{version.rev}  {version.id.hex()[:16]}{tags}", "bold cyan")
    when = f"{human.date(version.created_ns)}, {human.age(version.created_ns, now_ns)}"
    output.line(f"  {when}  {version.author}", "dim")
    if version.parents:
        output.line(f"  from {', '.join(parent.text for parent in version.parents)}", "dim")
    parts = [sizes_text(version), metric_text(version)]
    if len(version.snapshots) > 1:
        parts.insert(0, f"{len(version.snapshots)} snapshots")
    output.line(f"  {', '.join(part for part in parts if part)}", "dim")
    if version.lossy is not None:
        output.line(f"  lossy: {lossy_text(version.lossy)}", "yellow")
    for line in version.message.splitlines():
        output.line(f"    {line}")
