"""Check the clauses of statements: what names they bind, and what they must have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dql import ast
from dql.ast.words import AGGREGATES, FUNCTIONS, Kind
from dql.backend import Value
from dql.check.actions import check_actions, check_references
from dql.check.types import Checker, Scope
from dql.mistakes import Mistake, raise_mistakes

__all__ = ["check", "mistakes_of"]


def check(query: ast.Query, source: str) -> None:
    """Check what a query means: names, kinds of values, templates, patterns.

    Args:
        query: What `parse` made of the text.
        source: The text, to show in errors.

    Raises:
        DqlError: Something does not fit; the error has all the mistakes.
    """
    raise_mistakes(source, mistakes_of(query))


def mistakes_of(query: ast.Query, parameters: Mapping[str, Value] | None = None) -> list[Mistake]:
    """Return all that is wrong with a query; of parameters not given nothing is known."""
    checker = _Statements(parameters or {})
    checker.statement(query.statement, {})
    return checker.values.mistakes


class _Statements:
    def __init__(self, parameters: Mapping[str, Value]) -> None:
        self.values = Checker(self.statement, parameters)

    def statement(self, piece: ast.Piece, outer: Scope) -> None:
        """Check a statement in the scope of the one around it."""
        allowed, self.values.aggregates_allowed = self.values.aggregates_allowed, False
        if isinstance(piece, ast.Select):
            self._select(piece, outer)
        elif isinstance(piece, ast.Slice | ast.Construct):
            self._building(piece, outer)
        elif isinstance(piece, ast.Evaluate):
            self._evaluate(piece, outer)
        self.values.aggregates_allowed = allowed

    def _sources(self, sources: Sequence[ast.Source], free: list[str], outer: Scope) -> set[str]:
        """Check what stands behind `from`; return the names that it binds.

        Args:
            free: The names that a source without one may bind: the first that no other binds.
        """
        named = [source.variable for source in sources if source.variable is not None]
        bound = set(named)
        for source in sources:
            if source.variable is not None and named.count(source.variable) > 1:
                self.values.wrong(source, f"`{source.variable}` stands twice behind `from`.")
            if source.variable is None:
                left = [name for name in free if name not in bound]
                bound.update(left[:1])
                if len(left) != 1:
                    message = "It is not clear which variable this is for; write `m in ...`."
                    self.values.wrong(source, message)
            if isinstance(source.origin, ast.Subquery):
                self.statement(source.origin.statement, outer)
        return bound

    def _select(self, piece: ast.Select, outer: Scope) -> None:
        own = list(
            dict.fromkeys(each.name for item in piece.items for each in ast.own_variables(item))
        )
        bound = self._sources(piece.sources, own, outer) if piece.sources else set(own)
        if not own and not piece.sources:
            self.values.wrong(piece.items[0], "Nothing to select from; add `from m`.")
        scope: dict[str, Kind] = {**outer, **dict.fromkeys(sorted(bound), "version")}
        self.values.aggregates_allowed = True
        for item in piece.items:
            self.values.kind(item.value, scope)
        self.values.aggregates_allowed = False
        if piece.where is not None:
            self.values.condition(piece.where, scope)
            check_references(piece.where, self.values)
        for key in piece.group:
            self.values.kind(key, scope)
        self.values.aggregates_allowed = True
        columns: dict[str, Kind] = {item.name: "any" for item in piece.items if item.name}
        for order in piece.order:
            self.values.kind(order.value, {**scope, **columns})
        self._grouped(piece)
        for amount in (piece.limit, piece.offset):
            if isinstance(amount, ast.Number) and not isinstance(amount.value, int):
                self.values.wrong(amount, f"Found {amount.value}, expected a whole number.")

    def _grouped(self, piece: ast.Select) -> None:
        """Check that each column has one value for each group."""
        if not piece.group and not any(_aggregates(item.value) for item in piece.items):
            return
        for item in piece.items:
            if _unknown(item.value):
                continue  # it may have been meant for an aggregate
            if item.value not in piece.group and not _aggregates(item.value):
                message = "This is neither behind `group by` nor inside `count`, `min` or the like."
                self.values.wrong(item, message)

    def _building(self, piece: ast.Slice | ast.Construct, outer: Scope) -> None:
        word = type(piece).__name__.lower()
        if not piece.sources:
            self.values.wrong(piece, f"`{word}` needs to know from what: `{word} m2 from m1`.")
        bound = self._sources(piece.sources, [], outer)
        if piece.variable.name in bound:
            name = piece.variable.name
            message = f"`{name}` is the new network; what it comes from needs another name."
            self.values.wrong(piece.variable, message)
        scope: dict[str, Kind] = {**outer, **dict.fromkeys(sorted(bound), "version")}
        if piece.where is not None:
            self.values.condition(piece.where, scope)
            check_references(piece.where, self.values)
        check_actions(piece, self.values, {**scope, piece.variable.name: "version"})

    def _evaluate(self, piece: ast.Evaluate, outer: Scope) -> None:
        name = piece.variable.name
        if not piece.sources:
            message = f'`evaluate` needs to know which models: `evaluate {name} from "query"`.'
            self.values.wrong(piece, message)
        self._sources(piece.sources, [name], outer)
        scope: dict[str, Kind] = {**outer, name: "version"}
        if piece.where is not None:
            self.values.condition(piece.where, scope)
            check_references(piece.where, self.values)
        config = piece.config.name if piece.config else "config"
        scope[config] = "config"
        if piece.config is not None:
            self.values.kind(piece.config.value, scope)
        for axis in piece.axes:
            self.values.kind(axis.target, scope)
            check_references(axis.target, self.values)
            if isinstance(axis.target, ast.Variable):
                message = f"Vary a setting, such as `{axis.target.name}.base_lr`."
                self.values.wrong(axis.target, message)
            if axis.values is not None and self.values.kind(axis.values, scope) not in (
                "values",
                "any",
            ):
                self.values.wrong(axis.values, "Expected a list such as `[0.1, 0.01]`.")
        if piece.keep is not None:
            # m["loss"] is a metric of a trial here, whatever metrics the trials report.
            self.values.condition(piece.keep, {**scope, name: "config"})


def _aggregates(piece: ast.Piece) -> bool:
    return any(
        isinstance(each, ast.Call) and each.name.lower() in AGGREGATES for each in ast.walk(piece)
    )


def _unknown(piece: ast.Piece) -> bool:
    return any(
        isinstance(each, ast.Call) and each.name.lower() not in FUNCTIONS
        for each in ast.walk(piece)
    )
