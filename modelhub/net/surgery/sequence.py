"""Names in an order that can be changed in the middle at no cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["Sequence"]

# Between two labels there is room for 40 names before all are labelled anew.
_STEP = 1 << 40


class Sequence:
    """Distinct names in order, doubly linked, with labels that grow along it.

    Every change takes constant time, but for one in some forty at the same place.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        # The empty name stands before the first and behind the last.
        self._next = {"": ""}
        self._last = {"": ""}
        self._labels: dict[str, int] = {}
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
        low = self._labels.get(previous)
        high = self._labels.get(before)
        if low is None:
            low = high - 2 * _STEP if high is not None else 0
        if high is None:
            high = low + 2 * _STEP
        self._labels[name] = (low + high) // 2
        if self._labels[name] == low:
            for number, each in enumerate(self):
                self._labels[each] = number * _STEP

    def following(self, name: str) -> str:
        """Return the name behind one, empty at the end; of the empty name, the first."""
        return self._next[name]

    def label(self, name: str) -> int:
        """Return a number that is greater than those of all names before; changes may alter it."""
        return self._labels[name]

    def remove(self, name: str) -> None:
        """Take a name out."""
        previous, following = self._last.pop(name), self._next.pop(name)
        self._next[previous], self._last[following] = following, previous
        del self._labels[name]
