"""`modelhub copy`: start a new model from a version."""

from __future__ import annotations

import argparse

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.cli.view_commit import commit_document, say_commit
from modelhub.cli.view_lossy import lossy_document, lossy_text
from modelhub.dlv.copy import copy
from modelhub.dlv.state import Repo

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("rev", metavar="REV", help="version to start from")
    parser.add_argument("name", metavar="NEWNAME", help="name of the new model")
    parser.add_argument(
        "--scheme",
        metavar="SCHEME",
        help="change float tensors, with loss: bf16, fp16, fixed:BITS (2 to 24), quantize:BITS or "
        "random:BITS (1 to 16); the copy is labelled",
    )
    parser.add_argument("-m", "--message", metavar="TEXT", default="", help="what it is for")


def run(context: Context, values: argparse.Namespace) -> int:
    """Make the copy; without a scheme its weights are stored already."""
    output = Output(context)
    with Repo.open(context.start) as repo, output.progress("copying") as progress:
        result = copy(
            repo,
            values.rev,
            values.name,
            message=values.message,
            scheme=values.scheme,
            progress=progress,
        )
    output.document({**commit_document(result), "lossy": lossy_document(result.lossy)})
    say_commit(output, result, "copied to")
    if result.lossy is not None:
        output.say(f"  lossy: {lossy_text(result.lossy)}", "yellow")
    return 0
