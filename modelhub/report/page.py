"""Describe a page of output without a medium: what `terminal` and `html` render.

A *cell* is plain text; both renderers make it safe. A *flexible* column may be shortened; a
column with a `priority` above 0 is left out where the page is too narrow, highest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelhub.report.graph import Graph

__all__ = [
    "Arc",
    "Block",
    "Chart",
    "Charts",
    "Column",
    "Curve",
    "Diagram",
    "Facts",
    "Folded",
    "Grid",
    "Lines",
    "Node",
    "Page",
    "Plot",
    "Plots",
    "Strip",
    "Strips",
]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a grid; one without any text is left out, unless it was asked for."""

    title: str
    right: bool = False
    flexible: bool = False
    priority: int = 0
    strong: bool = False
    asked_for: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Pairs of a label and a text, the labels aligned; pairs with an empty text are left out."""

    rows: Sequence[tuple[str, str]]
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; `dim` holds the indices of rows that matter less, `note` stands below it."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    heading: str = ""
    note: str = ""
    dim: frozenset[int] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of text as they are, such as a message."""

    lines: Sequence[str]
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """One metric series; `facts` are texts for the columns beside its picture."""

    name: str
    values: Sequence[float]
    facts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Charts:
    """Metric series, one per row; `fact_titles` name the columns beside the pictures."""

    charts: Sequence[Chart]
    fact_titles: Sequence[str]
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A row of a diagram: a label, a bar of two parts of any unit, and a text beside the bar."""

    label: str
    first: float
    second: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Arc:
    """An arrow from the row `target` to the row `source`, as thick as its weight."""

    source: int
    target: int
    weight: float
    label: str


@dataclass(frozen=True, slots=True)
class Diagram:
    """Nodes in rows, thin lines between (upper, lower) ones, and arcs; drawn in HTML alone."""

    nodes: Sequence[Node]
    lines: Sequence[tuple[int, int]]
    arcs: Sequence[Arc]
    heading: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """A metric series of one version: (step, value) points in order."""

    label: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Plot:
    """A metric with a curve for each version that has it, one over the other."""

    name: str
    curves: Sequence[Curve]


@dataclass(frozen=True, slots=True)
class Plots:
    """Metrics with axes; drawn in HTML alone, where a terminal has `Charts`."""

    plots: Sequence[Plot]
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Strip:
    """Pictures of one tensor: (caption, PNG file) pairs, with a text of facts."""

    name: str
    facts: str
    pictures: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Strips:
    """Pictures of tensors; drawn in HTML alone. Steps of a graph refer to them by number."""

    strips: Sequence[Strip]
    heading: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Folded:
    """A block that HTML shows once it is unfolded; a terminal leaves it out."""

    summary: str
    block: Grid


Block = Facts | Grid | Lines | Charts | Diagram | Graph | Plots | Strips | Folded


@dataclass(frozen=True, slots=True)
class Page:
    """A title and blocks, top to bottom; blocks without content are left out."""

    title: str
    blocks: Sequence[Block]
    subtitle: str = ""
