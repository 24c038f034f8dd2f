"""Read the nodes to build out of an action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dql import ast
from dql.ast.words import POSITIONAL
from dql.backend import EditError, Layer, Value
from dql.memory.evaluate import Evaluator, Row
from dql.memory.values import Several, single
from dql.patterns import PatternError, fill

__all__ = ["chain_of", "filled"]


def filled(piece: ast.Piece, captures: Mapping[int, str]) -> ast.Piece:
    """Return a piece with captures in the place of `$1` in all texts.

    Raises:
        EditError: A number was not captured.
    """
    for text in [each for each in ast.walk(piece) if isinstance(each, ast.Text)]:
        try:
            new = fill(text.value, captures)
        except PatternError as error:
            raise EditError(error.message) from None
        if new != text.value:
            piece = ast.substitute(piece, text, ast.Text(new, span=text.span))
    return piece


def chain_of(
    chain: ast.Chain, captures: Mapping[int, str], evaluator: Evaluator, row: Row
) -> list[Layer]:
    """Return the nodes of a chain, with captures in the place of `$1` in all texts.

    Raises:
        EditError: A text has a `$1` that was not captured.
    """
    return [_layer(filled(each, captures), evaluator, row) for each in chain.nodes]


def _layer(piece: ast.Piece, evaluator: Evaluator, row: Row) -> Layer:
    if not isinstance(piece, ast.Call):
        return Layer(getattr(piece, "name", "").upper())
    kind = piece.name.upper()
    texts: list[str] = []
    attributes: dict[str, Value] = {}
    for argument in piece.arguments:
        value = argument.right if isinstance(argument, ast.Compare) else argument
        found = _listed(evaluator.value(value, row))
        if isinstance(argument, ast.Compare) and isinstance(argument.left, ast.Variable):
            attributes[argument.left.name] = found
        else:
            texts.append(str(found))
    if kind in POSITIONAL and texts:
        attributes.setdefault(POSITIONAL[kind], texts.pop(0))
    given = attributes.pop("name", None)
    name = str(given) if given is not None else texts[0] if texts else ""
    return Layer(kind, name, attributes)


def _listed(value: Any) -> Any:
    if isinstance(value, Several):
        return [_listed(each) for each in value.items]
    return single(value)
