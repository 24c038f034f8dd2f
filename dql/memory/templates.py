"""Hold nodes against templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dql import ast
from dql.ast.words import POSITIONAL
from dql.backend import Node, Value
from dql.memory.graph import Wiring
from dql.memory.values import any_of, compare, equal, quantity
from dql.patterns import PatternError, compile_like, compile_regex, compile_selector

__all__ = ["Fitting"]


def _kinds(step: ast.Step) -> frozenset[str]:
    return frozenset(each.kind.upper() for each in step.templates)


class Fitting:
    """A pattern made ready to be held against many networks.

    Args:
        pattern: The pattern.
        parameters: The values of `:name`.
    """

    def __init__(self, pattern: ast.Pattern, parameters: Mapping[str, Value]) -> None:
        # Kept, so that no other pattern gets its id.
        self.pattern = pattern
        self._steps = [_Step(step, parameters) for step in pattern.steps]
        self._plain = all(step.plain for step in self._steps)
        # The kinds that the first step names.
        self.first = _kinds(pattern.steps[0])
        self.needs_edges = len(pattern.steps) > 1

    def fits(self, wiring: Wiring, names: Sequence[str]) -> bool:
        """Say whether the pattern starts at one of some nodes: some path fits, step by step."""
        if self._plain:
            # Without attributes it is the same for all networks of a structure.
            structure = wiring.structure
            return structure.once((self, tuple(names)), lambda: self._fits(wiring, names))
        return self._fits(wiring, names)

    def _fits(self, wiring: Wiring, names: Sequence[str]) -> bool:
        here = names
        last = len(self._steps) - 1
        for number, step in enumerate(self._steps):
            if number:
                here = wiring.structure.hop(here, "next", step.reach, step.kinds)
            if number == last:
                return any(step.fits(wiring, name) for name in here)
            here = [name for name in here if step.fits(wiring, name)]
            if not here:
                return False
        return False


class _Step:
    def __init__(self, step: ast.Step, parameters: Mapping[str, Value]) -> None:
        self.reach = step.reach
        self.kinds = _kinds(step)
        self.plain = True
        self._negated = step.negated
        self._by_kind: dict[str, list[list[_Argument]]] = {}
        for template in step.templates:
            kind = template.kind.upper()
            arguments = [_argument(each, kind, parameters) for each in template.arguments]
            self._by_kind.setdefault(kind, []).append(arguments)
            self.plain &= not arguments

    def fits(self, wiring: Wiring, name: str) -> bool:
        """Say whether a node is what the step asks for; most differ in their kind alone."""
        wanted = self._by_kind.get(wiring.structure.kinds[name])
        if wanted is None:
            return self._negated
        if self.plain:
            return not self._negated
        node = wiring.nodes[name]
        for arguments in wanted:
            for each in arguments:
                if not _meets(each, node):
                    break
            else:
                return not self._negated
        return self._negated


@dataclass(frozen=True, slots=True)
class _Argument:
    """An argument of a template: the attribute, and what it is held against."""

    piece: ast.Piece
    name: str
    given: list[Any]


def _argument(piece: ast.Piece, kind: str, parameters: Mapping[str, Value]) -> _Argument:
    if isinstance(piece, ast.Text | ast.Parameter):
        return _Argument(piece, POSITIONAL.get(kind, "name"), [_literal(piece, parameters)])
    subject, *others = piece.parts()
    name = subject.name if isinstance(subject, ast.Variable) else ""
    return _Argument(piece, name, [_literal(each, parameters) for each in others])


def _meets(argument: _Argument, node: Node) -> bool:
    """Say whether a node has what an argument asks for; of several values all must meet it."""
    piece, name, given = argument.piece, argument.name, argument.given
    value = node.name if name == "name" else node.attributes.get(name)
    if isinstance(piece, ast.Text | ast.Parameter):
        return _selects(given[0], node.name) if name == "name" else _equal_word(value, given[0])
    items = value if isinstance(value, list | tuple) else [value]
    truth = all(_test(piece, each, given) is True for each in items)
    if getattr(piece, "negated", False) and not isinstance(piece, ast.IsNull):
        return value is not None and not truth
    return truth


def _equal_word(value: Any, given: Any) -> bool:
    return isinstance(value, str) and isinstance(given, str) and value.upper() == given.upper()


def _selects(selector: Any, name: str) -> bool:
    try:
        return isinstance(selector, str) and compile_selector(selector).match(name) is not None
    except PatternError:
        return False


def _literal(piece: ast.Piece, parameters: Mapping[str, Value]) -> Any:
    if isinstance(piece, ast.Parameter):
        return parameters[piece.name]
    if isinstance(piece, ast.Negate):
        value = _literal(piece.operand, parameters)
        return -value if isinstance(value, int | float) else None
    if isinstance(piece, ast.Quantity):
        return quantity(piece.value, piece.unit)
    if isinstance(piece, ast.Listed):
        return [_literal(item, parameters) for item in piece.items]
    return getattr(piece, "value", None)


def _test(argument: ast.Piece, value: Any, given: list[Any]) -> bool | None:
    if isinstance(argument, ast.Compare):
        return compare(argument.operator, value, given[0])
    if isinstance(argument, ast.Between):
        return compare(">=", value, given[0]) is True and compare("<=", value, given[1]) is True
    if isinstance(argument, ast.In):
        items = given[0] if isinstance(given[0], list | tuple) else [given[0]]
        return any_of(equal(value, item) for item in items)
    if isinstance(argument, ast.IsNull):
        return (value is None) != argument.negated
    compiler: Callable[[str], Any]
    compiler = compile_like if isinstance(argument, ast.Like) else compile_regex
    try:
        return isinstance(value, str) and compiler(str(given[0])).match(value) is not None
    except PatternError:
        return None
