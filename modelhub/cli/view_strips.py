"""Lay out pictures of tensors: strips in which larger values are lighter."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelhub.cli.view_network import shape_text
from modelhub.dlv.diff import Cells, TensorChange
from modelhub.dlv.strips import TensorHeat
from modelhub.report import human
from modelhub.report.heat import png
from modelhub.report.page import Strip, Strips

__all__ = ["change_strips", "heat_strips"]

_READ_AS = (
    "Each strip is a tensor as a matrix, reduced to a few cells (root mean square of the values "
    "in each): dark is 0, yellow the largest cell, grey what is not finite."
)


def heat_strips(heats: Sequence[TensorHeat]) -> Strips:
    """Return the strips of one version."""
    strips = []
    for heat in heats:
        top = _largest(heat.cells)
        facts = f"{heat.dtype} {shape_text(heat.shape)}, up to {human.number(top)}"
        pictures = [("root mean square", png(heat.cells, top))] if heat.cells else []
        strips.append(Strip(heat.name, facts, pictures))
    note = _READ_AS
    planes = next((heat.planes for heat in heats if heat.planes is not None), None)
    if planes is not None:
        note += f" From the leading {human.plural(planes, 'byte')} of each value alone: "
        note += f"{human.size(sum(heat.bytes_read for heat in heats))} read."
    return Strips(strips, "weights", note)


def change_strips(changes: Sequence[TensorChange], left: str, right: str) -> Strips:
    """Return the strips of tensors that differ: both sides on one scale, the difference on its own.

    Tensors that are equal or were not measured have none.
    """
    strips = []
    for change in changes:
        heat = change.heat
        if heat is None or change.equal or not heat.left:
            continue
        top, apart = max(_largest(heat.left), _largest(heat.right)), _largest(heat.apart)
        facts = f"{change.right_dtype} {shape_text(change.right_shape)}, values up to "
        facts += f"{human.number(top)}, difference up to {human.number(apart)}"
        pictures = (
            (left, png(heat.left, top)),
            (right, png(heat.right, top)),
            (f"{right} - {left}", png(heat.apart, apart)),
        )
        strips.append(Strip(change.name, facts, pictures))
    note = f"{_READ_AS} From top to bottom: {left}, {right}, and their difference on its own scale."
    planes = next((change.planes for change in changes if change.planes is not None), None)
    if planes is not None:
        note += f" From the leading {human.plural(planes, 'byte')} of each value alone."
    return Strips(strips, f"weights: {left} -> {right}", note)


def _largest(cells: Cells) -> float:
    finite = [cell for row in cells for cell in row if math.isfinite(cell)]
    return max(finite, default=0.0)
