"""Names in an order that can be changed in the middle at no cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["Sequence"]


class Sequence:
    """Distinct names in order, doubly linked; every change takes constant time."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._next: dict[str, str] = {}
        self._last: dict[str, str] = {}
        # The empty name stands before the first and behind the last.
        self._next[""] = self._last[""] = ""
        for name in names:
            self.insert(name, before="")

    def __iter__(self) -> Iterator[str]:
        name = self._next[""]
        while name:
            following = self._next[name]
            yield name
            name = following

    def insert(self, name: str, *, before: str) -> None:
        """Put a name before another, or at the end if that is empty."""
        previous = self._last[before]
        self._next[previous] = self._last[before] = name
        self._next[name], self._last[name] = before, previous

    def following(self, name: str) -> str:
        """Return the name behind one, empty at the end; of the empty name, the first."""
        return self._next[name]

    def remove(self, name: str) -> None:
        """Take a name out."""
        previous, following = self._last.pop(name), self._next.pop(name)
        self._next[previous], self._last[following] = following, previous
