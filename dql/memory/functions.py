"""The functions of DQL, over values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dql.memory.graph import NodeSet
from dql.memory.values import Several, single, sort_key

__all__ = ["aggregate", "apply"]


def apply(name: str, arguments: Sequence[Any]) -> Any:
    """Return what a function makes of its arguments; None if they are of the wrong kind."""
    value = single(arguments[0])
    if name in ("lower", "upper") and isinstance(value, str):
        return value.lower() if name == "lower" else value.upper()
    if name == "length":
        if isinstance(value, NodeSet):
            return len(value.names)
        if isinstance(value, Several):
            return len(value.items)
        return len(value) if isinstance(value, str) else None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if name == "abs" and number:
        return abs(value)
    if name == "round" and number:
        digits = single(arguments[1]) if len(arguments) > 1 else 0
        if isinstance(digits, int) and abs(digits) <= 30:
            return round(value, digits)
    return None


def aggregate(name: str, values: Sequence[Any]) -> Any:
    """Return what an aggregate makes of a group's values; those that are null do not count."""
    there = [each for each in map(single, values) if each is not None]
    if name == "count":
        return len(there)
    if name in ("min", "max"):
        return (min if name == "min" else max)(there, key=sort_key, default=None)
    numbers = [each for each in there if isinstance(each, int | float)]
    if not numbers:
        return None
    return sum(numbers) if name == "sum" else sum(numbers) / len(numbers)
