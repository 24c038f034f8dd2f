"""The four *statements*, their *clauses*, and the *query* that is one of them with a name."""

from __future__ import annotations

from dataclasses import dataclass

from dql.ast.base import Piece
from dql.ast.expressions import Variable

__all__ = [
    "Action",
    "Axis",
    "Chain",
    "Construct",
    "Evaluate",
    "Item",
    "OrderKey",
    "Query",
    "Select",
    "Slice",
    "Source",
    "Statement",
    "With",
]


@dataclass(frozen=True, slots=True)
class Item(Piece):
    """One column of a select."""

    value: Piece
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Source(Piece):
    """What a variable runs over.

    Args:
        variable: Its name; None: the statement's only variable.
        origin: `Text` or `Variable` (a saved query's name), `Parameter`, `Subquery`; None: all
            versions.
    """

    variable: str | None
    origin: Piece | None = None


@dataclass(frozen=True, slots=True)
class OrderKey(Piece):
    """What rows are ordered by."""

    value: Piece
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Select(Piece):
    """Find versions, or facts about them."""

    items: tuple[Item, ...]
    sources: tuple[Source, ...] = ()
    where: Piece | None = None
    group: tuple[Piece, ...] = ()
    order: tuple[OrderKey, ...] = ()
    limit: Piece | None = None
    offset: Piece | None = None
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Chain(Piece):
    """Nodes to build one behind another: `FULL("fc", 10) -> RELU("act")`."""

    nodes: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Action(Piece):
    """One change: `m["conv*"].kernel = 5`, or without a value `m["drop*"].delete`."""

    target: Piece
    value: Piece | None = None


@dataclass(frozen=True, slots=True)
class Slice(Piece):
    """Cut a network between two values."""

    variable: Variable
    sources: tuple[Source, ...] = ()
    where: Piece | None = None
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Construct(Piece):
    """Make new networks out of those found."""

    variable: Variable
    sources: tuple[Source, ...] = ()
    where: Piece | None = None
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class With(Piece):
    """The configuration that trials start from."""

    name: str
    value: Piece


@dataclass(frozen=True, slots=True)
class Axis(Piece):
    """A hyper-parameter and its values; None: found by the default search (`auto`)."""

    target: Piece
    values: Piece | None = None


@dataclass(frozen=True, slots=True)
class Evaluate(Piece):
    """Train the models of a query with varied settings, and keep the good ones."""

    variable: Variable
    sources: tuple[Source, ...] = ()
    where: Piece | None = None
    config: With | None = None
    axes: tuple[Axis, ...] = ()
    keep: Piece | None = None


Statement = Select | Slice | Construct | Evaluate


@dataclass(frozen=True, slots=True)
class Query(Piece):
    """A whole query; `name` is what its result is saved as."""

    statement: Statement
    explain: bool = False
    name: str | None = None
