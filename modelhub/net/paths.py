"""Compare dotted paths (`encoder.layer.0`) in bulk, in time and memory linear in their text.

A path may have hundreds of words, so that listing what is above each would cost a hostile file's
size a hundred times over. In order of words, what is below a path comes right after it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

__all__ = ["Paths", "count_all"]


def _key(path: str) -> str:
    # The dot must come before every other character.
    return path.replace(".", "\0")


class Paths:
    """Some paths, none of which may be below another for `holder` to find them all."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._keys = sorted(map(_key, set(paths)))

    def nested(self) -> str:
        """Return a path that another one is below; empty if there is none."""
        for first, second in zip(self._keys, self._keys[1:], strict=False):
            if second.startswith(first + "\0"):
                return first.replace("\0", ".")
        return ""

    def holder(self, path: str) -> str:
        """Return the one that a path is, or is below; empty if there is none."""
        key = _key(path)
        place = bisect_right(self._keys, key)
        found = self._keys[place - 1] if place else ""
        return found.replace("\0", ".") if found and (key + "\0").startswith(found + "\0") else ""


def count_all(paths: Iterable[str]) -> int:
    """Return how many paths there are together with all that are above them."""
    count = 0
    before: Sequence[str] = ()
    for key in sorted(map(_key, set(paths))):
        words = key.split("\0") if key else []
        same = 0
        for old, new in zip(before, words, strict=False):
            if old != new:
                break
            same += 1
        count += len(words) - same
        before = words
    return count
