"""`modelhub list`: list versions, or draw their lineage."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from modelhub.cli.context import Context
from modelhub.cli.output import Output
from modelhub.cli.view_version import metric_text, version_document
from modelhub.dlv.listing import Forest, Listed, forest, listing
from modelhub.dlv.state import Repo
from modelhub.report import human, lineage
from modelhub.report.page import Column, Grid
from modelhub.report.text import Glyphs, one_line

__all__ = ["configure", "run"]

# A narrow terminal loses the column with the highest number first.
_FACTS = (
    Column("id", priority=6),
    Column("age", right=True, priority=2),
    Column("parents", flexible=True, priority=5),
    Column("snaps", right=True, priority=7),
    Column("tensors", right=True, priority=8),
    Column("params", right=True, priority=3),
    Column("size", right=True),
    Column("stored", right=True),
    Column("metric", priority=1),
    # Never left out: who reads a list must not take a lossy version for an exact one.
    Column("lossy"),
    Column("tags", flexible=True),
    Column("message", flexible=True, priority=4),
)
_PARENTS = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "pattern", metavar="PATTERN", nargs="?", help="glob on NAME, or on NAME@VERSION"
    )
    parser.add_argument(
        "--lineage", action="store_true", help="draw what was made from what, with all relatives"
    )


def run(context: Context, values: argparse.Namespace) -> int:
    """List the versions."""
    output = Output(context)
    with Repo.open(context.start) as repo:
        if values.lineage:
            found = forest(repo, values.pattern)
            versions: Sequence[Listed] = [
                found.versions[v] for v in found.versions if v in found.matched
            ]
        else:
            found = None
            versions = listing(repo, values.pattern)
    versions = sorted(versions, key=lambda version: (version.name, version.version))
    output.document({"versions": [version_document(version) for version in versions]})
    if context.quiet:
        for version in versions:
            output.line(version.rev)
    elif not versions:
        what = f"no version fits {values.pattern!r}" if values.pattern else "no versions yet"
        output.say(what)
    elif found is not None:
        output.block(_lineage_grid(found, output.glyphs))
    else:
        now = time.time_ns()
        rows = [(version.rev, *_facts(version, now)) for version in versions]
        output.block(Grid((Column("version", strong=True), *_FACTS), rows))
    return 0


def _facts(version: Listed, now_ns: int) -> tuple[str, ...]:
    weights = bool(version.snapshots)
    return (
        version.id.hex()[:10],
        human.age(version.created_ns, now_ns),
        ", ".join(parent.text for parent in version.parents),
        str(len(version.snapshots)) if weights else "",
        str(version.tensors) if weights else "",
        human.count(version.values) if weights else "",
        human.size(version.logical_bytes),
        human.size(version.stored_bytes),
        metric_text(version),
        "" if version.lossy is None else version.lossy.scheme,
        ", ".join(version.tags),
        one_line(version.message),
    )


def _lineage_grid(found: Forest, glyphs: Glyphs) -> Grid:
    versions, now = found.versions, time.time_ns()

    def continues(parent: bytes, child: bytes) -> bool:
        return versions[parent].name == versions[child].name

    rows: list[tuple[str, ...]] = []
    dim = set()
    lines = lineage.draw(found.roots, found.children, continues, glyphs)
    for line in lines:
        if line.node is None:
            rows.append(("",) * (1 + len(_FACTS)))
            continue
        version = versions[line.node]
        facts = list(_facts(version, now))
        # The drawing shows the first parent; the others need words.
        facts[_PARENTS] = ", ".join(f"+ {parent.text}" for parent in version.parents[1:])
        if version.id not in found.matched:
            dim.add(len(rows))
        rows.append((line.prefix + version.rev, *facts))
    return Grid((Column("version", strong=True), *_FACTS), rows, dim=frozenset(dim))
