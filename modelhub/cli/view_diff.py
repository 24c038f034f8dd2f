"""Lay out a comparison of versions as a page, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from modelhub.catalog.records import TensorRecord
from modelhub.cli.draw_network import draw_two
from modelhub.cli.view_describe import SERIES_TITLES, series_facts
from modelhub.cli.view_lossy import lossy_document, lossy_text
from modelhub.cli.view_strips import change_strips
from modelhub.cli.view_structure import structure_blocks, structure_document
from modelhub.dlv.compare import Change
from modelhub.dlv.diff import Comparison, Diff, FileChange, TensorChange
from modelhub.dlv.lossy import is_reserved
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
    Strips,
)
from modelhub.report.text import natural_key

__all__ = ["diff_document", "diff_page"]

# Rows that a page shows of each part unless all are asked for.
_ROWS = 20

_LEGEND = (
    "+ added, − removed, ~ changed, = renamed. Layers that both have stand at the same place; "
    "nodes that only arrange values are not drawn."
)


def diff_document(result: Diff) -> dict[str, Any]:
    """Return the comparisons for JSON."""
    known = {v.rev: v.architecture.network.executable for v in result.versions}
    return {
        "planes": result.planes,
        "versions": [
            {
                "rev": version.rev,
                "parameters": version.architecture.costs.parameters,
                "flops": version.architecture.costs.flops,
                "sizes": version.architecture.costs.sizes,
                "metadata": version.metadata,
                "series": version.series,
            }
            for version in result.versions
        ],
        "comparisons": [
            _comparison_document(c, known[c.left] and known[c.right]) for c in result.comparisons
        ],
    }


def _comparison_document(found: Comparison, edges_known: bool) -> dict[str, Any]:
    return {
        "left": found.left,
        "right": found.right,
        "left_lossy": lossy_document(found.left_lossy),
        "right_lossy": lossy_document(found.right_lossy),
        "same": found.same,
        "structure": structure_document(found.alignment, edges_known),
        "added": [_record_document(record) for record in found.added],
        "removed": [_record_document(record) for record in found.removed],
        "reshaped": [
            {"name": t.name, "left": t.left_shape, "right": t.right_shape}
            for t in found.tensors
            if t.reshaped
        ],
        "retyped": [
            {"name": t.name, "left": t.left_dtype, "right": t.right_dtype}
            for t in found.tensors
            if t.retyped
        ],
        "metadata": [{"key": m.key, "left": m.left, "right": m.right} for m in found.metadata],
        "files": [
            {"path": f.path, "left_size": f.left_size, "right_size": f.right_size}
            for f in found.files
        ],
        "tensors": [_tensor_document(tensor) for tensor in found.tensors],
        "equal": found.totals.equal,
        "changed": found.totals.changed,
        "unmeasured": found.totals.unmeasured,
        "equal_in_leading_bytes": found.totals.agreeing,
        "bytes_read": found.bytes_read,
        "total": _change_document(found.totals.change),
    }


def _record_document(record: TensorRecord) -> dict[str, Any]:
    return {"name": record.name, "dtype": record.dtype, "shape": record.shape}


def _tensor_document(tensor: TensorChange) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": tensor.name,
        "equal": tensor.equal,
        "dtype": tensor.right_dtype,
        "shape": tensor.right_shape,
        "planes": tensor.planes,
    }
    if tensor.change is not None:
        document.update(_change_document(tensor.change))
    return document


def _change_document(change: Change) -> dict[str, Any]:
    return {
        "values": change.values,
        "changed_values": change.changed,
        "share_changed": change.share,
        "max_abs": change.max_abs,
        "relative_l2": change.relative_l2,
        "cosine": change.cosine,
        "nonfinite_left": change.nonfinite_left,
        "nonfinite_right": change.nonfinite_right,
    }


def diff_page(result: Diff, *, full: bool, drawn: bool = False) -> Page:
    """Return the page: structure, then settings and metrics, then weights and files.

    Args:
        full: Leave nothing out; otherwise long parts are cut with a note.
        drawn: The page is for HTML: with drawings of the networks, plots and strips.
    """
    several = len(result.comparisons) > 1
    totals, *layers = structure_blocks(result, full=full) or [Lines(())]
    blocks: list[Block] = [totals]
    # Steps of the drawings refer to strips by their number on the page.
    strips = [change_strips(c.tensors, c.left, c.right) for c in result.comparisons]
    if drawn:
        blocks += _drawings(result, strips)
    blocks += layers
    blocks += [_settings(result, full), _metrics(result), *_plots(result, drawn)]
    for found in result.comparisons:
        blocks += _blocks(found, f"{found.left} -> {found.right}" if several else "", full)
    if drawn:
        blocks += strips
    rights = ", ".join(found.right for found in result.comparisons)
    return Page(f"{result.comparisons[0].left} -> {rights}", blocks)


def _drawings(result: Diff, strips: Sequence[Strips]) -> list[Block]:
    blocks: list[Block] = []
    left = result.versions[0]
    before = 0
    for found, right, pictures in zip(result.comparisons, result.versions[1:], strips, strict=True):
        numbers = {strip.name: before + i for i, strip in enumerate(pictures.strips)}
        before += len(numbers)
        titles = (left.rev, right.rev)
        heading = "networks" if len(strips) == 1 else f"networks: {left.rev} and {right.rev}"
        graph = draw_two(
            left.architecture, right.architecture, found.alignment, numbers, titles, heading
        )
        blocks.append(replace(graph, note=_LEGEND))
    return blocks


def _settings(result: Diff, full: bool) -> Grid:
    """Return the metadata that differs, one column per version."""
    keys = dict.fromkeys(
        change.key
        for found in result.comparisons
        for change in found.metadata
        # What makes a side lossy is said with the weights.
        if not is_reserved(change.key)
    )
    columns = (
        Column("", strong=True),
        *(Column(version.rev, flexible=not full) for version in result.versions),
    )
    rows = [
        (key, *(_scalar(version.metadata.get(key)) for version in result.versions))
        for key in sorted(keys, key=lambda key: ("." in key, natural_key(key)))
    ]
    return _grid(columns, rows, "metadata", full)


def _series_names(result: Diff) -> list[str]:
    """Return the metrics whose series differ; snapshots of one version have the same ones."""
    names = {name for version in result.versions for name in version.series}
    # repr: nan is not equal to itself.
    return sorted(n for n in names if len({repr(v.series.get(n)) for v in result.versions}) > 1)


def _metrics(result: Diff) -> Charts:
    """Return the series of all versions, those of one metric one below the other."""
    charts = []
    for name in _series_names(result):
        for version in result.versions:
            values = [value for _, value in version.series.get(name, ())]
            if values:
                charts.append(Chart(f"{name}  {version.rev}", values, series_facts(values)))
    return Charts(charts, SERIES_TITLES, "metrics")


def _plots(result: Diff, drawn: bool) -> list[Block]:
    if not drawn:
        return []
    plots = []
    for name in _series_names(result):
        curves = [Curve(v.rev, v.series[name]) for v in result.versions if v.series.get(name)]
        plots.append(Plot(name, curves))
    return [Plots(plots, "curves")]


def _blocks(found: Comparison, heading: str, full: bool) -> list[Block]:
    reshaped = [t for t in found.tensors if t.reshaped]
    retyped = [t for t in found.tensors if t.retyped and not t.reshaped]
    shapes = [(t.name, _shape(t.left_shape), _shape(t.right_shape)) for t in reshaped]
    dtypes = [(t.name, t.left_dtype, t.right_dtype) for t in retyped]
    return [
        _summary(found, heading),
        _records("only in " + found.right, found.added, full),
        _records("only in " + found.left, found.removed, full),
        _pairs("reshaped", shapes, full),
        _pairs("retyped", dtypes, full),
        _files(found.files, full),
        _changes(found, full),
    ]


def _summary(found: Comparison, heading: str) -> Facts:
    totals = found.totals
    change = totals.change
    counts = [
        f"{count} {word}"
        for count, word in (
            (totals.equal, "equal"),
            (totals.changed, "changed"),
            (totals.agreeing, "equal in their leading bytes"),
            (len(found.added), "added"),
            (len(found.removed), "removed"),
        )
        if count
    ]
    tensors = ", ".join(counts) or "none on either side"
    if found.same:
        tensors += "; nothing differs"
    share = ""
    if change.changed:
        share = f"{human.count(change.changed)} of {human.count(change.values)} changed"
        share += f" ({human.share(change.share)})"
    distance = ""
    if change.changed and change.max_abs is not None:
        distance = (
            f"relative L2 {_number(change.relative_l2)}, cosine {_cosine(change.cosine)}, "
            f"max |d| {_number(change.max_abs)}, over what changed"
        )
    lossy = [
        f"{rev} by {lossy_text(label)}"
        for rev, label in ((found.left, found.left_lossy), (found.right, found.right_lossy))
        if label is not None
    ]
    rows = [("" if index else "lossy", text) for index, text in enumerate(lossy)]
    rows += [("tensors", tensors), ("values", share), ("distance", distance)]
    planes = next((t.planes for t in found.tensors if t.planes is not None), None)
    if planes is not None:
        rows.append(("read", _read(found, planes)))
    return Facts(rows, heading)


def _read(found: Comparison, planes: int) -> str:
    return (
        f"the leading {human.plural(planes, 'byte')} of each value alone: "
        f"{human.size(found.bytes_read)} read; all figures of values are of those bytes"
    )


def _records(heading: str, records: Sequence[TensorRecord], full: bool) -> Grid:
    columns = (Column("tensor", strong=True), Column("dtype"), Column("shape"))
    rows = [
        (record.name, record.dtype, _shape(tuple(record.shape)))
        for record in sorted(records, key=lambda record: natural_key(record.name))
    ]
    return _grid(columns, rows, heading, full)


def _pairs(heading: str, rows: Sequence[tuple[str, str, str]], full: bool) -> Grid:
    columns = (
        Column("", strong=True),
        Column("left", flexible=not full),
        Column("right", flexible=not full),
    )
    return _grid(columns, rows, heading, full)


def _files(changes: Sequence[FileChange], full: bool) -> Grid:
    columns = (
        Column("", strong=True),
        Column("left", right=True),
        Column("right", right=True),
        Column("", priority=1),
    )
    rows = []
    for change in changes:
        left, right = change.left_size, change.right_size
        what = "added" if left is None else "removed" if right is None else "other content"
        rows.append((change.path, _size(left), _size(right), what))
    return _grid(columns, rows, "files", full)


def _grid(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], heading: str, full: bool
) -> Grid:
    if full or len(rows) <= _ROWS:
        return Grid(columns, rows, heading)
    return Grid(columns, rows[:_ROWS], heading, f"and {len(rows) - _ROWS} more: --full")


def _changes(found: Comparison, full: bool) -> Grid:
    """Show the tensors that changed, in natural order; of too many, those that changed most."""
    changed = [t for t in found.tensors if t.change is not None and not t.equal]
    kept, note = changed, ""
    if not full and len(changed) > _ROWS:
        most = sorted(changed, key=lambda t: -_distance(t))[:_ROWS]
        names = {tensor.name for tensor in most}
        kept = [tensor for tensor in changed if tensor.name in names]
        note = f"the {_ROWS} that changed most of {len(changed)}; all: --full"
    columns = (
        Column("tensor", strong=True),
        Column("shape", priority=3),
        Column("max |d|", right=True),
        Column("rel. L2", right=True),
        Column("cosine", right=True, priority=1),
        Column("changed", right=True),
        Column("NaN/inf", right=True, priority=2),
    )
    rows = [
        (t.name, _shape(t.right_shape), *_change_cells(t.change))
        for t in sorted(kept, key=lambda t: natural_key(t.name))
        if t.change is not None
    ]
    return Grid(columns, rows, "values", note)


def _change_cells(change: Change) -> tuple[str, ...]:
    nonfinite = ""
    if change.nonfinite_left or change.nonfinite_right:
        nonfinite = f"{change.nonfinite_left} -> {change.nonfinite_right}"
    return (
        _number(change.max_abs),
        _number(change.relative_l2),
        _cosine(change.cosine),
        human.share(change.share),
        nonfinite,
    )


def _distance(tensor: TensorChange) -> float:
    change = tensor.change
    if change is None or change.relative_l2 is None:
        # Not measurable: more remarkable than any number.
        return float("inf")
    return change.relative_l2


def _scalar(value: str | float | bool | None) -> str:
    if value is None:
        return "-"
    return repr(value) if isinstance(value, float) else str(value)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _size(size: int | None) -> str:
    return "-" if size is None else human.size(size)


def _number(value: float | None) -> str:
    return "-" if value is None else human.number(value)


def _cosine(value: float | None) -> str:
    if value is None:
        return "-"
    # Rounded to 1 it would look equal.
    return f"{value:.6f}" if value == 1.0 or value < 0.9999995 else ">0.999999"
