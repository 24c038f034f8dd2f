"""Hold the given parameters against the places where they stand."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dql import ast
from dql.backend import Value
from dql.mistakes import Mistake, listed
from dql.patterns import PatternError, compile_like, compile_regex, compile_selector

__all__ = ["given", "mistakes_of_parameters"]


def given(parameters: Mapping[str, Value] | None) -> dict[str, Value]:
    """Return parameters with every time in UTC that has no zone."""
    return {name: _zoned(value) for name, value in (parameters or {}).items()}


def _zoned(value: Value) -> Value:
    if isinstance(value, datetime.datetime) and value.tzinfo is None:
        return value.replace(tzinfo=datetime.UTC)
    return [_zoned(each) for each in value] if isinstance(value, list | tuple) else value


_PLAIN = (bool, int, float, str, datetime.datetime, datetime.timedelta)


def mistakes_of_parameters(query: ast.Query, parameters: Mapping[str, Value]) -> list[Mistake]:
    """Return what is wrong with the values of a query's parameters, and which are missing."""
    mistakes: dict[ast.Span, Mistake] = {}

    def wrong(piece: ast.Parameter, message: str) -> None:
        mistakes.setdefault(piece.span, Mistake(piece.span.start, message))

    for each in ast.walk(query):
        if isinstance(each, ast.Parameter):
            if each.name not in parameters:
                wrong(each, f"The parameter `:{each.name}` has no value.{_hint(parameters)}")
            elif not _is_value(parameters[each.name]):
                kind = type(parameters[each.name]).__name__
                message = (
                    f"`:{each.name}` is of type {kind}, expected a text, a number, a time or a "
                    "list."
                )
                wrong(each, message)
    for piece, wanted in _places(query):
        if piece.name not in parameters or piece.span in mistakes:
            continue
        message = _fault(parameters[piece.name], wanted)
        if message:
            wrong(piece, f"`:{piece.name}` is {_shown(parameters[piece.name])}, {message}.")
    return list(mistakes.values())


def _hint(parameters: Mapping[str, Value]) -> str:
    if not parameters:
        return ""
    return f" Given: {listed((f'`:{name}`' for name in parameters), 'and')}."


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _is_value(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_value(each) for each in value)
    return value is None or isinstance(value, _PLAIN) or hasattr(value, "parents")


def _places(query: ast.Query) -> Iterator[tuple[ast.Parameter, str]]:
    """Yield each parameter that must be of one kind, with that kind."""
    for each in ast.walk(query):
        places: list[tuple[ast.Piece | None, str]] = []
        if isinstance(each, ast.Select):
            places = [(each.limit, "count"), (each.offset, "count")]
        elif isinstance(each, ast.Like):
            places = [(each.pattern, "like")]
        elif isinstance(each, ast.Matches):
            places = [(each.pattern, "matches")]
        elif isinstance(each, ast.Subscript):
            places = [(each.key, "selector")]
        elif isinstance(each, ast.Source):
            places = [(each.origin, "source")]
        elif isinstance(each, ast.In):
            places = [(each.values, "list")]
        for piece, wanted in places:
            if isinstance(piece, ast.Parameter):
                yield piece, wanted


def _fault(value: Any, wanted: str) -> str:
    """Return what a value should be, if it is not."""
    if wanted == "count":
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return "" if whole else "expected a whole number from 0"
    if wanted == "list":
        return "" if isinstance(value, list | tuple) else "expected a list"
    if wanted == "source":
        texts = isinstance(value, list | tuple) and all(
            isinstance(each, str) or hasattr(each, "parents") for each in value
        )
        good = texts or isinstance(value, str) or hasattr(value, "parents")
        return "" if good else "expected a name, or a list of versions or their ids"
    if not isinstance(value, str):
        return "expected a text"
    compilers: dict[str, Callable[[str], object]] = {
        "like": compile_like, "matches": compile_regex, "selector": compile_selector,
    }  # fmt: skip
    try:
        compilers[wanted](value)
    except PatternError as error:
        return f"in which {error.message}"
    return ""
