"""`modelhub rm`: remove versions."""

from __future__ import annotations

import argparse

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.dlv.remove import remove
from modelhub.dlv.state import Repo

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("revs", metavar="REV", nargs="+", help="version to remove")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")


def run(context: Context, values: argparse.Namespace) -> int:
    """Remove the versions; `gc` frees their room."""
    output = Output(context)
    with Repo.open(context.start) as repo:
        result = remove(repo, values.revs, dry_run=values.dry_run)
    output.document(
        {"removed": result.removed, "children": result.children, "dry_run": values.dry_run}
    )
    done = "would remove" if values.dry_run else "removed"
    output.say(f"{done} {', '.join(result.removed)}")
    if result.children:
        output.say(f"  children stay: {', '.join(result.children)}", "dim")
    if not values.dry_run:
        output.say("  `modelhub gc` frees what no other version needs", "dim")
    return 0
