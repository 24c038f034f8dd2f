"""A node made ready: its op and its arguments, in which values are intervals or exact.

An *exact* value is a tensor of whole numbers or truths, a size or another literal. Floats are
always an `Interval`, of equal ends where they are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from modelhub.net.arguments import Constant
from modelhub.net.interpreter import function_of
from modelhub.net.ops import Op
from modelhub.optional import require
from modelhub.progressive.intervals import Interval, point

__all__ = ["Call", "UnsupportedError", "lifted", "plain"]

torch: Any = require("torch", "torch")

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})


class UnsupportedError(ValueError):
    """A node that no bounds are known for: the network goes to exact evaluation.

    Attributes:
        node: The node's name.
        op: Its op.
    """

    def __init__(self, node: str, op: str, reason: str = "") -> None:
        because = f" ({reason})" if reason else ""
        super().__init__(f"no bounds are known for the node {node!r}, {op}{because}")
        self.node = node
        self.op = op


@dataclass(frozen=True, slots=True)
class Call:
    """One node's op with the arguments that it is given, by name."""

    op: Op
    arguments: Mapping[str, Any]

    def get(self, name: str) -> Any:
        """Return an argument, or its default."""
        if name in self.arguments:
            return self.arguments[name]
        return next(plain(p.default) for p in self.op.parameters if p.name == name)

    def interval(self, name: str) -> Interval:
        """Return an argument as an interval; exact ones become points.

        Raises:
            ValueError: it is not there.
        """
        found = self.optional(name)
        if found is None:
            raise ValueError(f"no {name}")
        return found

    def optional(self, name: str) -> Interval | None:
        """Return an argument as an interval, or None if it is None."""
        value = self.get(name)
        return value if value is None or isinstance(value, Interval) else point(value)

    def intervals(self) -> list[Interval]:
        """Return all intervals among the arguments and in their lists."""
        found = []
        for value in self.arguments.values():
            found += value if isinstance(value, list) else [value]
        return [value for value in found if isinstance(value, Interval)]

    def run(self, end: str = "lo") -> Any:
        """Run the op on the lower or upper (`hi`) ends of all intervals."""
        return self.run_with({}, end)

    def run_with(self, changed: Mapping[str, Any], end: str = "lo") -> Any:
        """Run the op with some arguments changed."""
        given = {**self.arguments, **changed}
        ordered = [p for p in self.op.parameters if not p.by_name]
        last = max((i for i, p in enumerate(ordered) if p.name in given), default=-1)
        listed = [
            _end(given[p.name] if p.name in given else plain(p.default), end)
            for p in ordered[: last + 1]
        ]
        named = {
            p.name: _end(given[p.name], end)
            for p in self.op.parameters
            if p.by_name and p.name in given
        }
        return function_of(self.op)(*listed, **named)

    def of(self, name: str) -> Callable[[Any], Any]:
        """Return the op as a function of one argument, the others as they are."""
        return lambda value: self.run_with({name: value})


def plain(argument: Any) -> Any:
    """Return a literal argument of a node as torch takes it; every float dtype becomes float64."""
    if isinstance(argument, tuple):
        return [plain(item) for item in argument]
    if isinstance(argument, Constant):
        word = "float64" if argument.value in FLOATS else argument.value
        return getattr(torch, word)
    return argument


def lifted(value: Any) -> Any:
    """Return a tensor of floats as a point; anything else as it is."""
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return point(value)
    return value


def _end(value: Any, end: str) -> Any:
    if isinstance(value, Interval):
        return value.lo if end == "lo" else value.hi
    if isinstance(value, list):
        return [_end(item, end) for item in value]
    return value
