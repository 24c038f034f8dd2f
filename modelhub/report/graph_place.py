"""Give the items of every box a place: what `page.js` does again when a box is opened or closed.

Units are pixels. Each row of a box lies below the one above it; along a row every item comes as
close below the mean of its neighbours as the room between the others allows (isotonic regression
by pooling adjacent violators, so the sum of squares is least).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelhub.report.graph import Box, Graph, Step
from modelhub.report.graph_layers import Plan
from modelhub.report.text import cells, visible

__all__ = ["HEADER", "Place", "Placed", "path", "place", "step_size"]

# Widths of a letter of the drawing's two lines of text; a little too much leaves a gap.
_LABEL_LETTER, _NOTE_LETTER = 7.6, 6.7
_STEP_MIN, _STEP_EDGE, _STEP_HEIGHT = 70.0, 26.0, 40.0
HEADER = 26.0
_PAD = 14.0
_GAP_X, _GAP_Y = 18.0, 24.0
_BEND = 10.0
_SWEEPS = 6


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item is in its box: its centre, its top, and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Placed:
    """A box laid out: its size and the places of its items."""

    width: float
    height: float
    items: tuple[Place, ...]


def step_size(step: Step | Box) -> tuple[float, float]:
    """Return the width and height of a step, or of a box when it is closed."""
    width = _STEP_MIN
    for face in step.faces:
        if face is not None:
            # Room for the sign of its status.
            label = cells(visible(face.label)) + 2
            width = max(width, label * _LABEL_LETTER, cells(visible(face.note)) * _NOTE_LETTER)
    return round(width + _STEP_EDGE), _STEP_HEIGHT


def place(graph: Graph, plans: Mapping[int, Plan]) -> dict[int, Placed]:
    """Return every box laid out, all open, by its id."""
    placed: dict[int, Placed] = {}
    for box in _inner_first(graph.root):
        children = {(isinstance(c, Box), c.id): c for c in box.children}
        plan = plans[box.id]
        sizes = []
        for item in plan.items:
            if item.kind == "step":
                sizes.append(step_size(children[False, item.id]))
            elif item.kind == "box":
                sizes.append((placed[item.id].width, placed[item.id].height))
            else:
                sizes.append((_BEND, 0.0))
        header = 0.0 if box is graph.root else HEADER
        least = 0.0 if box is graph.root else step_size(box)[0]
        placed[box.id] = _place(plan, sizes, header, least)
    return placed


def _inner_first(box: Box) -> Iterator[Box]:
    for child in box.children:
        if isinstance(child, Box):
            yield from _inner_first(child)
    yield box


def _place(plan: Plan, sizes: Sequence[tuple[float, float]], header: float, least: float) -> Placed:
    tops, heights = _rows(plan, sizes, header)
    x = _columns(plan, [width for width, _ in sizes])
    left = min((c - w / 2 for c, (w, _) in zip(x, sizes, strict=True)), default=0.0)
    right = max((c + w / 2 for c, (w, _) in zip(x, sizes, strict=True)), default=0.0)
    width = max(right - left + 2 * _PAD, least)
    shift = (width - (right - left)) / 2 - left
    row = {item: index for index, layer in enumerate(plan.layers) for item in layer}
    items = []
    for index, (w, h) in enumerate(sizes):
        top, room = tops[row[index]], heights[row[index]]
        bend = plan.items[index].kind == "bend"
        items.append(
            Place(x[index] + shift, top if bend else top + (room - h) / 2, w, room if bend else h)
        )
    bottom = tops[-1] + heights[-1] if tops else header
    last_is_exit = any(item.kind == "exit" for item in plan.items)
    return Placed(width, bottom + (0.0 if last_is_exit else _PAD), tuple(items))


def _rows(
    plan: Plan, sizes: Sequence[tuple[float, float]], header: float
) -> tuple[list[float], list[float]]:
    heights = [max((sizes[item][1] for item in layer), default=0.0) for layer in plan.layers]
    first_is_entry = any(item.kind == "entry" for item in plan.items)
    top = header if first_is_entry else header + _PAD
    tops = []
    for height in heights:
        tops.append(top)
        top += height + _GAP_Y
    return tops, heights


def _columns(plan: Plan, widths: Sequence[float]) -> list[float]:
    """Return the centre of each item; the box's middle is near 0."""
    x = [0.0] * len(widths)
    for layer in plan.layers:
        _settle(layer, [0.0] * len(layer), widths, x)
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for link in plan.links:
        for upper, lower in itertools.pairwise(link):
            above.setdefault(lower, []).append(upper)
            below.setdefault(upper, []).append(lower)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        for layer in plan.layers if down else reversed(plan.layers):
            wished = []
            for item in layer:
                near = [x[other] for other in neighbours.get(item, ())]
                wished.append(sum(near) / len(near) if near else x[item])
            _settle(layer, wished, widths, x)
    return x


def _settle(
    layer: Sequence[int], wished: Sequence[float], widths: Sequence[float], x: list[float]
) -> None:
    """Put a row's items as near to where they wish as their widths allow, in their order."""
    offsets = [0.0]
    for left, right in itertools.pairwise(layer):
        offsets.append(offsets[-1] + (widths[left] + widths[right]) / 2 + _GAP_X)
    # Pools of items that touch: mean wish, and how many.
    pools: list[tuple[float, int]] = []
    for wish, offset in zip(wished, offsets, strict=False):
        mean, count = wish - offset, 1
        while pools and pools[-1][0] > mean:
            before, many = pools.pop()
            mean, count = (mean * count + before * many) / (count + many), count + many
        pools.append((mean, count))
    index = 0
    for mean, count in pools:
        for _ in range(count):
            x[layer[index]] = mean + offsets[index]
            index += 1


def path(link: Sequence[int], plan: Plan, places: Sequence[Place]) -> str:
    """Return the line along a link, as the `d` of an SVG path."""
    first = places[link[0]]
    x, y = first.x, first.y + first.height
    parts = [f"M{x:.0f} {y:.0f}"]
    for index in link[1:]:
        spot = places[index]
        middle = (y + spot.y) / 2
        parts.append(f"C{x:.0f} {middle:.0f} {spot.x:.0f} {middle:.0f} {spot.x:.0f} {spot.y:.0f}")
        x, y = spot.x, spot.y
        if plan.items[index].kind == "bend":
            y += spot.height
            parts.append(f"V{y:.0f}")
    return "".join(parts)
