"""Draw a diagram as an SVG element: nodes in rows, lines on their left, arcs on their right.

Needs no script: every number that matters is text, and more of it stands in titles, which a browser
shows under the pointer.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from modelhub.report.page import Diagram
from modelhub.report.text import cells, visible

__all__ = ["lanes", "svg"]

_ROW = 26
_LANE = 14
_LEFT = 10
# About the width of a letter of the text; a little too much leaves a gap, too little overlaps.
_LETTER = 7.6
_BAR = 120
_GAP = 16
# An arc over many rows would go far to the right, so it grows slower than it is long.
_ARC_MIN, _ARC_STEP, _ARC_MAX = 22, 11, 300
_STROKE_MIN, _STROKE_MAX = 1.0, 6.0


def lanes(nodes: int, lines: Sequence[tuple[int, int]]) -> list[int]:
    """Return a lane for each node.

    A node goes on in that of the first one above it on a line, unless another one has taken it.

    Args:
        lines: (upper, lower) pairs of nodes.
    """
    above: dict[int, int] = {}
    for parent, child in lines:
        above.setdefault(child, parent)
    # The first child goes on in its parent's lane.
    first = {parent: child for child, parent in reversed(above.items())}
    found: list[int] = []
    # The row down to which each lane is taken.
    taken: list[int] = []
    ends = list(range(nodes))
    for child, parent in above.items():
        ends[parent] = max(ends[parent], child)
    for node in range(nodes):
        upper = above.get(node)
        if upper is not None and upper < node and first.get(upper) == node:
            lane = found[upper]
        else:
            free = [number for number, until in enumerate(taken) if until < node]
            lane = free[0] if free and upper is None else len(taken)
            if lane == len(taken):
                taken.append(node)
        taken[lane] = max(taken[lane], ends[node])
        found.append(lane)
    return found


def svg(diagram: Diagram) -> str:
    """Return the diagram; every text in it is escaped."""
    count = len(diagram.nodes)
    lane = lanes(count, diagram.lines)
    text_x = _LEFT + _LANE * (max(lane) + 1)
    widest = max(cells(visible(node.label)) for node in diagram.nodes)
    bar_x = text_x + widest * _LETTER + _GAP
    detail_x = bar_x + _BAR + _GAP / 2
    widest = max(cells(visible(node.detail)) for node in diagram.nodes)
    arc_x = detail_x + widest * _LETTER + _GAP
    bulges = [_bulge(arc.source, arc.target) for arc in diagram.arcs]
    width = arc_x + max(bulges, default=0) + _GAP
    parts = [
        _line(_LEFT + _LANE * lane[a], _y(a), _LEFT + _LANE * lane[b], _y(b))
        for a, b in diagram.lines
    ]
    heaviest = max((arc.weight for arc in diagram.arcs), default=1.0) or 1.0
    for arc, bulge in zip(diagram.arcs, bulges, strict=True):
        stroke = _STROKE_MIN + (_STROKE_MAX - _STROKE_MIN) * arc.weight / heaviest
        parts.append(
            f'<path class="arc" marker-end="url(#on)" stroke-width="{stroke:.1f}" '
            f'd="M{arc_x:.0f} {_y(arc.target):.0f} C{arc_x + bulge * 4 / 3:.0f} '
            f"{_y(arc.target):.0f} {arc_x + bulge * 4 / 3:.0f} {_y(arc.source):.0f} "
            f'{arc_x + 5:.0f} {_y(arc.source):.0f}"><title>{_text(arc.label)}</title></path>'
        )
    largest = max((node.first + node.second for node in diagram.nodes), default=0) or 1
    for row, node in enumerate(diagram.nodes):
        y = _y(row)
        first, second = (_BAR * part / largest for part in (node.first, node.second))
        parts.append(f'<circle cx="{_LEFT + _LANE * lane[row]}" cy="{y:.0f}" r="4"/>')
        parts.append(f'<text x="{text_x}" y="{y + 5:.0f}">{_text(node.label)}</text>')
        parts.append(_rect("first", bar_x, y, first))
        parts.append(_rect("second", bar_x + first, y, second))
        parts.append(
            f'<text class="dim" x="{detail_x:.0f}" y="{y + 5:.0f}">{_text(node.detail)}</text>'
        )
    height = _ROW * count + 8
    return (
        f'<svg class="diagram" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="{_text(diagram.heading)}" width="{width:.0f}" height="{height}" '
        f'viewBox="0 0 {width:.0f} {height}"><defs><marker id="on" viewBox="0 0 6 6" refX="3" '
        'refY="3" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">'
        '<path class="head" d="M0 0L6 3L0 6z"/></marker></defs>' + "".join(parts) + "</svg>"
    )


def _text(text: str) -> str:
    return escape(visible(text))


def _y(row: int) -> float:
    return _ROW * row + _ROW / 2 + 4


def _bulge(a: int, b: int) -> float:
    return min(_ARC_MIN + _ARC_STEP * abs(a - b), _ARC_MAX)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    """Draw a line that leaves its lane only in the last row."""
    turn = max(y2 - _ROW, y1)
    return (
        f'<path class="line" d="M{x1:.0f} {y1:.0f}V{turn:.0f}C{x1:.0f} {y2:.0f} {x2:.0f} '
        f'{turn:.0f} {x2:.0f} {y2:.0f}"/>'
    )


def _rect(name: str, x: float, y: float, width: float) -> str:
    return f'<rect class="{name}" x="{x:.1f}" y="{y - 5:.1f}" width="{width:.1f}" height="10"/>'
