"""The steps that a query is made of."""

from __future__ import annotations

from dataclasses import dataclass

from dql.ast import Construct, Evaluate, Item, OrderKey, Piece, Slice
from dql.logical.access import Access

__all__ = [
    "Build",
    "Distinct",
    "Filter",
    "Group",
    "Join",
    "Limit",
    "Look",
    "Nested",
    "Order",
    "Plan",
    "Project",
    "Restore",
    "Scan",
    "Trials",
    "Unit",
]


@dataclass(frozen=True, slots=True)
class Unit:
    """One row without variables."""


@dataclass(frozen=True, slots=True)
class Scan:
    """All versions, one after another, for a variable."""

    variable: str


@dataclass(frozen=True, slots=True)
class Look:
    """The versions that an access gives, for a variable."""

    variable: str
    access: Access


@dataclass(frozen=True, slots=True)
class Nested:
    """The versions of a query, a list or a name behind `from`, for a variable."""

    variable: str
    origin: Piece


@dataclass(frozen=True, slots=True)
class Filter:
    """The rows for which a condition is true."""

    input: Plan
    condition: Piece


@dataclass(frozen=True, slots=True)
class Join:
    """For each row of the left all rows of the right, which may use the left one's variables.

    Args:
        on: A value of the left and one of the right that must be equal: of the right, only rows
            with the left one's value are tried.
    """

    left: Plan
    right: Plan
    on: tuple[Piece, Piece] | None = None


@dataclass(frozen=True, slots=True)
class Restore:
    """Rows brought into the order in which they come when variables are tried as they stand."""

    input: Plan
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Rows with equal values together; without keys one group, even of no rows."""

    input: Plan
    keys: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Project:
    """The values of the columns."""

    input: Plan
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """Rows sorted; those without a value last."""

    input: Plan
    keys: tuple[OrderKey, ...]
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Distinct:
    """The first of rows with equal values."""

    input: Plan


@dataclass(frozen=True, slots=True)
class Limit:
    """Some rows from a place on."""

    input: Plan
    count: Piece | None
    offset: Piece | None


@dataclass(frozen=True, slots=True)
class Build:
    """A new network for each row."""

    input: Plan
    statement: Slice | Construct


@dataclass(frozen=True, slots=True)
class Trials:
    """A training for each row and each way to set what varies."""

    input: Plan
    statement: Evaluate


Plan = (
    Unit
    | Scan
    | Look
    | Nested
    | Filter
    | Join
    | Restore
    | Group
    | Project
    | Order
    | Distinct
    | Limit
    | Build
    | Trials
)
