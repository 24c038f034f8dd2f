"""Say what `evaluate` would try."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dql import ast
from dql.memory.values import Several
from dql.printer import to_text

__all__ = ["axes"]


def axes(statement: ast.Evaluate, value: Callable[[ast.Piece], Any]) -> tuple[str, int, bool]:
    """Return what varies in words, the number of ways to set it, and whether that is all.

    Args:
        statement: The statement.
        value: Returns the value of an expression without variables.

    Returns:
        The number leaves out what is `auto`: the default grid is chosen when it runs.
    """
    words, ways, known = [], 1, True
    for axis in statement.axes:
        target = to_text(axis.target)
        if axis.values is None:
            words.append(f"{target} by the default grid")
            known = False
            continue
        found = value(axis.values)
        count = len(found.items) if isinstance(found, Several) else 1
        words.append(f"{target} in {count}")
        ways *= count
    return ", ".join(words), ways, known
