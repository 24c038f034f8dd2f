"""`modelhub archive`: store versions in less room, within budgets for reading."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelhub.archival import SOLVERS
from modelhub.cli.context import Context
from modelhub.cli.html_file import write_html
from modelhub.cli.output import Output
from modelhub.cli.view_archive import archive_document, archive_page, say_archive
from modelhub.dlv.archive import ALPHA_DEFAULT, SCHEMES, archive
from modelhub.dlv.state import Repo
from modelhub.report.page import Diagram

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--alpha",
        metavar="A",
        type=float,
        default=ALPHA_DEFAULT,
        help="let reading a snapshot cost A times what it costs at least (default %(default)g)",
    )
    parser.add_argument(
        "--budget",
        metavar="REV=COST",
        action="append",
        default=[],
        help="what reading a snapshot, or each one of a version, may cost instead: bytes read from "
        "packs (60MB, 1.5GiB) or time (200ms, by rates measured here); can be repeated",
    )
    parser.add_argument(
        "--scheme",
        choices=SCHEMES,
        default=SCHEMES[0],
        help="add up the tensors of a snapshot, or take the largest, as if all were read at once",
    )
    parser.add_argument(
        "--solver",
        choices=SOLVERS,
        default=SOLVERS[0],
        help="how to plan (default %(default)s); mst stores as little as possible whatever reading "
        "costs, spt makes reading cheapest",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        "--explain", action="store_true", help="show every snapshot, and why tensors got their base"
    )
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="draw the versions with the plan on them"
    )


def run(context: Context, values: argparse.Namespace) -> int:
    """Plan, and store what the plan stores in another way."""
    output = Output(context)
    explained = values.explain or values.html is not None
    with (
        Repo.open(context.start) as repo,
        output.progress("measuring") as measuring,
        output.progress("repacking") as repacking,
    ):
        result = archive(
            repo,
            alpha=values.alpha,
            budgets=values.budget,
            scheme=values.scheme,
            solver=values.solver,
            dry_run=values.dry_run,
            explained=explained,
            measuring=measuring,
            repacking=repacking,
            on_wait=output.wait,
        )
    output.document(archive_document(result))
    say_archive(output, result)
    if values.html is not None:
        write_html(values.html, archive_page(result))
        output.say(f"wrote {values.html}")
    if values.explain:
        for block in archive_page(result).blocks:
            if not isinstance(block, Diagram):
                output.line("")
                output.block(block)
    # What knows no budgets breaks none.
    return 0 if result.feasible or result.solver in ("mst", "last") else 1
