"""Hold nodes against templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dql import ast
from dql.ast.words import POSITIONAL
from dql.backend import Node, Value
from dql.memory.graph import Wiring
from dql.memory.values import any_of, compare, equal, negation, quantity
from dql.patterns import PatternError, compile_like, compile_regex, compile_selector

__all__ = ["first_kinds", "fits"]


def first_kinds(pattern: ast.Pattern) -> frozenset[str]:
    """Return the kinds that a pattern's first step names."""
    return _kinds(pattern.steps[0])


def _kinds(step: ast.Step) -> frozenset[str]:
    return frozenset(each.kind.upper() for each in step.templates)


def fits(
    pattern: ast.Pattern,
    wiring: Wiring,
    names: Iterable[str],
    parameters: Mapping[str, Value],
) -> bool:
    """Say whether a pattern starts at one of some nodes: some path fits, step by step."""
    here = set(names)
    for number, step in enumerate(pattern.steps):
        if number:
            here = set(wiring.hop(here, "next", step.reach, _kinds(step)))
        here = {each for each in here if _fits(step, wiring.nodes[each], parameters)}
    return bool(here)


def _fits(step: ast.Step, node: Node, parameters: Mapping[str, Value]) -> bool:
    found = any(_is(template, node, parameters) for template in step.templates)
    return found != step.negated


def _is(template: ast.Template, node: Node, parameters: Mapping[str, Value]) -> bool:
    kind = template.kind.upper()
    if node.kind != kind:
        return False
    for argument in template.arguments:
        if isinstance(argument, ast.Text | ast.Parameter):
            given = _literal(argument, parameters)
            held = (
                _equal_word(node.attributes.get(POSITIONAL[kind]), given)
                if kind in POSITIONAL
                else _selects(given, node.name)
            )
        else:
            held = _condition(argument, node, parameters) is True
        if not held:
            return False
    return True


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


def _condition(argument: ast.Piece, node: Node, parameters: Mapping[str, Value]) -> bool | None:
    """Return the truth of `kernel=3` and the like; of several values all must meet it."""
    subject, *others = argument.parts()
    name = subject.name if isinstance(subject, ast.Variable) else ""
    value = node.name if name == "name" else node.attributes.get(name)
    given = [_literal(each, parameters) for each in others]
    items = value if isinstance(value, list | tuple) else [value]
    truth = all(_test(argument, each, given) is True for each in items)
    if getattr(argument, "negated", False) and not isinstance(argument, ast.IsNull):
        return None if value is None else negation(truth)
    return truth


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
