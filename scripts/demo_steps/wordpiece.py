"""Split English text into the word pieces of a BERT vocabulary (lower-cased)."""

from __future__ import annotations

import unicodedata
from pathlib import Path

__all__ = ["WordPiece"]

# As the reference does: a longer word becomes the unknown piece.
_WORD_CHARS_MAX = 100
# They count as punctuation too, though Unicode calls them symbols.
_SYMBOLS = "$+<=>^`|~"


class WordPiece:
    """A vocabulary file (one piece a line, its line number the id) and the greedy split by it."""

    def __init__(self, vocabulary: Path) -> None:
        pieces = vocabulary.read_text(encoding="utf-8").splitlines()
        self._ids = {piece: number for number, piece in enumerate(pieces)}
        self.pad = self._ids["[PAD]"]

    def encode(self, text: str, pieces_max: int) -> list[int]:
        """Return the ids of a text between [CLS] and [SEP], at most `pieces_max` of them."""
        ids = [number for word in _words(text) for number in self._split(word)]
        return [self._ids["[CLS]"], *ids[: pieces_max - 2], self._ids["[SEP]"]]

    def _split(self, word: str) -> list[int]:
        """Take the longest piece that fits, then the next; a word with no such split is unknown."""
        found: list[int] = []
        start = 0
        while start < len(word) <= _WORD_CHARS_MAX:
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                number = self._ids.get(prefix + word[start:end])
                if number is not None:
                    found.append(number)
                    start = end
                    break
            else:
                return [self._ids["[UNK]"]]
        return found or [self._ids["[UNK]"]]


def _words(text: str) -> list[str]:
    """Lower-case, strip accents, and part the text at blanks and around punctuation."""
    flat = unicodedata.normalize("NFD", text.lower())
    spaced: list[str] = []
    for char in flat:
        category = unicodedata.category(char)
        if category == "Mn":
            continue
        if category.startswith("P") or (
            char.isascii() and char.isprintable() and not char.isalnum()
        ):
            spaced.append(f" {char} ")
        elif category in ("Cc", "Cf") and not char.isspace():
            continue
        else:
            spaced.append(char)
    return "".join(spaced).split()
