"""`modelhub tag`: name a version, or take the name away."""

from __future__ import annotations

import argparse

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.dlv.state import Repo
from modelhub.dlv.tag import tag, untag

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("rev", metavar="REV", help="version; with --delete, the model's name")
    parser.add_argument("tag", metavar="TAG", help="neither digits only nor an id")
    parser.add_argument("--force", action="store_true", help="move a tag that is taken")
    parser.add_argument("--delete", action="store_true", help="take the tag away")


def run(context: Context, values: argparse.Namespace) -> int:
    """Set or delete the tag."""
    output = Output(context)
    with Repo.open(context.start) as repo:
        if values.delete:
            result = untag(repo, values.rev.partition("@")[0], values.tag)
        else:
            result = tag(repo, values.rev, values.tag, force=values.force)
    output.document({"name": result.name, "tag": result.tag, "rev": result.rev, "id": result.id})
    what = "no longer names" if values.delete else "names"
    output.say(f"{result.name}@{result.tag} {what} {result.rev}")
    return 0
