"""`modelhub du`: show what versions take on disk."""

from __future__ import annotations

import argparse

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.dlv.state import Repo
from modelhub.dlv.usage import Usage, usage
from modelhub.report import human
from modelhub.report.page import Column, Facts, Grid

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare no arguments of its own."""
    parser.set_defaults()


def run(context: Context, values: argparse.Namespace) -> int:
    """Show the bytes."""
    del values
    output = Output(context)
    with Repo.open(context.start) as repo:
        result = usage(repo)
    output.document(_document(result))
    if result.versions:
        output.block(_grid(result))
        output.line("")
    output.block(_total(result))
    return 0


def _document(result: Usage) -> dict[str, object]:
    return {
        "logical_bytes": result.logical_bytes,
        "stored_bytes": result.stored_bytes,
        "catalog_bytes": result.catalog_bytes,
        "unneeded_bytes": result.unneeded_bytes,
        "packs": result.packs,
        "objects": result.objects,
        "versions": [
            {
                "name": version.name,
                "version": version.version,
                "rev": version.rev,
                "id": version.id,
                "logical_bytes": version.logical_bytes,
                "held_bytes": version.held_bytes,
                "unique_bytes": version.unique_bytes,
                "shared_bytes": version.shared_bytes,
            }
            for version in result.versions
        ],
    }


def _grid(result: Usage) -> Grid:
    columns = (
        Column("version", strong=True),
        Column("logical", right=True),
        Column("held", right=True),
        Column("unique", right=True),
        Column("shared", right=True),
    )
    rows = [
        (
            version.rev,
            human.size(version.logical_bytes),
            human.size(version.held_bytes),
            human.size(version.unique_bytes),
            human.size(version.shared_bytes),
        )
        for version in result.versions
    ]
    return Grid(columns, rows)


def _total(result: Usage) -> Facts:
    stored = f"{human.size(result.stored_bytes)} in {human.plural(result.packs, 'pack')}"
    if result.logical_bytes:
        stored += f", {human.saved(result.logical_bytes, result.stored_bytes)}"
    unneeded = human.size(result.unneeded_bytes) + ", freed by `modelhub gc`"
    return Facts(
        (
            ("logical", human.size(result.logical_bytes)),
            ("stored", stored),
            ("catalog", human.size(result.catalog_bytes)),
            ("not needed", unneeded if result.unneeded_bytes else ""),
        )
    )
