"""Run a select over any backend by trying every row: slow, and plain enough to be trusted.

It is what faster ways of running a query are held against. A *row* gives each variable a version.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dql import ast
from dql.ast.words import AGGREGATES
from dql.backend import Backend, Value, Version
from dql.memory.evaluate import Evaluator, Row, plain, sort_key
from dql.memory.graph import WholeLineage
from dql.memory.values import TooManyError, equal, single
from dql.mistakes import Mistake, error_of
from dql.prepare import Prepared, given, prepare

__all__ = ["Rows", "run_select"]


@dataclass(frozen=True, slots=True)
class Rows:
    """The result of a select: names of the columns, and rows of as many values."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def run_select(
    text: str,
    backend: Backend,
    parameters: Mapping[str, Value] | None = None,
    *,
    now: datetime.datetime | None = None,
) -> Rows:
    """Run a select.

    Args:
        text: The query.
        backend: What it runs over.
        parameters: The values of `:name`.
        now: What `now()` is; the present if not given.

    Raises:
        DqlError: The query cannot be read, has no meaning, is no select, names a saved query that
            is not there, or a parameter that has no value.
    """
    values = given(parameters)
    moment = now or datetime.datetime.now(datetime.UTC)
    return _Run(backend, values, moment).prepared(prepare(text, backend, values))


class _Run:
    def __init__(
        self, backend: Backend, parameters: Mapping[str, Value], now: datetime.datetime
    ) -> None:
        self._versions = list(backend.versions())
        self._parameters = parameters
        self._lineage = WholeLineage(self._versions)
        self._now = now
        self._prepared: Prepared

    def prepared(self, prepared: Prepared) -> Rows:
        before, self._prepared = getattr(self, "_prepared", prepared), prepared
        try:
            return self._statement(prepared.query.statement, {})
        except TooManyError as error:
            found = [Mistake(error.piece.span.start, error.message)]
            raise error_of(prepared.text, found) from None
        finally:
            self._prepared = before

    def _statement(self, piece: ast.Piece, outer: Row) -> Rows:
        if not isinstance(piece, ast.Select):
            mistake = Mistake(piece.span.start, "Only `select` can be run here.")
            raise error_of(self._prepared.text, [mistake])
        evaluator = Evaluator(self._lineage, self._parameters, self._now, self._subquery)
        rows: list[Row] = [{**outer, **row} for row in self._rows(piece, outer)]
        if piece.where is not None:
            rows = [row for row in rows if evaluator.truth(piece.where, row) is True]
        if piece.group or any(_aggregates(item.value) for item in piece.items):
            found = self._groups(piece, rows, evaluator, outer)
        else:
            found = [(row, [row]) for row in rows]
        lines = [
            (tuple(evaluator.value(item.value, row, group) for item in piece.items), row, group)
            for row, group in found
        ]
        lines = self._ordered(piece, lines, evaluator)
        values = [line for line, _, _ in lines]
        if piece.distinct:
            first: dict[Any, tuple[Any, ...]] = {}
            for value in values:
                first.setdefault(plain(value), value)
            values = list(first.values())
        names = tuple(item.name or _text(item.value, self._prepared.text) for item in piece.items)
        return Rows(names, self._limited(piece, values))

    def _rows(self, piece: ast.Select, outer: Row) -> Iterator[Row]:
        """Yield each way to give the variables versions, in the order of the versions."""
        used = [each.name for item in piece.items for each in ast.own_variables(item)]
        ranges: dict[str, Sequence[Version]] = {}
        declared = {source.variable for source in piece.sources}
        for source in piece.sources:
            name = source.variable or next(each for each in used if each not in declared)
            ranges[name] = self._range(source.origin, outer)
        if not piece.sources:
            ranges = dict.fromkeys(used, self._versions)
        for chosen in itertools.product(*ranges.values()):
            yield dict(zip(ranges, chosen, strict=True))

    def _range(self, origin: ast.Piece | None, outer: Row) -> Sequence[Version]:
        if origin is None:
            return self._versions
        value = self._parameters[origin.name] if isinstance(origin, ast.Parameter) else None
        if isinstance(value, list | tuple):
            values: Sequence[Any] = value
        elif value is not None and not isinstance(value, str):
            values = (value,)
        else:
            values = self._subquery(origin, outer)
        return [
            version
            for version in self._versions
            if any(equal(version, value) is True for value in values)
        ]

    def _subquery(self, piece: ast.Piece, outer: Row) -> list[Any]:
        """Return the first column of a query in parentheses, or of what a name stands for."""
        if isinstance(piece, ast.Subquery):
            return [line[0] for line in self._statement(piece.statement, outer).rows]
        name = piece.value if isinstance(piece, ast.Text) else getattr(piece, "name", "")
        if isinstance(piece, ast.Parameter):
            name = str(self._parameters[piece.name])
        saved = self._prepared.saved[name]
        if saved is None:
            return [each for each in self._versions if each.attributes.get("name") == name]
        return [line[0] for line in self.prepared(saved).rows]

    def _groups(
        self, piece: ast.Select, rows: list[Row], evaluator: Evaluator, outer: Row
    ) -> list[tuple[Row, list[Row]]]:
        groups: dict[Any, list[Row]] = {}
        for row in rows:
            key = plain(tuple(evaluator.value(each, row) for each in piece.group))
            groups.setdefault(key, []).append(row)
        if not piece.group:
            groups.setdefault((), [])
        return [(group[0] if group else outer, group) for group in groups.values()]

    def _ordered(
        self,
        piece: ast.Select,
        lines: list[tuple[tuple[Any, ...], Row, list[Row]]],
        evaluator: Evaluator,
    ) -> list[tuple[tuple[Any, ...], Row, list[Row]]]:
        names = [item.name for item in piece.items]
        for key in reversed(piece.order):
            each = key.value

            def rank(line: tuple[tuple[Any, ...], Row, list[Row]], each: ast.Piece = each) -> Any:
                if isinstance(each, ast.Variable) and each.name in names:
                    return single(line[0][names.index(each.name)])
                return single(evaluator.value(each, line[1], line[2]))

            there = [line for line in lines if rank(line) is not None]
            there.sort(key=lambda line: sort_key(rank(line)), reverse=key.descending)
            lines = there + [line for line in lines if rank(line) is None]
        return lines

    def _limited(self, piece: ast.Select, values: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        start, count = (self._amount(each) for each in (piece.offset, piece.limit))
        start = start or 0
        return values[start:] if count is None else values[start : start + count]

    def _amount(self, piece: ast.Piece | None) -> int | None:
        if isinstance(piece, ast.Parameter):
            value = self._parameters[piece.name]
            return value if isinstance(value, int) else None
        return int(piece.value) if isinstance(piece, ast.Number) else None


def _text(piece: ast.Piece, source: str) -> str:
    """Return an item as it was written: its column's name."""
    return source[piece.span.start : piece.span.end]


def _aggregates(piece: ast.Piece) -> bool:
    return any(
        isinstance(each, ast.Call) and each.name.lower() in AGGREGATES for each in ast.walk(piece)
    )
