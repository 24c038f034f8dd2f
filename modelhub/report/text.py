"""Make text safe and short enough for one line of a terminal.

Names and messages come from files that anyone may have made: control characters in them (escape
sequences above all) are shown, never sent.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

__all__ = [
    "ASCII",
    "UNICODE",
    "Glyphs",
    "cells",
    "glyphs_for",
    "natural_key",
    "one_line",
    "shorten",
    "visible",
]

# Unassigned and private-use characters are harmless; these move the cursor, change the direction
# of the text or end the line.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Joiners belong to emoji and to several scripts, and cannot move the cursor.
_HARMLESS = frozenset("‌‍")


_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The drawing characters that the output can encode."""

    node: str
    pipe: str
    tee: str
    corner: str
    bars: str
    full: str
    empty: str
    dots: str
    times: str


UNICODE = Glyphs("●", "│", "├─", "╰─", "▁▂▃▄▅▆▇█", "█", "░", "…", "×")
ASCII = Glyphs("*", "|", "|-", "`-", "_.,-=+*#", "#", ".", "...", "x")


def glyphs_for(encoding: str | None) -> Glyphs:
    """Return the drawing characters for an output encoding."""
    try:
        "●│├─╰─▁█░…×".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def visible(text: str) -> str:
    """Return the text with every control, format and surrogate character escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char
        if unicodedata.category(char) not in _UNSAFE or char in _HARMLESS
        else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in text
    )


def one_line(text: str) -> str:
    """Return the first line of a text, made visible, marked where more follows."""
    lines = text.strip().splitlines()
    if not lines:
        return ""
    return visible(lines[0]) + (" ..." if len(lines) > 1 else "")


def cells(text: str) -> int:
    """Return the width of a text in columns of a terminal."""
    return cell_len(text)


def shorten(text: str, width: int, dots: str = "…") -> str:
    """Return the text in at most `width` columns, its end replaced by dots where it is longer."""
    if cell_len(text) <= width:
        return text
    if width <= len(dots):
        return set_cell_size(text, width)
    return set_cell_size(text, width - len(dots)).rstrip() + dots


def natural_key(text: str) -> tuple[tuple[int, str], ...]:
    """Return a key that sorts `layer.2` before `layer.10`."""
    # A longer number is a larger one once leading zeros are gone; int() has a limit on digits.
    parts = (part.lstrip("0") if part[:1].isdigit() else part for part in _DIGITS.split(text))
    return tuple((len(part) if index % 2 else 0, part) for index, part in enumerate(parts))
