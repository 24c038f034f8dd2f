"""`modelhub desc`: describe a version."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelhub.cli.context import Context
from modelhub.cli.html_file import write_html
from modelhub.cli.output import Output
from modelhub.cli.view_describe import describe_document, describe_page
from modelhub.dlv.architecture import parse_sizes
from modelhub.dlv.describe import describe
from modelhub.dlv.state import Repo
from modelhub.errors import UsageError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("rev", metavar="REV", help="version, with #SNAPSHOT to choose one")
    parser.add_argument("--full", action="store_true", help="leave nothing out")
    parser.add_argument(
        "--size",
        metavar="NAME=N",
        action="append",
        default=[],
        help="count FLOPs with this number for a free size of the inputs, can be repeated",
    )
    parser.add_argument(
        "--planes",
        metavar="K",
        type=int,
        help="with --html: read the leading K bytes of each value for the pictures of weights",
    )
    parser.add_argument(
        "--structure", action="store_true", help="with --html: leave the pictures of weights out"
    )
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page of HTML instead")


def run(context: Context, values: argparse.Namespace) -> int:
    """Show the page of facts."""
    output = Output(context)
    sizes = parse_sizes(values.size)
    if values.html is None and (values.planes is not None or values.structure):
        raise UsageError("--planes or --structure", expected="--html with it")
    with Repo.open(context.start) as repo, output.progress("reading") as progress:
        result = describe(
            repo,
            values.rev,
            sizes=sizes,
            strips=values.html is not None and not values.structure,
            planes=values.planes,
            progress=progress,
        )
    unknown = set(sizes) - set(result.architecture.free)
    if unknown:
        raise UsageError(
            f"--size {min(unknown)}",
            expected="one of " + (", ".join(result.architecture.free) or "no free size at all"),
        )
    output.document(describe_document(result))
    if values.html is not None:
        write_html(values.html, describe_page(result, full=True, drawn=True))
        output.say(f"wrote {values.html}")
    else:
        output.page(describe_page(result, full=values.full))
    return 0
