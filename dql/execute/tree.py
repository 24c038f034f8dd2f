"""Make of a statement that ran the tree of its steps."""

from __future__ import annotations

import math

from dql import ast
from dql.execute.explain import Step, described
from dql.execute.statement import Statement
from dql.execute.trials import axes
from dql.logical import Build, Filter, Join, Look, Nested, Plan, Scan, Trials, Unit

__all__ = ["tree"]


def tree(statement: Statement) -> Step:
    """Return the steps of a statement, each with the rows that it gave."""
    return _step(statement, statement.plan)[0]


def _step(statement: Statement, plan: Plan) -> tuple[Step, bool]:
    """Return a step, and whether it lacks rows because no networks were made."""
    if isinstance(plan, Unit | Scan | Look | Nested):
        below: tuple[Plan, ...] = ()
    elif isinstance(plan, Join):
        below = (plan.left, plan.right)
    else:
        below = (plan.input,)
    found = [_step(statement, each) for each in below]
    piece = None
    if isinstance(plan, Nested):
        piece = plan.origin
    elif isinstance(plan, Filter):
        piece = plan.condition
    if piece is not None:
        found += [_step(each, each.plan) for each in statement.inner(piece)]
    unmade = any(each for _, each in found) or (
        statement.explaining and isinstance(plan, Build | Trials)
    )
    about = math.ceil(statement.estimates.of(plan))
    if isinstance(plan, Trials):
        about *= axes(plan.statement, lambda value: statement.evaluator.value(value, {}))[1]
    actual = None if unmade else statement.counts.of(plan)
    return Step(_text(plan, statement), about, actual, tuple(step for step, _ in found)), unmade


def _text(plan: Plan, statement: Statement) -> str:
    if isinstance(plan, Build):
        kind = "slice" if isinstance(plan.statement, ast.Slice) else "construct"
        return f"{kind} {plan.statement.variable.name}"
    if isinstance(plan, Trials):
        words, ways, known = axes(
            plan.statement, lambda value: statement.evaluator.value(value, {})
        )
        least = "" if known else "at least "
        return f"evaluate {plan.statement.variable.name}: {least}{ways} ways for each; {words}"
    return described(plan)
