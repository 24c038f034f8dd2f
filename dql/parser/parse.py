"""Read a query; if it cannot be read, say everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from lark import Token, UnexpectedToken

from dql import ast
from dql.mistakes import Mistake, error_of, raise_mistakes, unexpected
from dql.parser.build import Builder
from dql.parser.tokens import CLAUSES, brackets, clauses, grammar, lex, split_and

__all__ = ["QUERY_CHARS_MAX", "parse", "readable_part"]

# The longest of the queries that people write are a page; the bound keeps reading below seconds.
QUERY_CHARS_MAX = 100_000
# Clauses made of parts joined by `and`: their start symbols and the one of a part.
_PARTED = {"where": "expression", "mutate": "action", "vary": "axis", "keep": "expression"}


def parse(text: str) -> ast.Query:
    """Return the AST of a query.

    Raises:
        DqlError: The text is no query; the error has all the mistakes found.
    """
    if len(text) > QUERY_CHARS_MAX:
        message = f"The query has {len(text)} characters, more than {QUERY_CHARS_MAX}."
        raise_mistakes(text, [Mistake(0, message)])
    tokens, mistakes = lex(text)
    mistakes += brackets(tokens)
    last = _end_of(text, tokens)
    # Where a bracket is missing, so is the sense of all behind it.
    raise_mistakes(text, mistakes)
    try:
        tree = _run(tokens, "query")
    except _Stopped as error:
        raise error_of(text, _recover(tokens, last, error)) from None
    builder = Builder()
    query: ast.Query = builder.transform(tree)
    raise_mistakes(text, builder.mistakes)
    if ast.depth(query) > ast.DEPTH_MAX:
        message = f"The query nests deeper than {ast.DEPTH_MAX} levels; use lists, or name parts."
        raise_mistakes(text, [Mistake(0, message)])
    return query


def readable_part(text: str) -> ast.Query | None:
    """Return what can be read of a query that cannot be as a whole; None if that tells nothing.

    It is the query without the conditions, actions and clauses that cannot be read. Without what
    stands before `where`, nothing can be said of the rest.
    """
    tokens, mistakes = lex(text)
    if mistakes or brackets(tokens) or len(text) > QUERY_CHARS_MAX:
        return None
    kept: list[Token] = []
    for clause in clauses(tokens):
        start = CLAUSES.get(clause[0].type, "head")
        if start in _PARTED and len(clause) > 1:
            end = clause[-1]
            parts = [
                part
                for part, _ in split_and(clause[1:], end)
                if not _tried(part, _PARTED[start], end)
            ]
            for number, part in enumerate(parts):
                kept += [clause[0] if number == 0 else Token("AND", "and"), *part]
        elif not _tried(clause, start, clause[-1]):
            kept += clause
        elif start in ("head", "sources", "group"):
            return None
    try:
        builder = Builder()
        query: ast.Query = builder.transform(_run(kept, "query"))
    except _Stopped:
        return None
    return None if builder.mistakes or ast.depth(query) > ast.DEPTH_MAX else query


# Start symbol -> the clauses that can follow what it reads.
_FOLLOWING: dict[str, Set[str]] = {
    "head": {"FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "MUTATE", "WITH", "VARY", "KEEP"},
    "sources": {"WHERE", "GROUP", "ORDER", "LIMIT", "MUTATE", "WITH", "VARY", "KEEP"},
    "expression": {"AND", "GROUP", "ORDER", "LIMIT", "MUTATE", "WITH", "VARY", "KEEP"},
    "action": {"AND", "AS_TEXT"},
    "axis": {"AND", "KEEP"},
    "group": {"ORDER", "LIMIT"},
    "order": {"LIMIT", "AS_TEXT"},
    "with_": {"VARY", "KEEP"},
}


class _Stopped(Exception):  # noqa: N818
    """Reading stopped at one of some tokens; `number` is its place, their count for the end."""

    def __init__(self, tokens: Sequence[Token], number: int, start: str) -> None:
        super().__init__(number)
        self.tokens = tokens
        self.number = number
        self.start = start

    def mistake(self, behind: Token) -> Mistake:
        """Return what is wrong; `behind` is the token after the last one."""
        # Fed anew without the token that failed: by that one, lark may have reduced too much.
        machine = grammar().parse_interactive("", start=self.start)
        for token in self.tokens[: self.number]:
            machine.feed_token(token)
        earlier = self.tokens[self.number - 1] if self.number else None
        before = (earlier.type, str(earlier)) if earlier is not None else None
        token = self.tokens[self.number] if self.number < len(self.tokens) else behind
        then = _FOLLOWING.get(self.start, frozenset())
        message = unexpected(token.type, str(token), machine.accepts(), before, then)
        return Mistake(token.start_pos or 0, message)


def _end_of(text: str, tokens: Sequence[Token]) -> Token:
    """Return the token behind all: its place is behind the last one, before any comment."""
    at = tokens[-1].end_pos if tokens else len(text.rstrip())
    return Token("$END", "", start_pos=at)


def _run(tokens: Sequence[Token], start: str) -> Any:
    """Return lark's tree of some tokens; raises _Stopped."""
    machine = grammar().parse_interactive("", start=start)
    number = 0
    try:
        for number, token in enumerate(tokens):  # noqa: B007
            machine.feed_token(token)
        number = len(tokens)
        return machine.feed_eof(tokens[-1] if tokens else None)
    except UnexpectedToken:
        raise _Stopped(tokens, number, start) from None


def _recover(tokens: Sequence[Token], end: Token, whole: _Stopped) -> list[Mistake]:
    """Return a mistake for each clause, or part of one, that cannot be read alone.

    If all can, the clauses themselves are wrong, or in the wrong order: `whole` says it.
    """
    found: list[Mistake] = []
    parts = clauses([token for token in tokens if token.type != "SEMICOLON"])
    for number, clause in enumerate(parts):
        behind = end if number + 1 == len(parts) else parts[number + 1][0]
        start = CLAUSES.get(clause[0].type, "head")
        if start in _PARTED and len(clause) > 1:
            for piece, after in split_and(clause[1:], behind):
                found += _tried(piece, _PARTED[start], after)
        else:
            found += _tried(clause, start, behind)
    return found or [whole.mistake(end)]


def _tried(piece: Sequence[Token], start: str, behind: Token) -> list[Mistake]:
    """Return the mistake of a piece of a clause, if it has one."""
    try:
        _run(piece, start)
    except _Stopped as error:
        return [error.mistake(behind)]
    return []
