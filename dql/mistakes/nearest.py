"""Find the word that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["listed", "nearest", "suggestion"]

# Comparing takes time in the product of the lengths; no word of ours is longer.
_WORD_CHARS_MAX = 40
# Two of three letters, so that `tpo` is near `top`; at 0.6, difflib's own default, short words are
# near strangers.
_ALIKE_MIN = 0.66


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like this one, in any case of letters; None if none is near."""
    if len(word) > _WORD_CHARS_MAX:
        return None
    by_lower = {each.lower(): each for each in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=_ALIKE_MIN)
    return by_lower[found[0]] if found else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ` Did you mean ...?` or, if no known word is near, an empty text."""
    found = nearest(word, known)
    return f" Did you mean `{found}`?" if found else ""


def listed(words: Iterable[str], last: str = "or") -> str:
    """Return `a, b or c`."""
    *head, tail = list(words)
    return f"{', '.join(head)} {last} {tail}" if head else tail
