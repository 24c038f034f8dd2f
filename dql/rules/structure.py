"""Find the kinds of nodes that a network must have to fit a pattern."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from dql import ast
from dql.logical import Access, Either, Kinds

__all__ = ["kinds_of"]


def kinds_of(pattern: ast.Pattern) -> Iterator[Access]:
    """Yield accesses by kinds of which each gives all networks that a pattern fits in.

    A step says nothing if it is `not` something. Between two that do, a near hop, or a strict one,
    which is a near hop that passes over nothing, is a pair. That alternatives are passed over less
    often than each alone would be makes pairs only more certain.
    """
    steps = pattern.steps
    paired: set[int] = set()
    for number, (one, two) in enumerate(pairwise(steps)):
        if two.reach == "any" or one.negated or two.negated:
            continue
        paired |= {number, number + 1}
        yield _either([(left, right) for left in _kinds(one) for right in _kinds(two)])
    for number, step in enumerate(steps):
        if number not in paired and not step.negated:
            yield _either([(kind,) for kind in _kinds(step)])


def _kinds(step: ast.Step) -> list[str]:
    return list(dict.fromkeys(each.kind.upper() for each in step.templates))


def _either(names: list[tuple[str, ...]]) -> Access:
    if len(names) == 1:
        return Kinds(names[0])
    return Either(tuple(map(Kinds, names)))
