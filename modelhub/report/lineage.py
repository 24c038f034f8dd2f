"""Draw a forest of versions as text, parents above children.

The *main line* of a node continues in its own column, so that a long history grows downwards and
not to the right; every other child opens a branch one step to the right:

    ● digits@1
    ├─● digits-ft@1
    │ ● digits-ft@2
    ● digits@2
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from modelhub.report.text import UNICODE, Glyphs

__all__ = ["Branch", "draw"]

Node = TypeVar("Node", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Branch(Generic[Node]):
    """One line of the drawing: the text before the node, and the node (None on a blank line)."""

    prefix: str
    node: Node | None


def draw(
    roots: Sequence[Node],
    children: Mapping[Node, Sequence[Node]],
    continues: Callable[[Node, Node], bool],
    glyphs: Glyphs = UNICODE,
) -> list[Branch[Node]]:
    """Return the lines of a forest.

    Args:
        children: Each node's children in order; every node must have one parent here.
        continues: Whether a child is on the main line of its parent; the first such child is.
    """
    lines: list[Branch[Node]] = []
    for root in roots:
        if lines:
            lines.append(Branch("", None))
        # A stack instead of recursion: histories may be longer than Python's stack is deep.
        stack: list[tuple[str, str, Node]] = [("", "", root)]
        while stack:
            indent, lead, node = stack.pop()
            lines.append(Branch(f"{indent}{lead}{glyphs.node} ", node))
            # Below a connector the indent goes on as a pipe or, after the last one, as space.
            if lead == glyphs.tee:
                indent += glyphs.pipe + " "
            elif lead:
                indent += "  "
            below = list(children.get(node, ()))
            main = next((child for child in below if continues(node, child)), None)
            side = [child for child in below if child is not main]
            if main is not None:
                stack.append((indent, "", main))
            for index, child in reversed(list(enumerate(side))):
                last = main is None and index == len(side) - 1
                stack.append((indent, glyphs.corner if last else glyphs.tee, child))
    return lines
