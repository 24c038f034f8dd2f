"""`modelhub du`: show what versions, tensors or packs take on disk."""

from __future__ import annotations

import argparse
from typing import Any

from modelhub.cli import view_usage
from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.dlv.inventory import Inventory, take_inventory
from modelhub.dlv.listing import matching
from modelhub.dlv.state import Repo
from modelhub.dlv.usage import Usage, pack_usage, usage_of
from modelhub.dlv.usage_tensors import tensor_usage
from modelhub.errors import UsageError
from modelhub.report.page import Grid

__all__ = ["configure", "run"]

# What a person reads; with --json there is no bound.
_ROWS_MAX = 40


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "pattern",
        metavar="PATTERN",
        nargs="?",
        help="glob on NAME or NAME@VERSION; with --by tensor, on the tensor's name",
    )
    parser.add_argument(
        "--by",
        choices=("version", "tensor", "pack"),
        default="version",
        help="what a row stands for; without it, a version",
    )
    parser.add_argument(
        "--limit",
        metavar="N",
        type=int,
        help="only the N largest: versions by unique bytes, tensors by stored bytes, packs by "
        f"size; without it all versions, {_ROWS_MAX} tensors or packs, and with --json all",
    )


def run(context: Context, values: argparse.Namespace) -> int:
    """Show the bytes."""
    if values.limit is not None and values.limit < 1:
        raise UsageError(f"limit {values.limit}", expected="1 or more")
    if values.by == "pack" and values.pattern is not None:
        raise UsageError("a pattern with --by pack", expected="none: packs hold many versions")
    output = Output(context)
    limit = values.limit
    if limit is None and values.by != "version" and not context.json:
        limit = _ROWS_MAX
    with Repo.open(context.start) as repo:
        stock = take_inventory(repo)
        total = usage_of(stock)
        if values.by == "version":
            document, grid = _versions(total, _fitting(repo, values.pattern), limit)
        elif values.by == "tensor":
            document, grid = _tensors(stock, values.pattern, limit)
        else:
            document, grid = _packs(stock, limit)
    output.document({**view_usage.usage_document(total), **document})
    if grid.rows:
        output.block(grid)
        output.line("")
    elif values.pattern is not None:
        output.say(f"no {values.by} fits {values.pattern!r}")
    output.block(view_usage.total_facts(total))
    return 0


_Shown = tuple[dict[str, Any], Grid]


def _fitting(repo: Repo, pattern: str | None) -> set[bytes]:
    with repo.catalog.read() as txn:
        return {version.id for version in matching(txn, pattern)}


def _versions(total: Usage, fitting: set[bytes], limit: int | None) -> _Shown:
    rows = [row for row in total.versions if row.id in fitting]
    count = len(rows)
    if limit is not None:
        rows = sorted(rows, key=lambda row: (-row.unique_bytes, row.name, row.version))[:limit]
    document = {"versions": view_usage.versions_document(rows)}
    return document, view_usage.versions_grid(rows, count)


def _tensors(stock: Inventory, pattern: str | None, limit: int | None) -> _Shown:
    rows, count = tensor_usage(stock, pattern, limit)
    document = {"tensors": view_usage.tensors_document(rows), "tensor_count": count}
    return document, view_usage.tensors_grid(rows, count)


def _packs(stock: Inventory, limit: int | None) -> _Shown:
    rows = pack_usage(stock)
    document = {"packs": view_usage.packs_document(rows[:limit])}
    return document, view_usage.packs_grid(rows[:limit], len(rows))
