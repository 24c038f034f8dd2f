"""`modelhub copy`: start a new model from a version."""

from __future__ import annotations

import argparse

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.cli.view_commit import commit_document, say_commit
from modelhub.dlv.copy import copy
from modelhub.dlv.state import Repo

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("rev", metavar="REV", help="version to start from")
    parser.add_argument("name", metavar="NEWNAME", help="name of the new model")
    parser.add_argument("-m", "--message", metavar="TEXT", default="", help="what it is for")


def run(context: Context, values: argparse.Namespace) -> int:
    """Make the copy; its weights are stored already."""
    output = Output(context)
    with Repo.open(context.start) as repo:
        result = copy(repo, values.rev, values.name, message=values.message)
    output.document(commit_document(result))
    say_commit(output, result, "copied to")
    return 0
