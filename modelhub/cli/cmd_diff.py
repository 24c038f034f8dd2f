"""`modelhub diff`: compare versions: structure, then settings and metrics, then values."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelhub.cli.context import Context
from modelhub.cli.html_file import write_html
from modelhub.cli.output import Output
from modelhub.cli.view_diff import diff_document, diff_page
from modelhub.dlv.architecture import parse_sizes
from modelhub.dlv.diff import diff
from modelhub.dlv.state import Repo
from modelhub.errors import UsageError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "revs", metavar="REV", nargs="+", help="two or more; each is compared with the first"
    )
    parser.add_argument("--tensors", metavar="PATTERN", help="only tensors whose name fits")
    parser.add_argument(
        "--structure", action="store_true", help="do not read values, only say what differs"
    )
    parser.add_argument(
        "--planes",
        metavar="K",
        type=int,
        help="read only the leading K bytes of each value that differs",
    )
    parser.add_argument(
        "--size",
        metavar="NAME=N",
        action="append",
        default=[],
        help="count FLOPs with this number for a free size of the inputs, can be repeated",
    )
    parser.add_argument("--full", action="store_true", help="show every tensor that differs")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page of HTML instead")


def run(context: Context, values: argparse.Namespace) -> int:
    """Show the differences."""
    output = Output(context)
    if values.structure and values.planes is not None:
        raise UsageError("--structure and --planes", expected="one of them")
    with Repo.open(context.start) as repo, output.progress("comparing") as progress:
        result = diff(
            repo,
            values.revs,
            tensors=values.tensors,
            values=not values.structure,
            planes=values.planes,
            strips=values.html is not None,
            sizes=parse_sizes(values.size),
            progress=progress,
        )
    output.document(diff_document(result))
    if values.html is not None:
        write_html(values.html, diff_page(result, full=True, drawn=True))
        output.say(f"wrote {values.html}")
    else:
        output.page(diff_page(result, full=values.full))
    return 0
