"""Find the values of expressions and the truth of conditions in a row."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from dql import ast
from dql.ast.words import AGGREGATES
from dql.backend import Value, Version
from dql.memory.functions import aggregate, apply
from dql.memory.graph import (
    Lineage,
    NodeSet,
    Wiring,
    ancestors,
    common_ancestor,
    descendants,
)
from dql.memory.templates import Fitting
from dql.memory.values import (
    VALUES_MAX,
    Series,
    Several,
    TooManyError,
    all_of,
    any_of,
    calculate,
    compare,
    count,
    equal,
    is_named,
    moment,
    negation,
    plain,
    quantity,
    single,
    sort_key,
)
from dql.patterns import PatternError, compile_like, compile_regex, compile_selector

__all__ = ["Evaluator", "Row", "plain", "sort_key", "wiring_of"]

Row = Mapping[str, Any]
_Truth = bool | None
# Type of a piece -> the method of Evaluator for it.
_METHODS: dict[type, str] = {}
# Patterns that are kept ready; actions make new ones for each node.
_FITTINGS_MAX = 256


def wiring_of(version: Version) -> Wiring | None:
    """Return the wiring of a version's network; None if there is no network."""
    network = version.network()
    return None if network is None else Wiring(network)


class Evaluator:
    """Evaluates the expressions of one statement.

    Args:
        lineage: Which version was made from which.
        parameters: The values of `:name`.
        now: What `now()` is.
        subquery: Returns the values of a query in parentheses, or saved under a name.
        wiring: Returns the wiring of a version's network; None if there is no network.
    """

    def __init__(
        self,
        lineage: Lineage,
        parameters: Mapping[str, Value],
        now: datetime.datetime,
        subquery: Callable[[ast.Piece, Row], Sequence[Any]],
        wiring: Callable[[Version], Wiring | None] = wiring_of,
    ) -> None:
        self._lineage = lineage
        self._parameters = parameters
        self._now = now
        self._subquery_values = subquery
        self._wiring = wiring
        self._group: Sequence[Row] | None = None
        self._all = False
        self._named: frozenset[str] = frozenset()
        self._fittings: dict[int, Fitting] = {}

    def seeing(self, wiring: Callable[[Version], Wiring | None]) -> Evaluator:
        """Return an evaluator that is like this one but finds networks another way."""
        return Evaluator(self._lineage, self._parameters, self._now, self._subquery_values, wiring)

    def value(self, piece: ast.Piece, row: Row, group: Sequence[Row] | None = None) -> Any:
        """Return the value of an expression; `group` is what aggregates run over."""
        method = _METHODS.get(type(piece))
        if method is None:
            method = _METHODS[type(piece)] = f"_{type(piece).__name__.lower()}"
        if group is None:
            return getattr(self, method)(piece, row)
        before, self._group = self._group, group
        try:
            return getattr(self, method)(piece, row)
        finally:
            self._group = before

    def truth(self, piece: ast.Piece, row: Row) -> _Truth:
        """Return the truth of a condition."""
        value = single(self.value(piece, row))
        if isinstance(value, Several):
            return self._quantify(value is True for value in value.items)
        return value if isinstance(value, bool) else None

    def _quantify(self, truths: Iterable[_Truth]) -> _Truth:
        return all_of(truths) if self._all else any_of(truths)

    # literals and paths

    def _number(self, piece: ast.Number, _: Row) -> Any:
        return piece.value

    _text = _boolean = _number

    def _null(self, _: ast.Null, __: Row) -> Any:
        return None

    def _quantity(self, piece: ast.Quantity, _: Row) -> Any:
        return quantity(piece.value, piece.unit)

    def _date(self, piece: ast.Date, _: Row) -> Any:
        return moment(piece.value)

    def _parameter(self, piece: ast.Parameter, _: Row) -> Any:
        value = self._parameters[piece.name]
        return Several(tuple(value)) if isinstance(value, list | tuple) else value

    def _variable(self, piece: ast.Variable, row: Row) -> Any:
        return row.get(piece.name)

    def _listed(self, piece: ast.Listed, row: Row) -> Any:
        return Several(tuple(self.value(each, row) for each in piece.items))

    def _subquery(self, piece: ast.Subquery, row: Row) -> Any:
        return Several(tuple(self._subquery_values(piece, row)))

    def _attribute(self, piece: ast.Attribute, row: Row) -> Any:
        return self._asked(self.value(piece.of, row), piece.name)

    def _asked(self, of: Any, name: str) -> Any:
        if isinstance(of, Several):
            return Several(tuple(self._asked(each, name) for each in of.items))
        if isinstance(of, NodeSet):
            return Several(tuple(_of_node(node, name) for node in of.nodes()))
        if isinstance(of, Series):
            last = of.items[-1] if of.items else None
            first = of.items[0] if of.items else None
            return {"best": of.best, "last": last, "first": first}.get(name)
        if isinstance(of, Mapping):
            return _wrapped(of.get(name))
        return self._of_version(of, name) if hasattr(of, "parents") else None

    def _of_version(self, version: Version, name: str) -> Any:
        lineage = self._lineage
        if name == "parent":
            return next(iter(lineage.parents(version)), None)
        if name in ("parents", "children"):
            return Several(tuple(getattr(lineage, name)(version)))
        if name in ("ancestors", "descendants"):
            reached = ancestors if name == "ancestors" else descendants
            return Several(tuple(reached(lineage, version)))
        if name == "metrics":
            return _Metrics(version.metrics)
        if name in ("config", "metadata"):
            return getattr(version, name)
        if name in ("nodes", "input", "output"):
            return self._nodes(version, name)
        return version.id if name == "id" else _wrapped(version.attributes.get(name))

    def _nodes(self, version: Version, which: str) -> NodeSet | None:
        wiring = self._wiring(version)
        if wiring is None:
            return None
        if which == "nodes":
            return NodeSet(wiring, wiring.names)
        if not wiring.wired:
            return None
        structure = wiring.structure
        return NodeSet(wiring, structure.inputs() if which == "input" else structure.outputs())

    def _subscript(self, piece: ast.Subscript, row: Row) -> Any:
        of, key = self.value(piece.of, row), single(self.value(piece.key, row))
        if not isinstance(key, str):
            return None
        nodes = self._nodes(of, "nodes") if hasattr(of, "parents") else None
        if nodes is None:
            return self._asked(of, key) if isinstance(of, Mapping) else None
        names = nodes.wiring.structure.once(("selected", key), lambda: _selected(nodes.names, key))
        return None if names is None else NodeSet(nodes.wiring, names)

    def _hop(self, piece: ast.Hop, row: Row) -> Any:
        named, self._named = self._named, frozenset()
        of = self.value(piece.of, row)
        self._named = named
        if not isinstance(of, NodeSet) or not of.wiring.wired:
            return None
        reached = of.wiring.structure.hop(of.names, piece.direction, piece.reach, named)
        return NodeSet(of.wiring, reached)

    # operators

    def _negate(self, piece: ast.Negate, row: Row) -> Any:
        return self._lifted(lambda value: _negative(single(value)), self.value(piece.operand, row))

    def _arithmetic(self, piece: ast.Arithmetic, row: Row) -> Any:
        left, right = self.value(piece.left, row), self.value(piece.right, row)
        _bounded(piece, left, right)
        return self._lifted(lambda one, two: calculate(piece.operator, one, two), left, right)

    def _lifted(self, function: Callable[..., Any], *values: Any) -> Any:
        """Return a function's value, for several values those of each."""
        for number, value in enumerate(values):
            if isinstance(value, Several):
                return Several(
                    tuple(
                        self._lifted(function, *values[:number], each, *values[number + 1 :])
                        for each in value.items
                    )
                )
        return function(*values)

    def _call(self, piece: ast.Call, row: Row) -> Any:
        name = piece.name.lower()
        if name in AGGREGATES:
            group = self._group or []
            if not piece.arguments:
                return len(group)
            return aggregate(name, [self.value(piece.arguments[0], each) for each in group])
        if name == "now":
            return self._now
        values = [self.value(each, row) for each in piece.arguments]
        if name == "common_ancestor":
            if all(hasattr(each, "parents") for each in values):
                return common_ancestor(self._lineage, values[0], values[1])
            return None
        return apply(name, values)

    # conditions

    def _and(self, piece: ast.And, row: Row) -> _Truth:
        return all_of(self.truth(each, row) for each in piece.operands)

    def _or(self, piece: ast.Or, row: Row) -> _Truth:
        return any_of(self.truth(each, row) for each in piece.operands)

    def _not(self, piece: ast.Not, row: Row) -> _Truth:
        return negation(self.truth(piece.operand, row))

    def _quantified(self, piece: ast.Quantified, row: Row) -> _Truth:
        before, self._all = self._all, piece.quantifier == "all"
        try:
            return self.truth(piece.condition, row)
        finally:
            self._all = before

    def _held(self, function: Callable[..., _Truth], *values: Any) -> _Truth:
        """Return the truth of a condition on values, any or all of them where several."""
        for number, value in enumerate(values):
            if isinstance(value, Several):
                return self._quantify(
                    self._held(function, *values[:number], each, *values[number + 1 :])
                    for each in value.items
                )
        return function(*values)

    def _compare(self, piece: ast.Compare, row: Row) -> _Truth:
        left, right = self.value(piece.left, row), self.value(piece.right, row)
        _bounded(piece, left, right)
        return self._held(lambda one, two: compare(piece.operator, one, two), left, right)

    def _between(self, piece: ast.Between, row: Row) -> _Truth:
        subject = self.value(piece.subject, row)
        low, high = self.value(piece.low, row), self.value(piece.high, row)
        return self._signed(
            self._held(
                lambda each: all_of((compare(">=", each, low), compare("<=", each, high))), subject
            ),
            piece.negated,
        )

    def _signed(self, truth: _Truth, negated: bool) -> _Truth:
        return negation(truth) if negated else truth

    def _in(self, piece: ast.In, row: Row) -> _Truth:
        subject = self.value(piece.subject, row)
        values = piece.values
        unbound = isinstance(values, ast.Variable) and values.name not in row
        if isinstance(values, ast.Text) or unbound:
            among: Any = Several(tuple(self._subquery_values(values, row)))
        else:
            among = self.value(values, row)
        if among is None:
            return None
        _bounded(piece, subject, among)
        items = among.items if isinstance(among, Several) else (among,)
        truth = self._held(lambda each: any_of(equal(each, item) for item in items), subject)
        return self._signed(truth, piece.negated)

    def _matched(
        self, piece: ast.Like | ast.Matches, row: Row, compiler: Callable[[str], Any]
    ) -> _Truth:
        subject, pattern = self.value(piece.subject, row), single(self.value(piece.pattern, row))
        try:
            compiled = compiler(pattern) if isinstance(pattern, str) else None
        except PatternError:
            compiled = None

        def holds(text: Any) -> _Truth:
            if compiled is None or not isinstance(text, str):
                return None
            return compiled.match(text) is not None

        return self._signed(self._held(holds, subject), piece.negated)

    def _like(self, piece: ast.Like, row: Row) -> _Truth:
        return self._matched(piece, row, compile_like)

    def _matches(self, piece: ast.Matches, row: Row) -> _Truth:
        return self._matched(piece, row, compile_regex)

    def _isnull(self, piece: ast.IsNull, row: Row) -> _Truth:
        value = single(self.value(piece.subject, row))
        return (value is None) != piece.negated

    def _derivedfrom(self, piece: ast.DerivedFrom, row: Row) -> _Truth:
        subject, origin = self.value(piece.subject, row), self.value(piece.origin, row)
        if not hasattr(subject, "parents") or origin is None:
            return None
        before = ancestors(self._lineage, subject)
        items = origin.items if isinstance(origin, Several) else (origin,)
        found = any(
            is_named(each, item) if isinstance(item, str) else equal(each, item)
            for item in items
            for each in before
        )
        return found != piece.negated

    def _has(self, piece: ast.Has, row: Row) -> _Truth:
        pattern = self._fitting(piece.pattern)
        self._named = pattern.first
        subject = self.value(piece.subject, row)
        self._named = frozenset()
        if hasattr(subject, "parents"):
            subject = self._nodes(subject, "nodes")
        if not isinstance(subject, NodeSet):
            return None
        wiring = subject.wiring
        if pattern.needs_edges and not wiring.wired:
            return None
        if self._all and not piece.negated:
            return all(pattern.fits(wiring, [each]) for each in subject.names)
        return pattern.fits(wiring, subject.names) != piece.negated

    def _fitting(self, pattern: ast.Pattern) -> Fitting:
        found = self._fittings.get(id(pattern))
        if found is None:
            if len(self._fittings) >= _FITTINGS_MAX:
                self._fittings.clear()
            found = self._fittings[id(pattern)] = Fitting(pattern, self._parameters)
        return found


class _Metrics(Mapping[str, Series]):
    """The metrics of a version; the values of one are looked up when it is asked for."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Sequence[float]]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Series:
        return Series(name, self._values[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _selected(names: Sequence[str], key: str) -> tuple[str, ...] | None:
    """Return the names that a selector takes; None if it is none."""
    try:
        selector = compile_selector(key)
    except PatternError:
        return None
    return tuple([name for name in names if selector.match(name) is not None])


def _bounded(piece: ast.Piece, left: Any, right: Any) -> None:
    """Refuse to try each of many values with each of many others."""
    if count(left) * count(right) > VALUES_MAX:
        raise TooManyError(piece)


def _negative(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | datetime.timedelta):
        return None
    return -value


def _of_node(node: Any, name: str) -> Any:
    return getattr(node, name) if name in ("name", "kind") else _wrapped(node.attributes.get(name))


def _wrapped(value: Any) -> Any:
    return Several(tuple(value)) if isinstance(value, list | tuple) else value
