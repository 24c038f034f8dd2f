"""Run the text of a query."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dql import ast
from dql.backend import Backend, Value
from dql.errors import DqlError
from dql.execute.build import Failure, Made
from dql.execute.explain import Step
from dql.execute.session import Session
from dql.execute.statement import Statement
from dql.execute.tree import tree
from dql.prepare import Prepared, given, prepare

__all__ = ["COMBINATIONS_MAX", "Result", "run"]

# A combination takes some microseconds to try and less than a kilobyte to keep.
COMBINATIONS_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Result:
    """What came out of a query.

    Args:
        kind: The statement, or `explain`.
        names: The names of the columns.
        rows: As many values each: versions, numbers, texts, times, truth values, None, or for
            attributes with several values `Several`.
        plan: What was done, with the rows at each step.
        saved_as: The name behind `as`; None if there is none. Nothing was saved.
        failures: For `slice` and `construct` the versions of which no network could be made.
        notes: What was odd though nothing failed.
    """

    kind: Literal["select", "slice", "construct", "evaluate", "explain"]
    names: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    plan: Step
    saved_as: str | None = None
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


def run(
    text: str,
    backend: Backend,
    *,
    parameters: Mapping[str, Value] | None = None,
    now: datetime.datetime | None = None,
    explain: bool = False,
    combinations_max: int = COMBINATIONS_MAX,
) -> Result:
    """Run a query.

    Args:
        text: The query.
        backend: What it runs over.
        parameters: The values of `:name`: texts, numbers, truth values, times, None, versions, or
            lists of them.
        now: What `now()` is; the present if not given.
        explain: Whether to explain it, as with `explain` before it: the rows are found and
            counted, but no networks are made.
        combinations_max: How many combinations of versions may be tried where a query has
            several variables.

    Returns:
        The rows. Those of `slice` and `construct` are new versions; nothing is stored.

    Raises:
        DqlError: The query cannot be read or has no meaning, names what is not there, lacks
            parameters or has wrong ones, or would try too many combinations.
    """
    values = given(parameters)
    moment = now or datetime.datetime.now(datetime.UTC)
    try:
        prepared = prepare(text, backend, values)
        explaining = explain or prepared.query.explain
        session = Session(backend, values, moment, combinations_max, explaining=explaining)
        return _result(prepared, session)
    except RecursionError:
        # Saved queries may nest where each alone does not.
        message = "The query and those that it names nest too deep."
        raise DqlError(message, source=text, line=1, column=1) from None


def _result(prepared: Prepared, session: Session) -> Result:
    query, text = prepared.query, prepared.text
    made = Made(query.name)
    statement = Statement(session, prepared, query.statement, frozenset(), made)
    kind: Any = type(query.statement).__name__.lower()
    if session.explaining:
        for _ in statement.lines({}):
            pass
        plan = tree(statement)
        lines = [(line,) for line in plan.to_text().splitlines()]
        return Result("explain", ("plan",), lines, plan, query.name)
    rows = list(statement.lines({}))
    return Result(
        kind,
        _names(query.statement, text),
        rows,
        tree(statement),
        query.name,
        tuple(made.failures),
        tuple(dict.fromkeys(made.notes)),
    )


def _names(statement: ast.Statement, text: str) -> tuple[str, ...]:
    if not isinstance(statement, ast.Select):
        return (statement.variable.name,)
    return tuple(
        item.name or text[item.value.span.start : item.value.span.end] for item in statement.items
    )
