"""Check what `mutate` does to networks."""

from __future__ import annotations

import re

from dql import ast
from dql.ast.words import ACTIONS, BUILDING, TEMPLATES
from dql.check.templates import check_node
from dql.check.types import Checker, Scope
from dql.mistakes import listed, suggestion
from dql.patterns import PatternError, compile_selector

__all__ = ["check_actions"]

# What can be done to the new network as a whole.
_WHOLE = frozenset({"append", "prepend", "freeze", "input", "output"})
_REFERENCE = re.compile(r"\$([1-9])")


def check_actions(piece: ast.Slice | ast.Construct, values: Checker, scope: Scope) -> None:
    """Note what is wrong with the actions of a statement, and which it lacks."""
    for action in piece.actions:
        _action(action, values, scope)
    if isinstance(piece, ast.Slice):
        done = {
            each.target.name for each in piece.actions if isinstance(each.target, ast.Attribute)
        }
        missing = [word for word in ("input", "output") if word not in done]
        name = piece.variable.name
        for word in missing:
            example = f'`mutate {name}.{word} = m1["..."]`'
            values.wrong(piece, f"`slice` needs `{name}.{word}`: {example}.")


def _action(action: ast.Action, values: Checker, scope: Scope) -> None:
    target = action.target
    if not isinstance(target, ast.Attribute):
        values.wrong(target, 'Expected what to change and how: `m["..."].insert = RELU("name")`.')
        return
    of = values.kind(target.of, scope)
    at = target.span.end - len(target.name) - target.span.start
    wants = ACTIONS.get(target.name, "yes")
    if of == "version" and target.name not in _WHOLE:
        hint = suggestion(target.name, _WHOLE) or ' Choose nodes first, `m["..."]`.'
        values.wrong(target, f"`{target.name}` is not done to a whole network.{hint}", at)
    elif of not in ("version", "nodes", "any"):
        values.wrong(target.of, 'Expected nodes, `m["..."]`.')
    if action.value is None:
        if wants == "yes":
            hint = suggestion(target.name, ACTIONS)
            values.wrong(target, f"`{target.name}` needs a value, `= ...`.{hint}", at)
        return
    _value(action, target.name, values, scope)
    _captures(action, values)


def _value(action: ast.Action, verb: str, values: Checker, scope: Scope) -> None:
    value = action.value
    if isinstance(value, ast.Chain):
        for node in value.nodes:
            values.mistakes += check_node(node)
        return
    if value is None:
        return
    if isinstance(value, ast.Call) and value.name.upper() in TEMPLATES:
        hint = (
            suggestion(verb, BUILDING) or f" {listed(f'`{each}`' for each in sorted(BUILDING))} do."
        )
        at = action.target.span.end - len(verb) - action.target.span.start
        values.wrong(action.target, f"`{verb}` takes no node to build.{hint}", at)
        return
    kind = values.kind(value, scope)
    wanted = {"stitch": "nodes", "input": "nodes", "output": "nodes", "rename": "text"}.get(verb)
    if verb == "delete":
        wanted = "nodes"
    if wanted is not None and kind not in (wanted, "any"):
        example = '`m["..."]`' if wanted == "nodes" else 'a name, `"name$1"`'
        values.wrong(value, f"`{verb}` takes {example}.")
    if verb == "repeat" and not (isinstance(value, ast.Number) and isinstance(value.value, int)):
        values.wrong(value, "`repeat` takes a whole number.")


def _captures(action: ast.Action, values: Checker) -> None:
    """Check that each `$1` in a new name is captured by the selector of the target."""
    held: set[int] = set()
    for each in ast.walk(action.target):
        if isinstance(each, ast.Subscript) and isinstance(each.key, ast.Text):
            try:
                held |= set(compile_selector(each.key.value).numbers)
            except PatternError:
                return  # said already, where the target was checked
    for each in ast.walk(action.value) if action.value else ():
        if not isinstance(each, ast.Text):
            continue
        for found in _REFERENCE.finditer(each.value):
            if int(found[1]) not in held:
                message = f"`{found[0]}` is not captured; put `({found[0]})` into the selector."
                values.wrong(each, message, 1 + found.start())
