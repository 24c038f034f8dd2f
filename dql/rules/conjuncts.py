"""Take conditions apart, and say which variables they need."""

from __future__ import annotations

from collections.abc import Iterator

from dql import ast
from dql.lower import ranges

__all__ = ["free_variables", "split"]


def split(condition: ast.Piece) -> Iterator[ast.Piece]:
    """Yield conditions that are all true where one is, and only there."""
    if isinstance(condition, ast.And):
        for operand in condition.operands:
            yield from split(operand)
    elif isinstance(condition, ast.Quantified) and condition.quantifier == "any":
        # Without `all` it is any anyway.
        yield from split(condition.condition)
    else:
        yield condition


def free_variables(piece: ast.Piece) -> frozenset[str]:
    """Return the names in a piece that may be variables around it.

    Attributes inside templates and columns behind `order by` count too: a condition that seems to
    need more variables than it does is tried later, never too early.
    """
    if isinstance(piece, ast.Variable):
        return frozenset({piece.name})
    if not isinstance(piece, ast.Subquery):
        return frozenset().union(*map(free_variables, piece.parts()))
    statement = piece.statement
    own = set(ranges(statement))
    if isinstance(statement, ast.Slice | ast.Construct):
        own.add(statement.variable.name)
    found: set[str] = set()
    for part in statement.parts():
        if not isinstance(part, ast.Source):
            found |= free_variables(part) - own
        elif isinstance(part.origin, ast.Subquery):
            found |= free_variables(part.origin)
    return frozenset(found)
