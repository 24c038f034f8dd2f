"""Ways to find versions without trying all: they give all that meet a condition, perhaps more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dql.ast import Piece

__all__ = ["Access", "Both", "Either", "Index", "Kin", "Kinds", "Relation"]

Relation = Literal["self", "parents", "children", "ancestors", "descendants"]


@dataclass(frozen=True, slots=True)
class Index:
    """An index of the backend; see `backend.Probe`.

    Args:
        path: What the index is on.
        sign: `=`, `like`, or `<=` and `>=` for a range; `there` for all that have a value.
        value: What is looked for; it may name variables that have a version by then. None for
            `there`.
        until: The greatest value of a range of which `value` is the least.
    """

    path: tuple[str, ...]
    sign: Literal["=", "<=", ">=", "like", "there"]
    value: Piece | None = None
    until: Piece | None = None


@dataclass(frozen=True, slots=True)
class Kinds:
    """The networks with a node of a kind, or with a near hop between nodes of two kinds."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kin:
    """Those that are in a relation to some versions.

    Args:
        relation: What they are to them; `self`: they are the same.
        of: The versions: a value, which may name variables, or another access.
        named: Whether a text or a name in `of` is that of a saved query.
    """

    relation: Relation
    of: Piece | Index | Kinds | Kin | Both | Either
    named: bool = False


@dataclass(frozen=True, slots=True)
class Both:
    """What each of one or more accesses gives."""

    parts: tuple[Access, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """What any of some accesses gives."""

    parts: tuple[Access, ...]


Access = Index | Kinds | Kin | Both | Either
