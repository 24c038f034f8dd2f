"""`modelhub status`: show what is staged."""

from __future__ import annotations

import argparse

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.cli.view_stage import staged_document, staged_grid
from modelhub.dlv.state import Repo
from modelhub.dlv.status import status
from modelhub.report import human

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare no arguments of its own."""
    parser.set_defaults()


def run(context: Context, values: argparse.Namespace) -> int:
    """Show the stage."""
    del values
    output = Output(context)
    with Repo.open(context.start) as repo:
        result = status(repo)
    staged = [{**staged_document(item), "state": state} for item, state in result.staged]
    output.document({"root": result.root, "versions": result.versions, "staged": staged})
    versions = human.plural(result.versions, "version")
    output.say(f"repository {result.root}, {versions}", "dim")
    if not staged:
        output.say("nothing staged: add files with `modelhub add PATH`")
        return 0
    output.block(staged_grid(result.staged))
    bad = [item.path for item, state in result.staged if state != "ok"]
    if bad:
        output.say(f"{human.plural(len(bad), 'file')} not as added: add again, or", "yellow")
        output.say(f"take off the stage with `modelhub add --remove {bad[0]}`", "yellow")
    else:
        size = human.size(sum(item.size for item, _ in result.staged))
        files = human.plural(len(staged), "file")
        output.say(f"{files} staged, {size}: commit with `modelhub commit NAME`", "dim")
    return 0
