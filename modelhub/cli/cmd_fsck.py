"""`modelhub fsck`: check every stored byte."""

from __future__ import annotations

import argparse

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.dlv.fsck import fsck
from modelhub.dlv.state import Repo
from modelhub.report import human
from modelhub.report.page import Column, Grid

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--repair", action="store_true", help="rebuild from packs what can be rebuilt"
    )


def run(context: Context, values: argparse.Namespace) -> int:
    """Check, and say no with status 1 where a problem is left."""
    output = Output(context)
    # Not opened as a repository first: a catalog that cannot be opened is a finding too.
    root = Repo.find(context.start).root
    with output.progress("checking") as progress:
        result = fsck(root, repair=values.repair, progress=progress)
    problems = [{"kind": p.kind, "where": p.where, "detail": p.detail} for p in result.problems]
    output.document({"ok": result.ok, "problems": problems, "repaired": result.repaired})
    columns = (
        Column("problem", strong=True),
        Column("where"),
        Column("detail", flexible=True),
    )
    if problems:
        output.block(Grid(columns, [(p.kind, p.where, p.detail) for p in result.problems]))
    for text in result.repaired:
        output.say(f"repaired: {text}")
    if result.ok:
        output.say("ok: every stored byte is what it was")
    else:
        output.say(f"{human.plural(len(problems), 'problem')} found", "red")
        if not values.repair:
            output.say("`modelhub fsck --repair` rebuilds what can be rebuilt", "dim")
    return 0 if result.ok else 1
