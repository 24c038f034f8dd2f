"""Numbers for sizes that are free, and expressions for numbers that came of them.

A free size is tried with three numbers, in three *runs*, side by side. A size that is the same in
all runs is fixed; one that fits a known expression has that expression; else it gets a new name.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

from modelhub.net.graph import Shape, Value
from modelhub.net.sizes import SizeError, evaluate, names_in

__all__ = ["ATTEMPTS", "RUNS", "Numbers", "Sizes", "numeric"]

RUNS = 3
Numbers = tuple[int, ...]

# What free sizes are multiples of, in one attempt after the other: images must often be large
# enough to be halved some times, and texts no longer than a table of positions.
_BASES = (8, 32, 2, 1, 224)
ATTEMPTS = len(_BASES)
# Sizes of batches are small. No two rows are in proportion or differ by the same in all runs, so
# that a number tells the expression that it came of.
_BATCH = (3, 5, 11)
_ROWS = ((1, 3, 7), (3, 7, 1), (7, 1, 3), (1, 7, 3), (7, 3, 1), (3, 1, 7))

# A number that all small ones divide, to see whether a text is an expression.
_TRIED = 5040


def _is_expression(text: str) -> bool:
    try:
        evaluate(text, dict.fromkeys(names_in(text), _TRIED))
    except SizeError:
        return False
    return True


def numeric(shape: Shape) -> Shape:
    """Return a shape in which sizes that are numbers in text are numbers."""
    return tuple(int(size) if isinstance(size, str) and size.isdigit() else size for size in shape)


class Sizes:
    """Numbers for the free sizes of a network in one of `ATTEMPTS`."""

    def __init__(self, inputs: Iterable[Value], attempt: int) -> None:
        self._base = _BASES[attempt]
        self._atoms: dict[str, Numbers] = {}
        self._cache: dict[str, Numbers | None] = {}
        self._expressions: dict[Numbers, str] = {}
        self._rows = itertools.count()
        for value in inputs:
            for place, size in enumerate(numeric(value.shape)):
                if isinstance(size, str):
                    self._learn(size, batch=place == 0)
        for name, numbers in self._atoms.items():
            self._expressions.setdefault(numbers, name)

    def _learn(self, size: str, *, batch: bool) -> None:
        for name in names_in(size) if _is_expression(size) else (size,):
            if name not in self._atoms:
                row = next(self._rows)
                shift = 6 * self._base * (row // len(_ROWS))
                multiples = tuple(self._base * m + shift for m in _ROWS[row % len(_ROWS)])
                first = batch and _BATCH not in self._atoms.values()
                self._atoms[name] = _BATCH if first else multiples

    def numbers(self, size: int | str) -> Numbers | None:
        """Return a size in each run; None if it has a name in it that no input has."""
        if isinstance(size, int):
            return (size,) * RUNS
        if size not in self._cache:
            self._cache[size] = self._numbers(size)
        return self._cache[size]

    def _numbers(self, size: str) -> Numbers | None:
        if size in self._atoms:
            return self._atoms[size]
        names = names_in(size)
        if any(name not in self._atoms for name in names):
            return None
        try:
            one, two, three = (
                evaluate(size, {name: self._atoms[name][run] for name in names})
                for run in range(RUNS)
            )
        except SizeError:
            return None
        found = one, two, three
        self._expressions.setdefault(found, size)
        return found

    def expression(self, found: Numbers, taken: Callable[[], Iterable[str]] = tuple) -> int | str:
        """Return the size that has these numbers; a new name is none that `taken` returns."""
        if len(set(found)) == 1:
            return found[0]
        if found not in self._expressions:
            text = self._fitted(found)
            if text is None:
                used = {*self._atoms, *taken()}
                text = next(f"u{n}" for n in itertools.count() if f"u{n}" not in used)
                self._atoms[text] = found
                self._cache.pop(text, None)
            self._expressions[found] = text
        return self._expressions[found]

    def _fitted(self, found: Numbers) -> str | None:
        for name, atom in self._atoms.items():
            slope, rest = divmod(found[1] - found[0], atom[1] - atom[0])
            shift = found[0] - slope * atom[0]
            if (
                rest
                or slope < 1
                or any(n != slope * a + shift for n, a in zip(found, atom, strict=True))
            ):
                continue
            text = name if slope == 1 else f"{slope}*{name}"
            return text if not shift else f"{text} {'+' if shift > 0 else '-'} {abs(shift)}"
        pairs = list(self._atoms.items())[:8]
        for (one, a), (other, b) in itertools.combinations(pairs, 2):
            factor, rest = divmod(found[0], a[0] * b[0])
            if not rest and all(n == factor * x * y for n, x, y in zip(found, a, b, strict=True)):
                return f"{one}*{other}" if factor == 1 else f"{factor}*{one}*{other}"
        return None
