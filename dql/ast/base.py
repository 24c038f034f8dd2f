"""Say where a piece of a query stands, and what every piece has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

__all__ = ["DEPTH_MAX", "Piece", "Span", "depth", "substitute", "walk"]

# How deep a query may nest. Printing and checking recurse about four Python frames for each level,
# and Python allows 1,000.
DEPTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Span:
    """Where a piece stands in the text: offsets of its first character and behind its last."""

    start: int
    end: int


_NOWHERE = Span(0, 0)


@dataclass(frozen=True, slots=True)
class Piece:
    """Any part of a query. Where it stands takes no part in equality."""

    span: Span = field(default=_NOWHERE, compare=False, repr=False, kw_only=True)

    def parts(self) -> Iterator[Piece]:
        """Yield the pieces that this one is directly made of, in the order of the text."""
        for name in _names(type(self)):
            value = getattr(self, name)
            if isinstance(value, Piece):
                yield value
            elif isinstance(value, tuple):
                yield from (part for part in value if isinstance(part, Piece))


_FIELDS: dict[type, tuple[str, ...]] = {}


def _names(kind: type[Piece]) -> tuple[str, ...]:
    """Return the names of a kind of piece's fields; `fields` itself is slow."""
    found = _FIELDS.get(kind)
    if found is None:
        found = _FIELDS[kind] = tuple(each.name for each in fields(kind))
    return found


def walk(piece: Piece) -> Iterator[Piece]:
    """Yield a piece and all below it, each before its parts; does not recurse."""
    todo = [piece]
    while todo:
        here = todo.pop()
        yield here
        todo.extend(reversed(list(here.parts())))


def depth(piece: Piece) -> int:
    """Return how many levels a piece has, itself included; does not recurse."""
    level = 0
    here = [piece]
    while here:
        level += 1
        if level > DEPTH_MAX:
            break
        here = [part for each in here for part in each.parts()]
    return level


def substitute(piece: Piece, old: Piece, new: Piece) -> Piece:
    """Return a piece in which every part that is equal to `old` is `new`; itself without any."""
    if piece == old:
        return new
    changed: dict[str, Any] = {}
    for name in _names(type(piece)):
        value = getattr(piece, name)
        if isinstance(value, Piece):
            made: Any = substitute(value, old, new)
            if made is not value:
                changed[name] = made
        elif isinstance(value, tuple):
            made = tuple(
                substitute(part, old, new) if isinstance(part, Piece) else part for part in value
            )
            if any(one is not other for one, other in zip(made, value, strict=True)):
                changed[name] = made
    return replace(piece, **changed) if changed else piece
