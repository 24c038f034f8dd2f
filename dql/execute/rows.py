"""Run the steps that give variables versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dql.backend import Version
from dql.execute.answers import Answers
from dql.execute.explain import Counts
from dql.execute.session import Session
from dql.logical import Filter, Join, Look, Nested, Plan, Restore, Scan, Unit
from dql.memory.evaluate import Evaluator, Row
from dql.memory.values import Several, plain, single
from dql.prepare import Prepared
from dql.rules import variables_of

__all__ = ["Rows"]


class Rows:
    """Gives the rows of one statement.

    Args:
        session: What the run knows.
        evaluator: Finds values and truths.
        answers: Finds versions by accesses.
        source: Returns the versions of what stands behind `from`.
        counts: Where the rows of each step are counted.
        prepared: The query that the statement stands in.
    """

    def __init__(
        self,
        session: Session,
        evaluator: Evaluator,
        answers: Answers,
        source: Callable[[Nested, Row], list[Version]],
        counts: Counts,
        prepared: Prepared,
    ) -> None:
        self._session = session
        self._evaluator = evaluator
        self._answers = answers
        self._source = source
        self._counts = counts
        self._prepared = prepared

    def run(self, plan: Plan, outer: Row) -> Iterator[Row]:
        """Yield the rows of a step; each has the variables of the statements around, too."""
        return self._counts.counted(plan, self._rows(plan, outer))

    def _rows(self, plan: Plan, outer: Row) -> Iterator[Row]:
        if isinstance(plan, Unit):
            yield outer
        elif isinstance(plan, Filter):
            truth = self._evaluator.truth
            for row in self.run(plan.input, outer):
                if truth(plan.condition, row) is True:
                    yield row
        elif isinstance(plan, Join):
            yield from self._join(plan, outer)
        elif isinstance(plan, Restore):
            yield from self._restored(plan, outer)
        elif isinstance(plan, Scan | Look | Nested):
            for version in self._versions(plan, outer):
                if outer:
                    self._session.tried(self._prepared.query.statement, self._prepared.text)
                yield {**outer, plan.variable: version}

    def _versions(self, plan: Scan | Look | Nested, outer: Row) -> Iterator[Version]:
        if isinstance(plan, Nested):
            yield from self._source(plan, outer)
            return
        ids = self._answers.ids(plan.access, outer) if isinstance(plan, Look) else None
        if ids is None:
            yield from self._session.backend.versions()
            return
        for each in ids:
            version = self._session.stored(each)
            if version is not None:
                yield version

    def _restored(self, plan: Restore, outer: Row) -> list[Row]:
        rank = self._session.rank
        rows = list(self.run(plan.input, outer))
        rows.sort(key=lambda row: tuple(rank(row[name].id) for name in plan.variables))
        return rows

    def _join(self, plan: Join, outer: Row) -> Iterator[Row]:
        right: _Right | None = None
        again = _looks_at(plan.right) & _given(plan.left)
        for left in self.run(plan.left, outer):
            if again:
                found: Iterator[Row] = self.run(plan.right, left)
            else:
                if right is None:
                    right = _Right(list(self.run(plan.right, outer)), plan.on, self._evaluator)
                found = right.beside(left, plan.on, self._evaluator)
            for row in found:
                self._session.tried(self._prepared.query.statement, self._prepared.text)
                yield {**left, **row}


def _given(plan: Plan) -> frozenset[str]:
    """Return the variables that some steps give versions to."""
    if isinstance(plan, Join):
        return _given(plan.left) | _given(plan.right)
    if isinstance(plan, Filter | Restore):
        return _given(plan.input)
    return frozenset({plan.variable}) if isinstance(plan, Scan | Look | Nested) else frozenset()


def _looks_at(plan: Plan) -> frozenset[str]:
    """Return the names that the access at the bottom of some steps may use."""
    while isinstance(plan, Filter):
        plan = plan.input
    return variables_of(plan.access) if isinstance(plan, Look) else frozenset()


class _Right:
    """The rows of the right of a join, by the value that must be equal to one of the left."""

    def __init__(self, rows: list[Row], on: Any, evaluator: Evaluator) -> None:
        self._all = rows
        self._by_value: dict[Any, list[int]] = {}
        self._others: list[int] = []
        for place, row in enumerate(rows if on else ()):
            for key in _keys(evaluator.value(on[1], row)):
                if key is None:
                    self._others.append(place)
                else:
                    self._by_value.setdefault(key, []).append(place)

    def beside(self, left: Row, on: Any, evaluator: Evaluator) -> Iterator[Row]:
        """Return the rows that may be equal to one of the left, in their order."""
        if not on:
            return iter(self._all)
        places: set[int] = set(self._others)
        for key in _keys(evaluator.value(on[0], left)):
            if key is None:
                return iter(self._all)
            places.update(self._by_value.get(key, ()))
        return (self._all[place] for place in sorted(places))


def _keys(value: Any) -> Iterator[Any]:
    """Yield what equal values have in common; None where equality is more than that."""
    if isinstance(value, Several):
        for item in value.items:
            yield from _keys(item)
        return
    found = single(value)
    if found is None:
        return
    yield plain(found) if isinstance(found, bool | int | float | str) else None
