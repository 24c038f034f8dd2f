"""`modelhub add`: stage files for the next commit."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.cli.view_stage import staged_document, staged_grid
from modelhub.dlv import stage
from modelhub.dlv.state import Repo
from modelhub.report import human

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("paths", metavar="PATH", nargs="+", help="file or model folder")
    parser.add_argument(
        "--as-file", action="store_true", help="keep weights files as plain files, unread"
    )
    parser.add_argument("--remove", action="store_true", help="take the paths off the stage")


def run(context: Context, values: argparse.Namespace) -> int:
    """Stage the paths, or take them off."""
    output = Output(context)
    with Repo.open(context.start) as repo:
        if values.remove:
            # A path counts as what it is called in the version, or as where it lies.
            paths = [*values.paths, *(str(Path(path).absolute()) for path in values.paths)]
            result = stage.unstage(repo, paths)
        else:
            result = stage.add(repo, [Path(path) for path in values.paths], as_file=values.as_file)
    output.document(
        {
            "staged": [staged_document(item) for item in result.staged],
            "removed" if values.remove else "added": [item.path for item in result.added],
        }
    )
    if context.quiet:
        return 0
    if result.added:
        output.block(staged_grid([(item, "") for item in result.added]))
    size = human.size(sum(item.size for item in result.staged))
    done = "unstaged" if values.remove else "staged"
    here = f"{human.plural(len(result.added), 'file')} {done}"
    there = f"the stage has {human.plural(len(result.staged), 'file')}, {size}"
    output.say(f"{here}; {there}", "dim")
    return 0
