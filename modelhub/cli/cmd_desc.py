"""`modelhub desc`: describe a version."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelhub.cli.context import Context
from modelhub.cli.html_file import write_html
from modelhub.cli.output import Output
from modelhub.cli.view_describe import describe_document, describe_page
from modelhub.dlv.describe import describe
from modelhub.dlv.state import Repo

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("rev", metavar="REV", help="version, with #SNAPSHOT to choose one")
    parser.add_argument("--full", action="store_true", help="leave nothing out")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page of HTML instead")


def run(context: Context, values: argparse.Namespace) -> int:
    """Show the page of facts."""
    output = Output(context)
    with Repo.open(context.start) as repo:
        result = describe(repo, values.rev)
    output.document(describe_document(result))
    if values.html is not None:
        write_html(values.html, describe_page(result, full=True))
        output.say(f"wrote {values.html}")
    else:
        output.page(describe_page(result, full=values.full))
    return 0
