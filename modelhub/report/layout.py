"""Fit a grid into a width: which columns stay, how wide each is, how each row breaks into lines.

Measures are columns of the terminal, so that wide characters count twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import chop_cells, set_cell_size

from modelhub.report.page import Column, Grid
from modelhub.report.text import cells, shorten, visible

__all__ = ["GAP", "Layout", "fit"]

# Columns between two columns of a grid.
GAP = 2

# A flexible column keeps this many columns, so that what is left of it still says something.
_FLEXIBLE_MIN = 8
# Rather than shrink one below this, a column of low priority is left out.
_FLEXIBLE_GOOD = 20
_ANY_MIN = 4


class Layout:
    """A grid made to fit: `columns` that stay, and `lines` of cells, padded to equal widths."""

    def __init__(self, columns: list[Column], widths: list[int], dots: str) -> None:
        """Take the columns that stay and their widths."""
        self.columns = columns
        self.widths = widths
        self._dots = dots

    def lines(self, row: Sequence[str]) -> list[list[str]]:
        """Return the lines that a row of (visible) texts takes, each with one text per column."""
        broken = []
        for column, width, text in zip(self.columns, self.widths, row, strict=True):
            if column.flexible:
                broken.append([shorten(text, width, self._dots)])
            else:
                broken.append(chop_cells(text, width) or [""])
        height = max(map(len, broken), default=1)
        return [
            [
                _padded(part[index] if index < len(part) else "", width, column.right)
                for part, width, column in zip(broken, self.widths, self.columns, strict=True)
            ]
            for index in range(height)
        ]


def fit(grid: Grid, width: int, dots: str) -> tuple[Layout, list[list[str]]]:
    """Return the layout of a grid in `width` columns, and its rows as visible texts."""
    columns = list(grid.columns)
    rows = [[visible(text) for text in row] for row in grid.rows]
    # A column that is empty in every row says nothing.
    kept = [
        i
        for i, column in enumerate(columns)
        if column.asked_for or not rows or any(row[i] for row in rows)
    ]
    natural = {i: max([cells(columns[i].title), *(cells(row[i]) for row in rows)]) for i in kept}
    while _total([natural[i] for i in kept]) > width:
        droppable = [i for i in kept if columns[i].priority > 0]
        if not droppable:
            break
        # A flexible column may go far below its natural width before anything is dropped.
        flexible = [i for i in kept if columns[i].flexible]
        least = [min(natural[i], _FLEXIBLE_GOOD) if i in flexible else natural[i] for i in kept]
        if _total(least) <= width:
            break
        kept.remove(max(droppable, key=lambda i: (columns[i].priority, i)))
    widths = [natural[i] for i in kept]
    chosen = [columns[i] for i in kept]
    _shrink(widths, [column.flexible for column in chosen], width, _FLEXIBLE_MIN)
    _shrink(widths, [True] * len(chosen), width, _ANY_MIN)
    return Layout(chosen, widths, dots), [[row[i] for i in kept] for row in rows]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * max(len(widths) - 1, 0)


def _shrink(widths: list[int], allowed: list[bool], width: int, least: int) -> None:
    """Take the excess from the widest of the allowed columns, one step at a time."""
    while _total(widths) > width:
        candidates = [i for i, w in enumerate(widths) if allowed[i] and w > least]
        if not candidates:
            return
        widest = max(candidates, key=lambda i: widths[i])
        others = [widths[i] for i in candidates if i != widest]
        floor = max([least, *(w for w in others if w < widths[widest])])
        widths[widest] -= min(max(widths[widest] - floor, 1), _total(widths) - width)


def _padded(text: str, width: int, right: bool) -> str:
    space = " " * max(width - cells(text), 0)
    return space + text if right else set_cell_size(text, width)
