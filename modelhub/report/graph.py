"""A graph to draw: steps in nested boxes, with edges, on one side or on several side by side.

A *step* is a node that is drawn; a *face* is how it looks on one *side* (one version), and None
where that side lacks it. All sides share one layout, so that what they have in common stands at the
same place. Ids are numbers: steps in topological order, from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Box", "Edge", "Face", "Graph", "Step"]


@dataclass(frozen=True, slots=True)
class Face:
    """How a step or box looks on one side.

    Attributes:
        label: Its name, short.
        note: A second line, such as kind and shape.
        status: `added`, `removed`, `changed`, `renamed`, or empty.
        facts: Lines that are shown under the pointer and when it is picked.
        family: A word that chooses the colour of its mark.
    """

    label: str
    note: str = ""
    status: str = ""
    facts: tuple[str, ...] = ()
    family: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A node; `strips` are the numbers of the strips of its tensors."""

    id: int
    faces: tuple[Face | None, ...]
    strips: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Box:
    """Steps and boxes that belong together, in topological order; boxes have ids of their own."""

    id: int
    faces: tuple[Face | None, ...]
    children: tuple[Box | Step, ...]

    def steps(self) -> Iterator[Step]:
        """Yield all steps in it, in order."""
        for child in self.children:
            if isinstance(child, Step):
                yield child
            else:
                yield from child.steps()


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge from a step to a later one; `sides` says for each side whether it has it."""

    source: int
    target: int
    sides: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A drawing; `sides` are the titles of its sides. Drawn in HTML alone."""

    sides: tuple[str, ...]
    root: Box
    edges: Sequence[Edge]
    heading: str = ""
    note: str = ""
