"""Numbers for sizes that are free, and expressions for numbers that came of them.

A free size is tried with three numbers, in three *runs*, side by side. A size that is the same in
all runs is fixed; one that fits a known expression has that expression; else it gets a new name.
"""

from __future__ import annotations

import ast
import functools
import itertools
import operator
from collections.abc import Callable, Iterable, Mapping

from modelhub.net.graph import Shape, Value

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

_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_FUNCTIONS: dict[str, Callable[..., int]] = {
    "Max": max,
    "Min": min,
    "Mod": operator.mod,
    "FloorDiv": operator.floordiv,
    "PythonMod": operator.mod,
}


@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[ast.expr, tuple[str, ...]] | None:
    """Return an expression and the names in it; None if it is none that can be evaluated."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        nodes = list(ast.walk(tree))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        known = (
            isinstance(node, ast.Name | ast.Load | ast.operator | ast.unaryop)
            or (isinstance(node, ast.Constant) and type(node.value) is int)
            or (isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS)
            or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub))
            or (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in _FUNCTIONS
                and not node.keywords
            )
        )
        if not known:
            return None
    names = (n.id for n in nodes if isinstance(n, ast.Name) and id(n) not in called)
    return tree, tuple(dict.fromkeys(names))


def _evaluate(tree: ast.expr, numbers: Mapping[str, int]) -> int:
    match tree:
        case ast.Constant():
            return int(tree.value)  # type: ignore[arg-type]
        case ast.Name():
            return numbers[tree.id]
        case ast.UnaryOp():
            return -_evaluate(tree.operand, numbers)
        case ast.BinOp():
            left, right = _evaluate(tree.left, numbers), _evaluate(tree.right, numbers)
            return int(_OPERATORS[type(tree.op)](left, right))
        case ast.Call(func=ast.Name(id=name)):
            return int(_FUNCTIONS[name](*(_evaluate(item, numbers) for item in tree.args)))
    raise ValueError("not an expression over sizes")


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
        parsed = _parsed(size)
        for name in parsed[1] if parsed else (size,):
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
        parsed = _parsed(size)
        if parsed is None or any(name not in self._atoms for name in parsed[1]):
            return None
        try:
            found = tuple(
                _evaluate(parsed[0], {name: self._atoms[name][run] for name in parsed[1]})
                for run in range(RUNS)
            )
        except (ZeroDivisionError, TypeError, RecursionError):
            return None
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
