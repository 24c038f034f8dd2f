"""What is true or false, and the *templates* that nodes are held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dql.ast.base import Piece
from dql.ast.expressions import Reach

__all__ = [
    "And",
    "Between",
    "Compare",
    "DerivedFrom",
    "Has",
    "In",
    "IsNull",
    "Like",
    "Matches",
    "Not",
    "Or",
    "Pattern",
    "Quantified",
    "Step",
    "Template",
]


@dataclass(frozen=True, slots=True)
class And(Piece):
    """All of two or more conditions."""

    operands: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Or(Piece):
    """At least one of two or more conditions."""

    operands: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Not(Piece):
    """The opposite of a condition; unknown stays unknown."""

    operand: Piece


@dataclass(frozen=True, slots=True)
class Quantified(Piece):
    """A condition on nodes that `any` or `all` of them must meet; without one it is any."""

    quantifier: Literal["any", "all"]
    condition: Piece


@dataclass(frozen=True, slots=True)
class Compare(Piece):
    """Two values and one of `= != < <= > >=`."""

    operator: str
    left: Piece
    right: Piece


@dataclass(frozen=True, slots=True)
class Between(Piece):
    """A value within two bounds, both included."""

    subject: Piece
    low: Piece
    high: Piece
    negated: bool = False


@dataclass(frozen=True, slots=True)
class In(Piece):
    """A value that is one of a list, of an attribute with several values, or of a query's rows."""

    subject: Piece
    values: Piece
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Like(Piece):
    """A text held against a pattern with `%` and `_`."""

    subject: Piece
    pattern: Piece
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Matches(Piece):
    """A text held against a regular expression, which may match anywhere in it."""

    subject: Piece
    pattern: Piece
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IsNull(Piece):
    """An attribute that is not there."""

    subject: Piece
    negated: bool = False


@dataclass(frozen=True, slots=True)
class DerivedFrom(Piece):
    """A version with an ancestor: by name, variable or query."""

    subject: Piece
    origin: Piece
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Template(Piece):
    """A kind of node with what it must have: `POOL("MAX")`, `CONV(kernel=3, stride>1)`.

    A named argument is a condition of which the subject is a `Variable`, the attribute's name.
    """

    kind: str
    arguments: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Step(Piece):
    """One node of a sequence: one of some templates, or with `not` none of them.

    `reach` says how the step is reached from the one before; it means nothing on the first.
    """

    templates: tuple[Template, ...]
    negated: bool = False
    reach: Reach = "near"


@dataclass(frozen=True, slots=True)
class Pattern(Piece):
    """A sequence of nodes along edges: `CONV -> BN -> RELU`."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Has(Piece):
    """Nodes, or some node of a version, at which a pattern starts."""

    subject: Piece
    pattern: Pattern
    negated: bool = False
