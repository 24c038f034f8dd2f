"""Work out the sizes of a network's values once each free size has a number.

A *free size* is a symbol such as `s0` in the shape of an input; a shape may hold expressions over
them (`2*s0`). Expressions come from files: they are read by a small grammar of their own, with
bounds, never by Python.
"""

from __future__ import annotations

import ast
import functools
import math
import re
from collections.abc import Callable, Mapping

from modelhub.net.graph import Network, Shape

__all__ = [
    "BATCH",
    "LENGTH",
    "SizeError",
    "default_sizes",
    "evaluate",
    "free_sizes",
    "names_in",
    "resolve",
]

# Sizes that stand for free ones unless others are given: one example, and for every other free
# dimension (a text's length above all) a short text.
BATCH = 1
LENGTH = 128

_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FUNCTIONS: Mapping[str, Callable[..., int]] = {
    "Max": max,
    "Min": min,
    "Mod": lambda a, b: a % b,
    "PythonMod": lambda a, b: a % b,
    "FloorDiv": lambda a, b: a // b,
    "floor": math.floor,
    "ceiling": math.ceil,
}
_POWER_MAX = 8
_DEPTH_MAX = 50
# No tensor is larger; a result beyond it is a mistake or an attack.
_RESULT_MAX = 1 << 60


class SizeError(ValueError):
    """An expression is none of ours, or names a size that has no number."""


def free_sizes(network: Network) -> dict[str, str]:
    """Return the free sizes of the inputs, in order, each with where it stands: `x[0]`."""
    found: dict[str, str] = {}
    for name, value in network.inputs.items():
        for dimension, size in enumerate(value.shape):
            for symbol in names_in(size):
                found.setdefault(symbol, f"{name}[{dimension}]")
    return found


def default_sizes(network: Network) -> dict[str, int]:
    """Return a number for each free size: 1 for a first dimension, 128 for any other."""
    return {
        symbol: BATCH if place.endswith("[0]") else LENGTH
        for symbol, place in free_sizes(network).items()
    }


def resolve(shape: Shape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Return a shape in numbers.

    Raises:
        SizeError: a size is no expression over the given ones.
    """
    return tuple(evaluate(s, sizes) if isinstance(s, str) else s for s in shape)


def evaluate(text: str, sizes: Mapping[str, int]) -> int:
    """Return the value of an expression: whole numbers, free sizes, `+ - * // % **`, Max, Min.

    Raises:
        SizeError: it is anything else, is not a whole number, or is beyond 2^60.
    """
    try:
        value = _value(_parsed(text), sizes, 0)
    except (SyntaxError, ValueError, ArithmeticError, TypeError, MemoryError) as error:
        raise SizeError(f"{text[:80]!r} is not a size: {error}") from error
    if value != int(value):
        raise SizeError(f"{text[:80]!r} is not a whole number")
    return int(value)


def names_in(size: int | str) -> tuple[str, ...]:
    """Return the free sizes in an expression, in order, each once."""
    words = _SYMBOL.findall(size) if isinstance(size, str) else []
    return tuple(dict.fromkeys(word for word in words if word not in _FUNCTIONS))


# A network has few expressions, each at many nodes.
@functools.lru_cache(maxsize=4096)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text.strip(), mode="eval").body


def _value(node: ast.expr, sizes: Mapping[str, int], depth: int) -> int | float:
    if depth > _DEPTH_MAX:
        raise SizeError("it nests too deep")
    match node:
        case ast.Constant(value=int(number)) if not isinstance(number, bool):
            value: int | float = number
        case ast.Name(id=name):
            if name not in sizes:
                raise SizeError(f"no number for the size {name}")
            value = sizes[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = -_value(operand, sizes, depth + 1)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _value(left, sizes, depth + 1), _value(right, sizes, depth + 1)
            value = _binary(op, a, b)
        case ast.Call(func=ast.Name(id=name), args=items, keywords=[]) if name in _FUNCTIONS:
            value = _FUNCTIONS[name](*(_value(item, sizes, depth + 1) for item in items))
        case _:
            raise SizeError("it holds something else than sizes and sums")
    if abs(value) > _RESULT_MAX:
        raise SizeError("it is too large")
    return value


def _binary(op: ast.operator, a: int | float, b: int | float) -> int | float:
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.FloorDiv():
            return a // b
        case ast.Div():
            return a / b
        case ast.Mod():
            return a % b
        case ast.Pow() if 0 <= b <= _POWER_MAX:
            return float(a**b) if isinstance(b, float) else int(a**b)
        case _:
            raise SizeError("it holds an operator that sizes do not have")
