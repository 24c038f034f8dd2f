"""Show the author of a query what is wrong and where.

A *position* is a line and a column, both counted from 1; columns count characters, as an editor
does. The *caret* is the line under the source line that points at the column.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["DqlError"]

# A terminal is at least this wide; of a longer source line the part around the column is shown.
_EXCERPT_CHARS_MAX = 72
_ELLIPSIS = "..."


class DqlError(Exception):
    """A query cannot be accepted; the text shows its line with a caret.

    Args:
        message: What was found, and what was expected.
        source: The whole text of the query.
        line: The line concerned, from 1. Past the end means the end of the query.
        column: The column concerned, from 1.
        others: What else is wrong with the same query; the text shows them too.
    """

    def __init__(
        self,
        message: str,
        *,
        source: str,
        line: int,
        column: int,
        others: Sequence[DqlError] = (),
    ) -> None:
        if line < 1 or column < 1:
            raise ValueError(f"line {line}, column {column}: both count from 1")
        lines = source.splitlines() or [""]
        if line > len(lines):
            line, column = len(lines), len(lines[-1]) + 1
        self.message = message
        self.source = source
        self.line = line
        self.column = min(column, len(lines[line - 1]) + 1)
        self.caret = _caret(lines[line - 1], self.column)
        self.others = tuple(others)
        own = f"line {self.line}, column {self.column}: {message}\n{self.caret}"
        super().__init__("\n".join([own, *map(str, self.others)]))


def _caret(line: str, column: int) -> str:
    """Return an excerpt of the line around the column, and the caret under it."""
    start, end = 0, len(line)
    if len(line) > _EXCERPT_CHARS_MAX:
        start = max(0, min(column - 1 - _EXCERPT_CHARS_MAX // 2, len(line) - _EXCERPT_CHARS_MAX))
        end = start + _EXCERPT_CHARS_MAX
    head = _ELLIPSIS if start else ""
    tail = _ELLIPSIS if end < len(line) else ""
    before = head + _printable(line[start : column - 1])
    after = _printable(line[column - 1 : end]) + tail
    return f"  {before}{after}\n  {' ' * _cells(before)}^"


def _printable(text: str) -> str:
    """Replace what would move the terminal's cursor by one blank each."""
    return "".join(" " if unicodedata.category(char) in ("Cc", "Cf") else char for char in text)


def _cells(text: str) -> int:
    """Return the cells of a terminal that the text takes: wide letters two, accents none."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    marks = sum(unicodedata.combining(char) != 0 for char in text)
    return len(text) + wide - marks
