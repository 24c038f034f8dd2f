"""Say what each statement does, step by step."""

from __future__ import annotations

from dql import ast
from dql.ast.words import AGGREGATES
from dql.logical import (
    Build,
    Distinct,
    Filter,
    Group,
    Join,
    Limit,
    Nested,
    Order,
    Plan,
    Project,
    Scan,
    Trials,
    Unit,
)

__all__ = ["lower", "ranges"]


def ranges(statement: ast.Piece) -> dict[str, ast.Piece | None]:
    """Return for each variable of a statement what it runs over; None: all versions."""
    if isinstance(statement, ast.Select):
        used = [each.name for item in statement.items for each in ast.own_variables(item)]
        if not statement.sources:
            return dict.fromkeys(used)
    elif isinstance(statement, ast.Slice | ast.Construct | ast.Evaluate):
        used = [statement.variable.name]
    else:
        raise TypeError(f"{type(statement).__name__} is no statement")
    declared = {source.variable for source in statement.sources}
    found: dict[str, ast.Piece | None] = {}
    for source in statement.sources:
        name = source.variable or next(each for each in used if each not in declared)
        found[name] = source.origin
    return found


def lower(statement: ast.Statement) -> Plan:
    """Return the steps of a statement that has been checked."""
    plan: Plan | None = None
    for name, origin in ranges(statement).items():
        one: Plan = Scan(name) if origin is None else Nested(name, origin)
        plan = one if plan is None else Join(plan, one)
    plan = plan or Unit()
    if statement.where is not None:
        plan = Filter(plan, statement.where)
    if isinstance(statement, ast.Evaluate):
        return Trials(plan, statement)
    if not isinstance(statement, ast.Select):
        return Build(plan, statement)
    if statement.group or any(_aggregates(item.value) for item in statement.items):
        plan = Group(plan, statement.group)
    plan = Project(plan, statement.items)
    if statement.order:
        plan = Order(plan, statement.order, statement.items)
    if statement.distinct:
        plan = Distinct(plan)
    if statement.limit is not None:
        plan = Limit(plan, statement.limit, statement.offset)
    return plan


def _aggregates(piece: ast.Piece) -> bool:
    return any(
        isinstance(each, ast.Call) and each.name.lower() in AGGREGATES for each in ast.walk(piece)
    )
