"""Check what `mutate` does to networks."""

from __future__ import annotations

import re

from dql import ast
from dql.ast.words import ACTIONS, BUILDING, TEMPLATES
from dql.check.templates import check_node
from dql.check.types import Checker, Scope
from dql.mistakes import listed, suggestion
from dql.patterns import PatternError, compile_selector

__all__ = ["base_of", "check_actions", "check_references"]

# What can be done to the new network as a whole.
_WHOLE = frozenset({"append", "prepend", "freeze", "input", "output"})
_REFERENCE = re.compile(r"\$([1-9])")


def base_of(statement: ast.Slice | ast.Construct) -> str:
    """Return the variable whose network is cut or changed.

    In a slice it is that of the first node behind `=`; in a construct that of the first action's
    target. Where that is the new network itself, it is the first behind `from`.
    """
    sources = [each.variable for each in statement.sources if each.variable is not None]
    for action in statement.actions:
        piece = action.value if isinstance(statement, ast.Slice) else action.target
        first = next(iter(ast.own_variables(piece)), None) if piece is not None else None
        if first is not None and first.name in sources:
            return first.name
    return sources[0] if sources else ""


def check_actions(piece: ast.Slice | ast.Construct, values: Checker, scope: Scope) -> None:
    """Note what is wrong with the actions of a statement, and which it lacks."""
    base, name = base_of(piece), piece.variable.name
    for action in piece.actions:
        before = len(values.mistakes)
        _action(action, values, scope)
        if len(values.mistakes) == before:
            _placed(action, piece, values, base)
    if isinstance(piece, ast.Slice):
        done = {_verb(each) for each in piece.actions}
        missing = [word for word in ("input", "output") if word not in done]
        for word in missing:
            example = f'`mutate {name}.{word} = m1["..."]`'
            values.wrong(piece, f"`slice` needs `{name}.{word}`: {example}.")


def check_references(piece: ast.Piece, values: Checker) -> None:
    """Note each `$1` in a selector where nothing was captured yet."""
    for each in ast.walk(piece):
        if isinstance(each, ast.Subscript) and isinstance(each.key, ast.Text):
            for found in _REFERENCE.finditer(each.key.value):
                around = each.key.value[max(0, found.start() - 1) : found.end() + 1]
                if around != f"({found[0]})" and not around.startswith("\\"):
                    message = (
                        f"`{found[0]}` is what was captured, for names behind `mutate`; "
                        f"write `({found[0]})` to capture, `\\{found[0]}` for itself."
                    )
                    values.wrong(each.key, message, 1 + found.start())


def _verb(action: ast.Action) -> str:
    return action.target.name if isinstance(action.target, ast.Attribute) else ""


def _placed(
    action: ast.Action, piece: ast.Slice | ast.Construct, values: Checker, base: str
) -> None:
    """Check that an action is done to the one network that is changed, and where it can be."""
    verb, new = _verb(action), piece.variable.name
    target = next(iter(ast.own_variables(action.target)), None)
    at = action.target.span.end - len(verb) - action.target.span.start
    if verb in ("input", "output"):
        if isinstance(piece, ast.Construct):
            message = f"`{verb}` says where a slice is cut; write `slice {new} from ...`."
            values.wrong(action.target, message, at)
            return
        if target is not None and target.name != new:
            values.wrong(target, f"`{verb}` is of the new network: `{new}.{verb} = ...`.")
        target = next(iter(ast.own_variables(action.value)), None) if action.value else None
    if target is not None and target.name not in (base, new):
        message = f"Here the network of `{base}` is changed; `{target.name}` stays as it is."
        values.wrong(target, message)


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
    elif of == "nodes" and target.name in ("append", "prepend"):
        hint = "`insert` puts nodes behind others, `insert_before` before them."
        message = f"`{target.name}` is done to a whole network, `m2.{target.name} = ...`; {hint}"
        values.wrong(target, message, at)
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
    whole = isinstance(value, ast.Number) and isinstance(value.value, int) and value.value > 0
    if verb == "repeat" and not (whole or isinstance(value, ast.Parameter)):
        values.wrong(value, "`repeat` takes a whole number from 1.")


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
