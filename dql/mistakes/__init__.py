"""Errors that help: where, what was found, what was expected, and the word probably meant."""

from __future__ import annotations

from dql.mistakes.collect import Mistake, error_of, position, raise_mistakes
from dql.mistakes.nearest import listed, nearest, suggestion
from dql.mistakes.syntax import unexpected, unknown_character

__all__ = [
    "Mistake",
    "error_of",
    "listed",
    "nearest",
    "position",
    "raise_mistakes",
    "suggestion",
    "unexpected",
    "unknown_character",
]
