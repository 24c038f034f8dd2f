"""Render pages as text that fits the terminal.

Colour goes to terminals only (and never where NO_COLOR is set); into a file or pipe go whole lines
without any limit of width, so that tools can read them, unless COLUMNS asks for one.
"""

from __future__ import annotations

import os
from typing import TextIO

from rich.console import Console
from rich.text import Text

from modelhub.report.layout import GAP, fit
from modelhub.report.page import (
    Block,
    Charts,
    Column,
    Facts,
    Grid,
    Lines,
    Page,
)
from modelhub.report.sparkline import sparkline
from modelhub.report.text import cells, glyphs_for, shorten, visible

__all__ = ["WIDTH_UNBOUNDED", "Terminal", "width_of"]

# Wide enough that nothing is shortened, small enough for rich to pad to.
WIDTH_UNBOUNDED = 100_000

_WIDTH_MIN = 20
_SPARK_WIDTH = 24
# However narrow the terminal, a line of a fact has room for this much.
_WORD_MIN = 8


def width_of(stream: TextIO) -> int:
    """Return the columns that output to `stream` may use."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and 0 < int(columns) < WIDTH_UNBOUNDED:
        return max(int(columns), _WIDTH_MIN)
    try:
        if stream.isatty():
            # A terminal that does not know its size says 0.
            return max(os.get_terminal_size(stream.fileno()).columns or 80, _WIDTH_MIN)
    except (OSError, ValueError):
        return 80
    return WIDTH_UNBOUNDED


class Terminal:
    """Renders pages and blocks to a stream."""

    def __init__(self, stream: TextIO, width: int | None = None) -> None:
        """Take the stream; `width` overrides what the terminal says."""
        self.width = width_of(stream) if width is None else width
        self.glyphs = glyphs_for(stream.encoding)
        self._console = Console(
            file=stream, width=self.width, markup=False, highlight=False, emoji=False
        )

    def page(self, page: Page) -> None:
        """Print a page: title, subtitle, then blocks with an empty line between them."""
        self._print([(visible(page.title), "bold")])
        if page.subtitle:
            self._print([(visible(page.subtitle), "dim")])
        for block in page.blocks:
            if _is_empty(block):
                continue
            self._print([])
            self.block(block)

    def block(self, block: Block) -> None:
        """Print one block; drawings are for HTML alone."""
        if not isinstance(block, Facts | Grid | Lines | Charts):
            return
        if block.heading:
            self._print([(visible(block.heading), "bold")])
        match block:
            case Facts():
                self._facts(block)
            case Grid():
                self._grid(block)
            case Lines():
                for line in block.lines:
                    self.line(line)
            case Charts():
                self._grid(self._charts_as_grid(block))

    def line(self, text: str, style: str = "") -> None:
        """Print one line of text, made visible, folded by the terminal where it is too long."""
        self._print([(visible(text), style)])

    def _facts(self, facts: Facts) -> None:
        rows = [(label, visible(text)) for label, text in facts.rows if text]
        label_width = max(cells(label) for label, _ in rows) + GAP
        for label, text in rows:
            for index, part in enumerate(_wrapped(text, self.width - label_width)):
                shown = label if index == 0 else ""
                self._print([(shown.ljust(label_width), "dim"), (part, "")])

    def _grid(self, grid: Grid) -> None:
        layout, rows = fit(grid, self.width, self.glyphs.dots)
        titles = [column.title for column in layout.columns]
        for line in layout.lines(titles) if any(titles) else []:
            self._print(_joined(line, layout.columns, "dim"))
        for index, row in enumerate(rows):
            style = "dim" if index in grid.dim else ""
            for line in layout.lines(row):
                self._print(_joined(line, layout.columns, style))
        if grid.note:
            for part in _wrapped(visible(grid.note), self.width):
                self._print([(part, "dim")])

    def _charts_as_grid(self, block: Charts) -> Grid:
        columns = (
            Column("series", flexible=True, strong=True),
            Column("", priority=1),
            *(Column(title, right=True) for title in block.fact_titles),
        )
        rows = [
            (chart.name, sparkline(chart.values, _SPARK_WIDTH, self.glyphs.bars), *chart.facts)
            for chart in block.charts
        ]
        return Grid(columns, rows)

    def _print(self, parts: list[tuple[str, str]]) -> None:
        text = Text()
        for part, style in parts:
            text.append(part, style or None)
        text.rstrip()
        self._console.print(text, soft_wrap=True)


def _joined(line: list[str], columns: list[Column], style: str) -> list[tuple[str, str]]:
    parts: list[tuple[str, str]] = []
    for index, (text, column) in enumerate(zip(line, columns, strict=True)):
        if index:
            parts.append((" " * GAP, ""))
        parts.append((text, style or ("cyan" if column.strong else "")))
    return parts


def _wrapped(text: str, width: int) -> list[str]:
    """Break a text at spaces into lines of at most `width` columns; long words are cut."""
    width = max(width, _WORD_MIN)
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if cells(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        while cells(word) > width:
            head = shorten(word, width, "")
            lines.append(head)
            word = word[len(head) :]
        line = word
    return [*lines, line]


def _is_empty(block: Block) -> bool:
    match block:
        case Facts():
            return not any(text for _, text in block.rows)
        case Grid():
            return not block.rows
        case Lines():
            return not block.lines
        case Charts():
            return not block.charts
        case _:
            return True
