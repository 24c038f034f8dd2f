"""Say what was found where the grammar wanted something else."""

from __future__ import annotations

from collections.abc import Set

from dql.ast.words import KEYWORDS
from dql.mistakes.nearest import listed, nearest

__all__ = ["unexpected", "unknown_character"]

# What starts a value; shown as one.
_VALUE = {
    "NAME", "NUMBER", "QUANTITY", "STRING", "DATE", "BOOLEAN", "NULL", "PARAMETER", "MINUS",
    "LSQB", "LPAR",
}  # fmt: skip
_SIGNS = {
    "LPAR": "`(`", "RPAR": "`)`", "LSQB": "`[`", "RSQB": "`]`", "COMMA": "`,`", "EQUAL": "`=`",
    "SEMICOLON": "`;`", "VBAR": "`|`",
}  # fmt: skip
_NAMED = {
    "NAME": "a name",
    "STRING": "a text in quotes",
    "NUMBER": "a number",
    "PARAMETER": "a parameter such as `:name`",
    "COMPARE": "a comparison",
    "ARROW": "`->`",
    "NEXT": "the next clause",
    "AS_TEXT": '`as "name"`',
    "AS_NAME": "`as`",
    "DIRECTION": "`asc` or `desc`",
    "QUANTIFIER": "`any` or `all`",
    "$END": "the end of the query",
}
# Possible behind any value; they would hide what is missing.
_MINOR = {
    "PLUS", "MINUS", "STAR", "SLASH", "PERCENT", "DOTNAME", "HOP", "LSQB", "SEMICOLON", "VBAR",
    "LPAR",
}  # fmt: skip
_CLAUSES = {"FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "MUTATE", "WITH", "VARY", "KEEP"}
# What can stand between two values.
_OPERATORS = {"COMPARE", "BETWEEN", "IN", "LIKE", "MATCHES", "HAS", "DERIVED"}
_STATEMENTS = {"SELECT", "SLICE", "CONSTRUCT", "EVALUATE"}
# Words of other languages, and what stands for them here.
_FOREIGN = {
    "join": "name both variables instead, `select m1, m2 where m1.parent = m2`",
    "having": "nest the query instead, `select ... from (select ...) where ...`",
    "set": "write `mutate m.x = ...`",
    "update": "write `construct ... mutate ...`",
    "insert": 'write `construct m2 from m1 mutate m1["..."].insert = RELU("name")`',
    "delete": 'write `construct m2 from m1 mutate m1["..."].delete`',
    "ilike": 'write `lower(x) like "..."`',
    "contains": 'write `like "%...%"` for texts, `has` for nodes',
    "exists": "write `is not null`",
    "equals": "write `=`",
    "train": "write `evaluate ... vary ... keep ...`",
    "union": "write `or`",
}


def unknown_character(text: str, offset: int) -> str:
    """Return what is wrong with a character that starts nothing."""
    char = text[offset]
    if char in "\"'":
        return f"This text has no closing {char}; a text ends on the line that it starts on."
    if char in "“”„‘’«»":
        return f"Found the quotation mark {char}; write \" or '."
    if text.startswith(("&&", "||"), offset):
        word = "and" if char == "&" else "or"
        return f"Found `{text[offset : offset + 2]}`; write `{word}`."
    known = {
        "!": "write `not`, or `!=` between two values",
        "~": 'write `matches "..."` or `like "..."`',
        "{": 'write `[...]` for several values, `m["..."]` for nodes',
        "$": "captures such as ($1) stand inside a text, parameters are written `:name`",
        "?": "parameters are written `:name`",
        ":": "a parameter is a `:` with a name directly behind it",
        "&": "write `and`",
        ".": "a dot is followed by the name of an attribute",
    }
    return f"Found `{char}`, which means nothing here" + (
        f"; {known[char]}." if char in known else "."
    )


def unexpected(
    kind: str,
    value: str,
    accepts: Set[str],
    before: tuple[str, str] | None,
    then: Set[str] = frozenset(),
) -> str:
    """Return what is wrong with a token.

    Args:
        kind: The token's kind, `$END` behind the last.
        value: Its text.
        accepts: The kinds that the grammar could have gone on with.
        before: Kind and text of the token before; None at the start.
        then: The kinds that could follow if the clause ended here.
    """
    if "$END" in accepts:
        accepts = accepts | then
    found = "the query ends" if kind == "$END" else f"found `{value}`"
    special = _special(kind, value, accepts, before)
    if special:
        return special
    return f"{found[0].upper()}{found[1:]}, expected {_expected(accepts)}."


def _special(kind: str, value: str, accepts: Set[str], before: tuple[str, str] | None) -> str:
    """Return the message for a mistake that is often made; empty for any other."""
    if kind == "NAME":
        words = {word for word in KEYWORDS if _kind_of(word) in accepts}
        if found := nearest(value, words):
            return f"Found `{value}`. Did you mean `{found}`?"
        if value.lower() in _FOREIGN:
            return f"DQL has no `{value}`; {_FOREIGN[value.lower()]}."
        if before and before[0] == "NAME" and (meant := nearest(before[1], KEYWORDS)):
            return f"Found `{value}` behind `{before[1]}`. Did you mean `{meant}`?"
    if kind == "STAR" and before and before[0] in ("SELECT", "DISTINCT"):
        return "Found `*`; name a variable for the versions, `select m`."
    if kind == "COMPARE" and value == "==":
        return "Found `==`; write `=`."
    if kind.lower() in KEYWORDS and "NAME" in accepts and kind not in _CLAUSES | _STATEMENTS:
        return f"`{value}` is a keyword and cannot stand here; expected {_expected(accepts)}."
    if kind in _CLAUSES | _STATEMENTS and not accepts & _VALUE and "LPAR" not in accepts:
        return f"`{value}` cannot stand here; expected {_expected(accepts)}."
    if kind in _STATEMENTS and accepts & {"STRING"} and before and before[0] in ("FROM", "IN"):
        return f"A query inside a query stands in parentheses: `({value} ...)`."
    return ""


def _kind_of(word: str) -> str:
    """Return the kind of token that a keyword is."""
    several = {"asc": "DIRECTION", "desc": "DIRECTION", "any": "QUANTIFIER", "all": "QUANTIFIER"}
    return several.get(word, "AS_TEXT" if word == "as" else word.upper())


def _expected(accepts: Set[str]) -> str:
    """Return what the grammar could have gone on with, the telling part of it, in words."""
    if {"NAME", "NUMBER", "STRING"} <= accepts:
        rest = accepts - _VALUE - {"NOT", "QUANTIFIER", *_STATEMENTS}
        closing = sorted(_SIGNS[each] for each in rest if each in ("RPAR", "RSQB"))
        return listed(["a value", *closing])
    if accepts - {"IN"} == {"NAME", "NOT"}:  # `IN` is a template too
        return 'a template such as `CONV` or `POOL("MAX")`'
    if accepts >= _STATEMENTS:
        return listed(f"`{each.lower()}`" for each in ("SELECT", "SLICE", "CONSTRUCT", "EVALUATE"))
    telling = accepts - _MINOR or accepts
    if len(telling & _CLAUSES) > 1:
        telling = telling - _CLAUSES - {"AS_TEXT"} | {"NEXT"}
    if telling >= _OPERATORS:
        telling -= _OPERATORS | {"EQUAL", "NOT", "IS"}
        return listed(["an operator", *sorted(_shown(each) for each in telling - {"COMMA"})])
    return listed(sorted(_shown(each) for each in telling))


def _shown(kind: str) -> str:
    """Return a kind of token in words."""
    return _SIGNS.get(kind) or _NAMED.get(kind) or f"`{kind.lower().rstrip('_')}`"
