"""Draw a graph as SVG elements, one for each side, all boxes open; `page.js` can close them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from modelhub.report.graph import Box, Face, Graph, Step
from modelhub.report.graph_layers import Plan, plans
from modelhub.report.graph_place import HEADER, Placed, path, place, step_size
from modelhub.report.text import visible

__all__ = ["SIGNS", "draw"]

# What a status looks like without colour.
SIGNS = {"added": "+", "removed": "−", "changed": "~", "renamed": "="}


def draw(graph: Graph, number: int) -> str:
    """Return the drawing as HTML; `number` tells drawings of one page apart."""
    layout = plans(graph)
    placed = place(graph, layout)
    figures = []
    for side, title in enumerate(graph.sides):
        caption = f"<figcaption>{_text(title)}</figcaption>" if title else ""
        picture = "".join(_svg(graph, layout, placed, side, number))
        figures.append(f'<figure>{caption}<div class="scroll">{picture}</div></figure>')
    data = json.dumps(_data(graph, layout), separators=(",", ":"))
    return (
        f'<div class="graph" id="graph{number}">{"".join(figures)}</div>'
        f'<script type="application/json" id="data{number}">{data}</script>'
    )


def _text(text: str) -> str:
    return escape(visible(text))


def _data(graph: Graph, layout: dict[int, Plan]) -> dict[str, Any]:
    """Return what the script needs to lay boxes out: numbers alone, no text of anyone's."""
    boxes: dict[int, Any] = {}
    steps: dict[int, tuple[float, float]] = {}
    stack = [graph.root]
    while stack:
        box = stack.pop()
        plan = layout[box.id]
        boxes[box.id] = {
            "size": step_size(box),
            "items": [[item.kind, item.id] for item in plan.items],
            "layers": plan.layers,
            "links": plan.links,
        }
        for child in box.children:
            if isinstance(child, Box):
                stack.append(child)
            else:
                steps[child.id] = step_size(child)
    return {"root": graph.root.id, "boxes": boxes, "steps": steps}


def _svg(
    graph: Graph, layout: dict[int, Plan], placed: dict[int, Placed], side: int, number: int
) -> Iterator[str]:
    root = placed[graph.root.id]
    mark = f"on{number}-{side}"
    yield (
        f'<svg class="net" data-side="{side}" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="{_text(graph.heading or "network")}" width="{root.width:.0f}" '
        f'height="{root.height:.0f}" viewBox="0 0 {root.width:.0f} {root.height:.0f}">'
        f'<defs><marker id="{mark}" viewBox="0 0 6 6" refX="5.5" refY="3" markerWidth="6" '
        'markerHeight="6" markerUnits="userSpaceOnUse" orient="auto">'
        '<path class="tip" d="M0 0L6 3L0 6z"/></marker></defs>'
    )
    yield f'<g data-box="{graph.root.id}">'
    yield from _inside(graph.root, layout, placed, side, mark)
    yield "</g></svg>"


def _inside(
    box: Box, layout: dict[int, Plan], placed: dict[int, Placed], side: int, mark: str
) -> Iterator[str]:
    plan, places = layout[box.id], placed[box.id].items
    yield '<g class="inside">'
    for index, (link, sides) in enumerate(zip(plan.links, plan.sides, strict=True)):
        if sides[side]:
            only = "" if all(sides) else " removed" if side == 0 else " added"
            tip = f' marker-end="url(#{mark})"' if plan.items[link[-1]].kind != "exit" else ""
            line = path(link, plan, places)
            yield f'<path class="link{only}" data-link="{index}"{tip} d="{line}"/>'
    spots = {(item.kind, item.id): spot for item, spot in zip(plan.items, places, strict=True)}
    for child in box.children:
        face = child.faces[side]
        if face is None:
            continue
        kind = "box" if isinstance(child, Box) else "step"
        spot = spots[kind, child.id]
        corner = f'transform="translate({spot.x - spot.width / 2:.0f} {spot.y:.0f})"'
        if isinstance(child, Box):
            yield f'<g class="box {face.status}" data-box="{child.id}" {corner}>'
            yield f"<title>{_facts(face)}</title>"
            yield (
                f'<rect class="frame" width="{spot.width:.0f}" height="{spot.height:.0f}" rx="7"/>'
                '<g class="handle" role="button" aria-expanded="true">'
                f'<rect class="header" width="{spot.width:.0f}" height="{HEADER:.0f}" rx="7"/>'
                f'<text x="12" y="17"><tspan class="turn">▾</tspan> {_label(face)}</text>'
                f'<text class="note" x="12" y="33">{_text(face.note)}</text></g>'
            )
            yield from _inside(child, layout, placed, side, mark)
            yield "</g>"
        else:
            yield from _step(child, face, corner, spot.width, spot.height)
    yield "</g>"


def _step(step: Step, face: Face, corner: str, width: float, height: float) -> Iterator[str]:
    strips = f' data-strips="{" ".join(map(str, step.strips))}"' if step.strips else ""
    family = f" {face.family}" if face.family else ""
    yield f'<g class="step{family} {face.status}" data-step="{step.id}"{strips} {corner}>'
    yield f"<title>{_facts(face)}</title>"
    yield f'<rect class="frame" width="{width:.0f}" height="{height:.0f}" rx="5"/>'
    yield f'<rect class="mark" width="5" height="{height:.0f}" rx="2"/>'
    yield f'<text x="14" y="17">{_label(face)}</text>'
    yield f'<text class="note" x="14" y="32">{_text(face.note)}</text></g>'


def _label(face: Face) -> str:
    sign = SIGNS.get(face.status, "")
    mark = f'<tspan class="sign {face.status}">{sign}</tspan> ' if sign else ""
    return mark + _text(face.label)


def _facts(face: Face) -> str:
    return "\n".join(_text(line) for line in face.facts)
