"""Choose in which order variables get their versions, and how; put each condition where it can go.

A condition goes directly behind the first step at which all its variables have versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from typing import Protocol

from dql import ast
from dql.logical import (
    Access,
    Both,
    Filter,
    Join,
    Look,
    Nested,
    Plan,
    Restore,
    Scan,
    Unit,
)
from dql.rules.accesses import accesses, variables_of
from dql.rules.conjuncts import free_variables, split

__all__ = ["Costs", "improve"]

# Fetching and trying a version costs about as much as reading this many ids from an index.
_READS = 8
# So few versions are tried sooner than a further index is asked.
_FEW = 32
# So many conditions at one place are steps of their own, which tell their rows; the rest is one.
_STEPS_MAX = 16


class Costs(Protocol):
    """What is known about how many versions there are."""

    def count(self) -> int:
        """Return the number of all versions."""

    def nested(self, step: Nested) -> float:
        """Return about how many versions a source gives."""

    def estimate(self, access: Access, unknown: Set[str]) -> float | None:
        """Return about how many versions an access gives; None if no index knows.

        Args:
            access: The access.
            unknown: The variables whose versions are not known yet but will be by then.
        """


def improve(plan: Plan, costs: Costs, outer: Set[str]) -> Plan:
    """Return better steps that give the same rows in the same order.

    Args:
        plan: What `lower` made of a statement.
        costs: What is known of the versions.
        outer: The variables of the statements around.
    """
    if isinstance(plan, Filter | Join | Scan | Look | Nested | Unit):
        return _relation(plan, costs, outer)
    return replace(plan, input=improve(plan.input, costs, outer))


@dataclass(frozen=True, slots=True)
class _Choice:
    """How a variable gets its versions next, and about how many."""

    name: str
    step: Plan
    rows: float
    on: tuple[ast.Piece, ast.Piece] | None = None


def _relation(plan: Plan, costs: Costs, outer: Set[str]) -> Plan:
    waiting: list[ast.Piece] = []
    while isinstance(plan, Filter):
        waiting += split(plan.condition)
        plan = plan.input
    waiting.sort(key=_effort)
    bases = {each.variable: each for each in _bases(plan)}
    declared = frozenset(bases)
    order: list[str] = []
    # Conditions on no variable of this statement are tried once, not for each version.
    left, waiting = _filtered(Unit(), waiting, declared)
    while len(order) < len(declared):
        # A variable hides one of its name in the statements around.
        known = (outer - declared) | set(order)
        choices = [
            _choice(base, waiting, costs, known, declared)
            for name, base in bases.items()
            if name not in order
        ]
        best = min(choices, key=lambda each: each.rows)
        right, waiting = _filtered(best.step, waiting, declared - {best.name})
        order.append(best.name)
        left = right if left == Unit() else Join(left, right, best.on)
        left, waiting = _filtered(left, waiting, declared - set(order))
    return left if order == list(bases) else Restore(left, tuple(bases))


def _bases(plan: Plan) -> list[Scan | Nested]:
    """Return what the variables run over, in their order."""
    if isinstance(plan, Join):
        return [*_bases(plan.left), *_bases(plan.right)]
    return [plan] if isinstance(plan, Scan | Nested) else []


def _filtered(
    step: Plan, waiting: Sequence[ast.Piece], missing: Set[str]
) -> tuple[Plan, list[ast.Piece]]:
    """Return a step with the conditions behind it that need no missing variable, and the rest."""
    rest: list[ast.Piece] = []
    here: list[ast.Piece] = []
    for condition in waiting:
        (rest if free_variables(condition) & missing else here).append(condition)
    for condition in here[:_STEPS_MAX]:
        step = Filter(step, condition)
    if len(here) > _STEPS_MAX + 1:
        return Filter(step, ast.And(tuple(here[_STEPS_MAX:]))), rest
    return (Filter(step, here[-1]) if len(here) > _STEPS_MAX else step), rest


def _effort(condition: ast.Piece) -> int:
    """Return how much work a condition is: 0 a little, 1 a network, 2 a query."""
    effort = 0
    for each in ast.walk(condition):
        if isinstance(each, ast.Subquery) or (
            isinstance(each, ast.In) and isinstance(each.values, ast.Text | ast.Variable)
        ):
            return 2
        if isinstance(each, ast.Has | ast.Subscript | ast.Hop | ast.DerivedFrom):
            effort = 1
    return effort


def _choice(
    base: Scan | Nested,
    waiting: Iterable[ast.Piece],
    costs: Costs,
    known: Set[str],
    declared: Set[str],
) -> _Choice:
    """Return the best way to give a variable its versions when some others have theirs."""
    name = base.variable
    step: Plan = base
    if isinstance(base, Nested):
        rows = costs.nested(base)
    else:
        rows = costs.count()
        found = [each for one in waiting for each in accesses(one, name, known, known | declared)]
        access, fewer = _cheapest(found, costs, known)
        if access is not None and fewer < rows:
            step, rows = Look(name, access), fewer
    on = _equal_values(waiting, name, known & declared, declared)
    if on is None or rows <= 1 or (isinstance(step, Look) and _needs(step) & known & declared):
        return _Choice(name, step, rows)
    return _Choice(name, step, rows / 2, on)


def _cheapest(
    found: Sequence[Access], costs: Costs, known: Set[str]
) -> tuple[Access | None, float]:
    """Return the access that gives the fewest versions, with others where they pay."""
    rated = []
    for access in dict.fromkeys(found):
        rows = costs.estimate(access, known)
        if rows is not None:
            rated.append((rows, access))
    if not rated:
        return None, 0
    rated.sort(key=lambda each: each[0])
    least = rated[0][0]
    kept = [access for rows, access in rated[1:] if least > _FEW and rows < least * _READS]
    first = rated[0][1]
    return (Both((first, *kept)) if kept else first), least


def _needs(step: Look) -> Set[str]:
    """Return the names of the variables that an access may use."""
    return variables_of(step.access)


def _equal_values(
    waiting: Iterable[ast.Piece], name: str, left: Set[str], declared: Set[str]
) -> tuple[ast.Piece, ast.Piece] | None:
    """Return two values that must be equal, one of variables before and one of this one."""
    for each in waiting:
        if not isinstance(each, ast.Compare) or each.operator != "=" or _effort(each) == 2:
            continue
        for other, own in ((each.left, each.right), (each.right, each.left)):
            others, owns = free_variables(other) & declared, free_variables(own) & declared
            if others and others <= left and owns == {name}:
                return other, own
    return None
