"""Read literals, and write texts so that reading gives them back."""

from __future__ import annotations

import re
from collections.abc import Container

__all__ = ["split_quantity", "text_value"]

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
_QUANTITY = re.compile(r"([\d.]+(?:[eE][+-]?\d+)?)[ \t]?(\w+)")


def text_value(token: str) -> str:
    """Return what a text in quotes says.

    `\\\\`, `\\"`, `\\'`, `\\n`, `\\t` and `\\r` are escapes; any other backslash is itself, so that
    regular expressions are written as usual.
    """
    return _ESCAPE.sub(lambda found: _MEANT.get(found[1], found[0]), token[1:-1])


def split_quantity(token: str, units: Container[str]) -> tuple[str, str]:
    """Return the digits and the unit of a token that the grammar has accepted as a quantity."""
    found = _QUANTITY.fullmatch(token)
    if found is None or found[2] not in units:
        raise ValueError(f"{token!r}: the grammar and words.UNITS differ")
    return found[1], found[2]
