"""Check the templates that nodes are held against, and the nodes that are to be built."""

from __future__ import annotations

from dql import ast
from dql.ast.words import TEMPLATE_ATTRIBUTES, TEMPLATES
from dql.mistakes import Mistake, listed, nearest, suggestion

__all__ = ["check_node", "check_pattern"]

_LITERAL = (ast.Number, ast.Text, ast.Boolean, ast.Null, ast.Parameter, ast.Negate, ast.Quantity)


def check_pattern(pattern: ast.Pattern) -> list[Mistake]:
    """Return what is wrong with the templates of a pattern."""
    mistakes: list[Mistake] = []
    for step in pattern.steps:
        for template in step.templates:
            mistakes += _called(template, template.kind, template.arguments, building=False)
    return mistakes


def check_node(node: ast.Piece) -> list[Mistake]:
    """Return what is wrong with a node that is to be built."""
    if isinstance(node, ast.Variable):
        return _called(node, node.name, (), building=True)
    if isinstance(node, ast.Call):
        return _called(node, node.name, node.arguments, building=True)
    return [Mistake(node.span.start, 'Expected a node to build, such as `RELU("name")`.')]


def _called(
    piece: ast.Piece, kind: str, arguments: tuple[ast.Piece, ...], *, building: bool
) -> list[Mistake]:
    mistakes = []
    known = TEMPLATE_ATTRIBUTES.get(kind.upper())
    if known is None:
        hint = suggestion(kind, TEMPLATES) or f" There are {listed(TEMPLATES[:6], 'and')} and more."
        mistakes.append(Mistake(piece.span.start, f"There is no template `{kind}`.{hint}"))
    texts = 0
    for argument in arguments:
        name = _name(argument)
        if name is not None:
            mistakes += _attribute(argument, name, kind, known, building)
        elif isinstance(argument, ast.Text | ast.Parameter):
            texts += 1
        else:
            message = f'Expected `name=value` or a text: `{kind}(kernel=3)`, `{kind}("...")`.'
            mistakes.append(Mistake(argument.span.start, message))
    if texts > 1 + (building and kind.upper() == "POOL"):
        mistakes.append(Mistake(piece.span.start, f"`{kind}` has {texts} texts, expected one."))
    return mistakes


def _name(argument: ast.Piece) -> str | None:
    """Return the attribute that an argument is about, if it is about one."""
    subject = None
    if isinstance(argument, ast.Compare):
        subject = argument.left
    elif isinstance(argument, ast.In | ast.Between | ast.Like | ast.Matches | ast.IsNull):
        subject = argument.subject
    return subject.name if isinstance(subject, ast.Variable) else None


def _attribute(
    argument: ast.Piece, name: str, kind: str, known: tuple[str, ...] | None, building: bool
) -> list[Mistake]:
    mistakes = []
    at = argument.span.start
    # Networks may have attributes that are not in the table; only what looks misspelled is wrong.
    if known is not None and name not in known and name != "name":
        near = nearest(name, known)
        if near:
            mistakes.append(Mistake(at, f"`{kind}` has no `{name}`. Did you mean `{near}`?"))
    if building and not (isinstance(argument, ast.Compare) and argument.operator == "="):
        mistakes.append(Mistake(at, f"A node is built with `{name}=value`."))
    values = list(argument.parts())[1:]
    for value in values:
        items = value.items if isinstance(value, ast.Listed) else (value,)
        mistakes += [
            Mistake(item.span.start, "Expected a number, a text, a truth value or a parameter.")
            for item in items
            if not isinstance(item, _LITERAL)
        ]
    return mistakes
