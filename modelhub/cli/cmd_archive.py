"""`modelhub archive`: store versions in less room, within budgets for reading."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from modelhub.archival import SOLVERS
from modelhub.cli.context import Context
from modelhub.cli.data_options import configure_data, data_options
from modelhub.cli.html_file import write_html
from modelhub.cli.output import Output
from modelhub.cli.view_archive import archive_document, archive_page, say_archive
from modelhub.cli.view_calibrated import calibrated_document, calibrated_grid
from modelhub.cli.view_layout import layout_document, say_layout
from modelhub.dlv.archive import ALPHA_DEFAULT, SCHEMES, archive
from modelhub.dlv.archive_calibrate import calibrate_versions
from modelhub.dlv.archive_layout import LAYOUTS, store_as
from modelhub.dlv.evaluate_options import EvalOptions
from modelhub.dlv.state import Repo
from modelhub.errors import UsageError
from modelhub.report.page import Diagram

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "revs",
        metavar="REV",
        nargs="*",
        help="with --layout or --calibrate: the versions or snapshots that are meant; all without "
        "any",
    )
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        help="plan nothing; store tensors alone, so that few bits of all values can be read first "
        "(progressive), or as they were (ordinary); docs/guide/archive.md",
    )
    parser.add_argument(
        "--calibrate",
        metavar="DATA",
        type=Path,
        help="plan nothing; find by up to 256 examples what `eval --progressive` and --estimate "
        "should read first, and keep it with the version; after --layout, if both are given",
    )
    configure_data(parser)
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
    if values.calibrate is None and data_options(values) != EvalOptions():
        raise UsageError("options about data without --calibrate", expected="--calibrate DATA")
    if values.layout is not None or values.calibrate is not None:
        return _prepare(output, context, values)
    if values.revs:
        raise UsageError(
            "REV without --layout or --calibrate", expected="none: all versions are planned for"
        )
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


def _prepare(output: Output, context: Context, values: argparse.Namespace) -> int:
    """Store tensors in another layout, calibrate, or do both."""
    planned = (values.budget, values.explain, values.html, values.alpha != ALPHA_DEFAULT)
    option = "--calibrate" if values.layout is None else "--layout"
    if any(planned) or (values.scheme, values.solver) != (SCHEMES[0], SOLVERS[0]):
        raise UsageError(f"{option} with an option of plans", expected=f"{option} with REV alone")
    if values.dry_run and values.calibrate is not None:
        raise UsageError("--calibrate with --dry-run", expected="one of them")
    document: dict[str, Any] = {}
    with Repo.open(context.start) as repo:
        if values.layout is not None:
            with output.progress("storing") as progress:
                result = store_as(
                    repo,
                    values.layout,
                    values.revs,
                    dry_run=values.dry_run,
                    progress=progress,
                    on_wait=output.wait,
                )
            say_layout(output, result)
            document |= layout_document(result)
        if values.calibrate is not None:
            found = calibrate_versions(
                repo, values.calibrate, values.revs, data_options(values), on_wait=output.wait
            )
            output.block(calibrated_grid(found))
            document |= calibrated_document(found)
    output.document(document)
    return 0
