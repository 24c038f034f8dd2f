"""What has a value: *literals*, *paths* (variables, attributes, selectors, hops), operators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dql.ast.base import Piece

__all__ = [
    "Arithmetic",
    "Attribute",
    "Boolean",
    "Call",
    "Date",
    "Hop",
    "Listed",
    "Negate",
    "Null",
    "Number",
    "Parameter",
    "Quantity",
    "Reach",
    "Subquery",
    "Subscript",
    "Text",
    "Variable",
    "own_variables",
]

# How far a hop or an arrow goes: to the next node that does work, to the very next, or any
# distance.
Reach = Literal["near", "strict", "any"]


@dataclass(frozen=True, slots=True)
class Number(Piece):
    """A number, never negative: `-1` is `Negate(Number(1))`."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Quantity(Piece):
    """A number with a unit of `words.UNITS`: `5 MB`, `2 weeks`, `10M`."""

    value: int | float
    unit: str


@dataclass(frozen=True, slots=True)
class Text(Piece):
    """A string."""

    value: str


@dataclass(frozen=True, slots=True)
class Date(Piece):
    """A day or a moment in ISO 8601, as it was written: `date "2015-11-22"`."""

    value: str


@dataclass(frozen=True, slots=True)
class Boolean(Piece):
    """`true` or `false`."""

    value: bool


@dataclass(frozen=True, slots=True)
class Null(Piece):
    """What an attribute that is not there has for a value."""


@dataclass(frozen=True, slots=True)
class Parameter(Piece):
    """A value given with the query, never pasted into it: `:name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable(Piece):
    """A name: a version, or in `with` and `vary` the configuration."""

    name: str


@dataclass(frozen=True, slots=True)
class Attribute(Piece):
    """What is reached by a dot: `m.name`, `m.metrics.accuracy`."""

    of: Piece
    name: str


@dataclass(frozen=True, slots=True)
class Subscript(Piece):
    """What is reached by brackets: nodes by a selector, or a metric by its name."""

    of: Piece
    key: Piece


@dataclass(frozen=True, slots=True)
class Hop(Piece):
    """The nodes after (`next`) or before (`prev`) some nodes."""

    of: Piece
    direction: Literal["next", "prev"]
    reach: Reach = "near"


@dataclass(frozen=True, slots=True)
class Call(Piece):
    """A function, or where a network is built a node: `count(m)`, `top(5, m["loss"], 100)`."""

    name: str
    arguments: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed(Piece):
    """Several values: `[0.1, 0.01]`."""

    items: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Negate(Piece):
    """The negative of a number."""

    operand: Piece


@dataclass(frozen=True, slots=True)
class Arithmetic(Piece):
    """Two values and one of `+ - * / %`."""

    operator: str
    left: Piece
    right: Piece


@dataclass(frozen=True, slots=True)
class Subquery(Piece):
    """A statement in parentheses, for its rows."""

    statement: Piece


def own_variables(piece: Piece) -> Iterator[Variable]:
    """Yield the variables in a piece in the order of the text, without those of queries in it."""
    todo = [piece]
    while todo:
        here = todo.pop()
        if isinstance(here, Variable):
            yield here
        elif not isinstance(here, Subquery):
            todo += reversed(list(here.parts()))
