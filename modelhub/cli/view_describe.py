"""Lay out the description of a version as a page, or as JSON."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from modelhub.catalog.records import AnnotationRecord
from modelhub.cli.draw_network import draw_one, too_large_to_draw
from modelhub.cli.view_calibrated import calibration_text
from modelhub.cli.view_eval import evaluated_document, evaluated_grid
from modelhub.cli.view_lossy import loss_facts, loss_grid, lossy_facts_document
from modelhub.cli.view_network import (
    network_document,
    network_facts,
    network_grid,
    nodes_folded,
)
from modelhub.cli.view_strips import heat_strips
from modelhub.cli.view_version import version_document
from modelhub.dlv.describe import Description
from modelhub.dlv.evaluations import EVAL, evaluations_of
from modelhub.dlv.ladders import LADDER
from modelhub.dlv.lossy import is_reserved
from modelhub.net.summary import Line
from modelhub.report import human
from modelhub.report.page import (
    Block,
    Chart,
    Charts,
    Column,
    Curve,
    Facts,
    Grid,
    Lines,
    Page,
    Plot,
    Plots,
)
from modelhub.report.text import natural_key, one_line

__all__ = ["SERIES_TITLES", "describe_document", "describe_page", "series_facts"]

Scalar = str | int | float | bool

# Rows of each part that a page shows unless all is asked for: several parts fit on one screen.
_NETWORK_LINES = 24
_ROWS = 12

_SHORT_ID = 16

SERIES_TITLES = ("last", "min", "max", "points")


def describe_document(found: Description) -> dict[str, Any]:
    """Return the description for JSON."""
    return {
        **version_document(found.version),
        "lossy": lossy_facts_document(found.lossy),
        "children": found.children,
        "snapshot": found.snapshot,
        "snapshot_details": [
            {
                "label": s.label,
                "id": s.id,
                "logical_bytes": s.logical_bytes,
                "chosen": s.chosen,
                "same_as": s.same_as or None,
            }
            for s in found.snapshots
        ],
        "network": {
            "id": found.network_id or None,
            **network_document(found.architecture),
            "modules": [
                {
                    "depth": line.depth,
                    "name": line.name,
                    "repeat": line.repeat,
                    "tensors": line.tensors,
                    "parameters": line.values,
                    "dtype": line.dtype or None,
                    "shape": line.shape,
                }
                for line in found.network
            ],
        },
        "dtypes": [
            {"dtype": d.dtype, "tensors": d.tensors, "parameters": d.values, "bytes": d.nbytes}
            for d in found.dtypes
        ],
        "tied": found.tied,
        "held_bytes": found.held_bytes,
        "files": [
            {"path": f.path, "size": f.size, "sha256": f.sha256, "associated": f.associated}
            for f in found.files
        ],
        "metadata": found.metadata,
        "series": found.series,
        "evaluations": [evaluated_document(one) for one in evaluations_of(found.annotations)],
        "annotations": [
            {"key": a.key, "value": a.value, "created": human.iso(a.created_ns)}
            for a in found.annotations
        ],
    }


def describe_page(found: Description, *, full: bool, drawn: bool = False) -> Page:
    """Return the page; unless `full`, long parts are cut with a note.

    Args:
        drawn: The page is for HTML: with the drawing of the network, plots and strips.
    """
    version = found.version
    blocks: list[Block] = [
        _facts(found),
        Lines(version.message.splitlines() if "\n" in version.message else (), "message"),
        *_lossy(found, full),
        _snapshots(found, full),
        *_architecture(found, full, drawn),
        _tied(found.tied, full),
        _metadata(found.metadata, full),
        _series(found.series),
        evaluated_grid(evaluations_of(found.annotations), None if full else _ROWS),
        *_plots(found, drawn),
        *_strips(found, drawn),
        _files(found, full),
        _annotations(found, full),
    ]
    return Page(version.rev, blocks, subtitle=version.id.hex())


def _facts(found: Description) -> Facts:
    version = found.version
    created = human.date(version.created_ns)
    message = "" if "\n" in version.message else one_line(version.message)
    weights = ""
    if found.snapshot:
        dtypes = ", ".join(
            f"{d.dtype} {human.size(d.nbytes)}" if len(found.dtypes) > 1 else d.dtype
            for d in found.dtypes
        )
        weights = f"{human.count(version.values)} parameters in {version.tensors} tensors"
        weights += f" ({dtypes})" if dtypes else ""
    held = human.size(found.held_bytes)
    # A small version on a chain of deltas holds its bases too: no share of its own size then.
    smaller = found.held_bytes <= version.logical_bytes
    saved = f", {human.saved(version.logical_bytes, found.held_bytes)}" if smaller else ""
    return Facts(
        (
            ("message", message),
            ("tags", ", ".join(version.tags)),
            ("created", f"{created}, {human.age(version.created_ns, time.time_ns())}"),
            ("author", version.author),
            ("parents", ", ".join(parent.text for parent in found.parents)),
            ("children", ", ".join(found.children)),
            ("weights", weights),
            ("logical", human.size(version.logical_bytes)),
            ("stored", f"{held} for all it needs{saved}"),
            ("", f"{human.size(version.stored_bytes)} added by its commit"),
        )
    )


def _architecture(found: Description, full: bool, drawn: bool) -> list[Block]:
    there = found.architecture
    if not there.network.executable:
        return [_network(found.network, full)]
    blocks: list[Block] = [network_facts(there)]
    if drawn:
        graph = draw_one(there, {h.name: i for i, h in enumerate(found.heats)}, "network")
        blocks.append(graph)
        if not graph.root.children:
            blocks.append(Lines((too_large_to_draw(there.network),), "network"))
    # On a page the drawing shows the blocks, and a table of all nodes can be unfolded.
    blocks.append(network_grid(there, full=full and not drawn))
    return [*blocks, nodes_folded(there)] if drawn else blocks


def _plots(found: Description, drawn: bool) -> list[Block]:
    if not drawn:
        return []
    rev = found.version.rev
    plots = [Plot(name, (Curve(rev, found.series[name]),)) for name in sorted(found.series)]
    return [Plots([plot for plot in plots if len(plot.curves[0].points) > 1], "curves")]


def _strips(found: Description, drawn: bool) -> list[Block]:
    return [heat_strips(found.heats)] if drawn else []


def _lossy(found: Description, full: bool) -> list[Block]:
    if found.lossy is None:
        return []
    return [loss_facts(found.lossy), loss_grid(found.lossy, full=full)]


def _cut(rows: Sequence[Any], limit: int, full: bool) -> tuple[Sequence[Any], str]:
    if full or len(rows) <= limit:
        return rows, ""
    return rows[:limit], f"and {len(rows) - limit} more: --full"


def _snapshots(found: Description, full: bool) -> Grid:
    columns = (
        Column("label", strong=True),
        Column("id"),
        Column("size", right=True),
        Column("", flexible=True),
    )
    rows = [
        (
            snapshot.label,
            snapshot.id.hex()[:_SHORT_ID],
            human.size(snapshot.logical_bytes),
            ", ".join(
                part
                for part in (
                    "shown here" if snapshot.chosen and len(found.snapshots) > 1 else "",
                    f"same as {snapshot.same_as}" if snapshot.same_as else "",
                )
                if part
            ),
        )
        for snapshot in found.snapshots
    ]
    kept, note = _cut(rows, _ROWS, full)
    return Grid(columns, kept if len(rows) > 1 else (), "snapshots", note)


def _network(lines: Sequence[Line], full: bool) -> Grid:
    """Show as many levels of the module tree as fit; modules carry the counts of what is hidden."""
    shown = list(lines)
    if not full:
        for depth in range(max((line.depth for line in lines), default=0), 0, -1):
            if len(shown) <= _NETWORK_LINES:
                break
            shown = [line for line in shown if line.depth < depth]
    kept, note = _cut(shown, _NETWORK_LINES, full)
    if not note and len(shown) < len(lines):
        note = "deeper levels left out: --full"
    unknown = "known from the weights alone: how the layers are connected is not"
    note = f"{note}; {unknown}" if note else unknown
    columns = (
        Column("module", strong=True),
        Column("shape"),
        Column("dtype", priority=2),
        Column("tensors", right=True, priority=1),
        Column("parameters", right=True),
    )
    rows = [
        (
            "  " * line.depth
            + line.name
            + (f"  ({line.repeat} alike, one shown)" if line.repeat > 1 else ""),
            "x".join(map(str, line.shape)) or "scalar" if line.shape is not None else "",
            line.dtype,
            "" if line.is_parameter else str(line.tensors),
            human.count(line.values),
        )
        for line in kept
    ]
    dim = frozenset(index for index, line in enumerate(kept) if line.is_parameter)
    return Grid(columns, rows, "network", note, dim)


def _tied(tied: Sequence[Sequence[str]], full: bool) -> Lines:
    kept, note = _cut([" = ".join(group) for group in tied], _ROWS, full)
    return Lines((*kept, note) if note else kept, "tied tensors")


def _metadata(metadata: Mapping[str, Scalar], full: bool) -> Grid:
    # What the user set comes before what files brought along (config.*, safetensors.*).
    # What makes a version lossy stands above.
    shown = [key for key in metadata if not is_reserved(key)]
    keys = sorted(shown, key=lambda key: ("." in key, natural_key(key)))
    rows = [(key, _scalar(metadata[key])) for key in keys]
    kept, note = _cut(rows, _ROWS, full)
    return Grid((Column("", strong=True), Column("", flexible=not full)), kept, "metadata", note)


def _scalar(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _series(series: Mapping[str, list[tuple[float, float]]]) -> Charts:
    charts = []
    for name in sorted(series):
        values = [value for _, value in series[name]]
        charts.append(Chart(name, values, series_facts(values)))
    return Charts(charts, SERIES_TITLES, "metrics")


def series_facts(values: Sequence[float]) -> tuple[str, ...]:
    """Return the facts of a series of at least one value, under `SERIES_TITLES`."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (math.nan, math.nan)
    return human.number(values[-1]), human.number(low), human.number(high), str(len(values))


def _files(found: Description, full: bool) -> Grid:
    columns = (
        Column("file", strong=True),
        Column("size", right=True),
        Column("", priority=1),
        Column("sha256", flexible=True, priority=2),
    )
    rows = [
        (
            file.path,
            human.size(file.size),
            "associated" if file.associated else "weights",
            file.sha256.hex() if full else file.sha256.hex()[:_SHORT_ID],
        )
        for file in found.files
    ]
    kept, note = _cut(rows, _ROWS, full)
    return Grid(columns, kept, "files", note)


def _annotation_text(note: AnnotationRecord) -> str:
    """Return a value in one line; of a calibration, which is long, what it is of."""
    if note.key == LADDER and (text := calibration_text(note.value)):
        return text
    return one_line(str(note.value))


def _annotations(found: Description, full: bool) -> Grid:
    # Number, tags and evaluations of a version are annotations too; they stand above already.
    rows = [
        (note.key, _annotation_text(note), human.date(note.created_ns))
        for note in found.annotations
        if note.key not in ("sequence", "tag", "untag", EVAL)
    ]
    kept, cut = _cut(rows, _ROWS, full)
    columns = (Column("", strong=True), Column("", flexible=True), Column("", priority=1))
    return Grid(columns, kept, "annotations", cut)
