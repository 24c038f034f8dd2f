"""Gather what is wrong with a query, and raise it all at once.

A *mistake* is one thing that is wrong, with the place in the text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dql.errors import DqlError

__all__ = ["MISTAKES_MAX", "Mistake", "error_of", "position", "raise_mistakes"]

# Nobody reads more at once, and a text that is no query at all would make one for each word.
MISTAKES_MAX = 20


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, and the offset of the character where."""

    offset: int
    message: str


def position(source: str, offset: int) -> tuple[int, int]:
    """Return line and column, both from 1, of an offset into a text."""
    before = source[:offset]
    lines = before.splitlines() or [""]
    if before and before.splitlines(keepends=True)[-1] != lines[-1]:
        lines.append("")
    return len(lines), len(lines[-1]) + 1


def error_of(source: str, mistakes: Iterable[Mistake]) -> DqlError:
    """Return one error for some mistakes, at least one, in the order of the text."""
    first, *rest = sorted(set(mistakes), key=lambda each: (each.offset, each.message))
    others = []
    for each in rest[: MISTAKES_MAX - 1]:
        line, column = position(source, each.offset)
        others.append(DqlError(each.message, source=source, line=line, column=column))
    line, column = position(source, first.offset)
    return DqlError(first.message, source=source, line=line, column=column, others=others)


def raise_mistakes(source: str, mistakes: Iterable[Mistake]) -> None:
    """Raise DqlError if there are any mistakes."""
    found = list(mistakes)
    if found:
        raise error_of(source, found)
