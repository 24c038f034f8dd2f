"""Run one statement: plan it once, then give its lines as often as they are asked for.

A *line* is the values of the columns with the row, and the group of rows, that they come from.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from dql import ast
from dql.backend import Version
from dql.execute.answers import Answers
from dql.execute.build import Builder, Made
from dql.execute.explain import Counts, Estimates
from dql.execute.rows import Rows
from dql.execute.session import Session
from dql.logical import Build, Distinct, Group, Limit, Nested, Order, Plan, Project, Trials
from dql.lower import lower, ranges
from dql.memory.evaluate import Evaluator, Row
from dql.memory.values import TooManyError, plain, single, sort_key
from dql.prepare import Prepared
from dql.rules import free_variables, improve

__all__ = ["Statement"]

# What may stand for a saved query.
_NAMES = (ast.Text, ast.Variable, ast.Parameter)

Line = tuple[tuple[Any, ...], Row, Sequence[Row]]


class Statement:
    """A statement, planned.

    Args:
        session: What the run knows.
        prepared: The query that the statement stands in.
        statement: The statement.
        outer: The variables of the statements around.
        made: What `slice` and `construct` tell besides their networks.
        improved: Whether the rules are to be used.
    """

    def __init__(
        self,
        session: Session,
        prepared: Prepared,
        statement: ast.Piece,
        outer: frozenset[str],
        made: Made,
        *,
        improved: bool = True,
    ) -> None:
        self._session = session
        self._prepared = prepared
        self._outer = outer
        self._made = made
        self.explaining = session.explaining
        self._improved = improved
        self._inner: dict[int, Statement] = {}
        self._values: dict[int | str, list[Any]] = {}
        self.counts = Counts()
        self.evaluator = Evaluator(
            session, session.parameters, session.now, self.values, session.wiring
        )
        self.answers = Answers(session, self.evaluator, self.values, self._about)
        self.statement = statement
        self.scope = outer | frozenset(ranges(statement))
        self.estimates = Estimates(self.answers, self.scope)
        plan = lower(statement)  # type: ignore[arg-type]
        try:
            self.plan = improve(plan, self.answers, outer) if improved else plan
        except TooManyError as error:
            raise session.wrong(error.piece, prepared.text, error.message) from None
        self._rows = Rows(session, self.evaluator, self.answers, self._range, self.counts, prepared)

    def lines(self, outer: Row) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of the result, in order."""
        try:
            for values, _, _ in self._run(self.plan, outer):
                yield values
        except TooManyError as error:
            raise self._session.wrong(error.piece, self._prepared.text, error.message) from None

    # queries inside

    def values(self, piece: ast.Piece, row: Row) -> list[Any]:
        """Return the first column of a query in parentheses, or of what a name stands for."""
        if isinstance(piece, ast.Subquery):
            inner = self._inside(piece)
            outer = {name: row[name] for name in free_variables(piece) if name in row}
            if outer:
                return [line[0] for line in inner.lines(outer)]
            # The statement, which `_inner` keeps: a piece may be one that is made for a moment.
            key: int | str = id(piece.statement)
            if key not in self._values:
                self._values[key] = [line[0] for line in inner.lines({})]
            return self._values[key]
        name = self._name_of(piece)
        if name not in self._values:
            saved = self._prepared.saved[name]
            if saved is None:
                found: list[Any] = [
                    each
                    for each in self.answers.by_text(name)
                    if each.attributes.get("name") == name
                ]
            else:
                found = [line[0] for line in self._saved(name, saved).lines({})]
            self._values[name] = found
        return self._values[name]

    def _name_of(self, piece: ast.Piece | None) -> str:
        """Return the name of a saved query, or of versions, that a piece stands for."""
        if isinstance(piece, ast.Parameter):
            return str(self._session.parameters[piece.name])
        return piece.value if isinstance(piece, ast.Text) else getattr(piece, "name", "")

    def _inside(self, piece: ast.Subquery) -> Statement:
        """Return the statement in parentheses, planned."""
        key = id(piece.statement)
        if key not in self._inner:
            self._inner[key] = self._child(self._prepared, piece.statement, self.scope)
        return self._inner[key]

    def _saved(self, name: str, prepared: Prepared) -> Statement:
        if name not in self._session.saved:
            self._session.saved[name] = self._child(prepared, prepared.query.statement, frozenset())
        found: Statement = self._session.saved[name]
        return found

    def _child(self, prepared: Prepared, statement: ast.Piece, outer: frozenset[str]) -> Statement:
        return Statement(
            self._session, prepared, statement, outer, self._made, improved=self._improved
        )

    def inner(self, piece: ast.Piece) -> Iterator[Statement]:
        """Yield the statements that were run for a piece of this one."""
        named = [piece]
        for each in ast.walk(piece):
            if isinstance(each, ast.Subquery) and id(each.statement) in self._inner:
                yield self._inner[id(each.statement)]
            if isinstance(each, ast.In):
                named.append(each.values)
        for each in named:
            name = self._name_of(each) if isinstance(each, _NAMES) else ""
            if name in self._values and name in self._session.saved:
                yield self._session.saved[name]

    def _range(self, step: Nested, outer: Row) -> list[Version]:
        """Return the versions of a source in their order."""
        given = None
        if isinstance(step.origin, ast.Parameter):
            given = self._session.parameters[step.origin.name]
        if given is None or isinstance(given, str):
            values: Sequence[Any] = self.values(step.origin, outer)
        else:
            values = given if isinstance(given, list | tuple) else (given,)
        found = {each.id: each for each in self.answers.versions_in(values)}
        return sorted(found.values(), key=lambda each: self._session.rank(each.id))

    def _about(self, step: Nested) -> float:
        """Return about how many versions a source gives."""
        if isinstance(step.origin, ast.Parameter):
            given = self._session.parameters[step.origin.name]
            if not isinstance(given, str):
                return len(given) if isinstance(given, list | tuple) else 1.0
        if isinstance(step.origin, ast.Subquery):
            inner = self._inside(step.origin)
            return self._about_rows(inner)
        name = self._name_of(step.origin)
        saved = self._prepared.saved[name]
        if saved is None:
            return float(len(self.answers.by_text(name)))
        return self._about_rows(self._saved(name, saved))

    @staticmethod
    def _about_rows(inner: Statement) -> float:
        return inner.estimates.of(inner.plan)

    # steps that give lines

    def _run(self, plan: Plan, outer: Row) -> Iterator[Line]:
        return self.counts.counted(plan, self._lines(plan, outer))

    def _lines(self, plan: Plan, outer: Row) -> Iterator[Line]:
        if isinstance(plan, Project):
            yield from self._project(plan, outer)
        elif isinstance(plan, Order):
            yield from self._ordered(plan, list(self._run(plan.input, outer)))
        elif isinstance(plan, Distinct):
            seen = set()
            for line in self._run(plan.input, outer):
                key = plain(line[0])
                if key not in seen:
                    seen.add(key)
                    yield line
        elif isinstance(plan, Limit):
            start, count = self._amount(plan.offset) or 0, self._amount(plan.count)
            stop = None if count is None else start + count
            yield from itertools.islice(self._run(plan.input, outer), start, stop)
        elif isinstance(plan, Build):
            build = Builder(
                self._session, self._prepared, plan.statement, self.evaluator, self._made
            )
            for row in self._rows.run(plan.input, outer):
                for version in build.versions(row):
                    yield (version,), row, (row,)
        elif isinstance(plan, Trials):
            if self.explaining:
                for _ in self._rows.run(plan.input, outer):
                    pass
                return
            message = "`evaluate` cannot be run yet; `explain evaluate ...` says what it would try."
            raise self._session.wrong(plan.statement, self._prepared.text, message)

    def _project(self, plan: Project, outer: Row) -> Iterator[Line]:
        value = self.evaluator.value
        if isinstance(plan.input, Group):
            for row, group in self.counts.counted(plan.input, self._groups(plan.input, outer)):
                yield tuple(value(item.value, row, group) for item in plan.items), row, group
            return
        for row in self._rows.run(plan.input, outer):
            yield tuple(value(item.value, row) for item in plan.items), row, (row,)

    def _groups(self, plan: Group, outer: Row) -> Iterator[tuple[Row, Sequence[Row]]]:
        groups: dict[Any, list[Row]] = {}
        for row in self._rows.run(plan.input, outer):
            key = plain(tuple(self.evaluator.value(each, row) for each in plan.keys))
            groups.setdefault(key, []).append(row)
        if not plan.keys:
            groups.setdefault((), [])
        for group in groups.values():
            yield (group[0] if group else outer), group

    def _ordered(self, plan: Order, lines: list[Line]) -> list[Line]:
        names = [item.name for item in plan.items]
        for key in reversed(plan.keys):
            ranked = [(self._rank(key.value, names, line), line) for line in lines]
            there = [each for each in ranked if each[0] is not None]
            there.sort(key=lambda each: sort_key(each[0]), reverse=key.descending)
            lines = [line for _, line in there] + [line for at, line in ranked if at is None]
        return lines

    def _rank(self, piece: ast.Piece, names: Sequence[str | None], line: Line) -> Any:
        values, row, group = line
        if isinstance(piece, ast.Variable) and piece.name in names:
            return single(values[names.index(piece.name)])
        return single(self.evaluator.value(piece, row, group))

    def _amount(self, piece: ast.Piece | None) -> int | None:
        if isinstance(piece, ast.Parameter):
            value = self._session.parameters[piece.name]
            return value if isinstance(value, int) else None
        return int(piece.value) if isinstance(piece, ast.Number) else None
