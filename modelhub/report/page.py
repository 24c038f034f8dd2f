"""Describe a page of output without a medium: what `terminal` and `html` render.

A *cell* is plain text; both renderers make it safe. A *flexible* column may be shortened; a
column with a `priority` above 0 is left out where the page is too narrow, highest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Block", "Chart", "Charts", "Column", "Facts", "Grid", "Lines", "Page"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a grid."""

    title: str
    right: bool = False
    flexible: bool = False
    priority: int = 0
    strong: bool = False


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


Block = Facts | Grid | Lines | Charts


@dataclass(frozen=True, slots=True)
class Page:
    """A title and blocks, top to bottom; blocks without content are left out."""

    title: str
    blocks: Sequence[Block]
    subtitle: str = ""
