"""Cut a text into tokens, and tokens into clauses.

A *clause* is a keyword such as `where` with all up to the next one that is not in brackets.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from lark import Lark, Token, UnexpectedCharacters

from dql.mistakes import Mistake, unknown_character

__all__ = ["CLAUSES", "STARTS", "brackets", "clauses", "grammar", "lex", "split_and"]

# Clause's first token -> the start symbol that reads it.
CLAUSES = {
    "SELECT": "head", "SLICE": "head", "CONSTRUCT": "head", "EVALUATE": "head", "EXPLAIN": "head",
    "FROM": "sources", "WHERE": "where", "GROUP": "group", "ORDER": "order", "LIMIT": "limit",
    "MUTATE": "mutate", "WITH": "with_", "VARY": "vary", "KEEP": "keep", "AS_TEXT": "save",
}  # fmt: skip
STARTS = ["query", *dict.fromkeys(CLAUSES.values()), "expression", "action", "axis"]
_OPENING = {"LPAR": "RPAR", "LSQB": "RSQB"}
_BRACKET = {"LPAR": "(", "RPAR": ")", "LSQB": "[", "RSQB": "]"}
# Further bad characters would say nothing new, and each costs reading the text again.
_UNKNOWN_MAX = 10
_NESTED_MAX = 64


@cache
def grammar() -> Lark:
    """Return the parser, built on first use; it takes some tenths of a second."""
    text = files("dql").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(text, start=STARTS, parser="lalr", lexer="basic", propagate_positions=True)


def lex(text: str) -> tuple[list[Token], list[Mistake]]:
    """Return the tokens of a text, and the characters that start none."""
    mistakes: list[Mistake] = []
    rest = text
    while True:
        try:
            return list(grammar().lex(rest)), mistakes
        except UnexpectedCharacters as error:
            at = error.pos_in_stream or 0
            mistakes.append(Mistake(at, unknown_character(text, at)))
            if len(mistakes) >= _UNKNOWN_MAX:
                return [], mistakes
            end = _unreadable(text, at)
            rest = rest[:at] + " " * (end - at) + rest[end:]


def _unreadable(text: str, at: int) -> int:
    """Return where reading can go on: behind the line for a text without end."""
    if text[at] in "\"'":
        end = text.find("\n", at)
        return len(text) if end < 0 else end
    return at + (2 if text.startswith(("&&", "||"), at) else 1)


def brackets(tokens: Sequence[Token]) -> list[Mistake]:
    """Return what is wrong with the brackets: not closed, not opened, or too deep."""
    mistakes, opened = [], []
    for token in tokens:
        at = token.start_pos or 0
        if token.type in _OPENING:
            opened.append(token)
            if len(opened) == _NESTED_MAX + 1:
                message = f"Brackets nest deeper than {_NESTED_MAX} levels; name parts of it."
                return [Mistake(at, message)]
        elif token.type in _OPENING.values():
            if not opened:
                mistakes.append(Mistake(at, f"`{token}` closes nothing; there is no bracket open."))
                continue
            wanted = _OPENING[opened.pop().type]
            if wanted != token.type:
                message = f"Found `{token}`, expected `{_BRACKET[wanted]}` to close the bracket."
                mistakes.append(Mistake(at, message))
    mistakes += [
        Mistake(each.start_pos or 0, f"`{each}` is not closed; expected `{closing}` behind it.")
        for each in opened
        for closing in [_BRACKET[_OPENING[each.type]]]
    ]
    return mistakes


def clauses(tokens: Sequence[Token]) -> list[list[Token]]:
    """Return the clauses of a query; what stands before the first is one of its own."""
    found: list[list[Token]] = [[]]
    level, before = 0, ""
    for token in tokens:
        starts = token.type in CLAUSES and before not in ("DERIVED", "EXPLAIN")
        if level == 0 and starts:
            found.append([])
        level += (token.type in _OPENING) - (token.type in _OPENING.values())
        found[-1].append(token)
        before = token.type
    return [clause for clause in found if clause]


def split_and(tokens: Sequence[Token], behind: Token) -> list[tuple[list[Token], Token]]:
    """Return the parts between the `and`s, each with the token behind it.

    An `and` in brackets or of a `between` does not part; `behind` is the token behind all.
    """
    found: list[tuple[list[Token], Token]] = []
    part: list[Token] = []
    level, between = 0, False
    for token in tokens:
        level += (token.type in _OPENING) - (token.type in _OPENING.values())
        if level == 0 and token.type == "AND" and not between:
            found.append((part, token))
            part = []
            continue
        if level == 0 and token.type in ("BETWEEN", "AND"):
            between = token.type == "BETWEEN"
        part.append(token)
    return [*found, (part, behind)]
