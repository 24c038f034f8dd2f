"""Compare and compute values; what cannot be compared or computed is unknown, None.

*Several* are the values of an attribute that has more than one, or of an attribute of several
nodes or versions. The *truth* of a condition is True, False or None for unknown.
"""

from __future__ import annotations

import datetime
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dql.ast import Piece
from dql.ast.words import UNITS

__all__ = [
    "VALUES_MAX",
    "Series",
    "Several",
    "TooManyError",
    "all_of",
    "any_of",
    "calculate",
    "compare",
    "count",
    "equal",
    "is_named",
    "moment",
    "negation",
    "plain",
    "quantity",
    "single",
    "sort_key",
]

# A metric is better when smaller if its name has one of these words.
_SMALLER_IS_BETTER = ("loss", "error", "perplexity", "mse", "mae", "wer", "cost", "fid")
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "%": operator.mod,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Several:
    """Some values; a condition on them is meant for any, or with `all` for each."""

    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """The values of a metric over the snapshots, the oldest first."""

    name: str
    items: Sequence[float]

    @property
    def best(self) -> float | None:
        """The least value of a loss or an error, the greatest of any other metric."""
        there = [each for each in self.items if not math.isnan(each)]
        smaller = any(word in self.name.lower() for word in _SMALLER_IS_BETTER)
        return (min if smaller else max)(there, default=None)


# A condition on two attributes with several values is tried on each pair.
VALUES_MAX = 1_000_000


class TooManyError(Exception):
    """A piece of a query stands for too many values to try all.

    Args:
        piece: The piece.
    """

    def __init__(self, piece: Piece) -> None:
        super().__init__(piece)
        self.piece = piece
        self.message = f"This stands for more than {VALUES_MAX:,} pairs of values."


def count(value: Any) -> int:
    """Return how many values there are, those inside others too."""
    return sum(map(count, value.items)) if isinstance(value, Several) else 1


def single(value: Any) -> Any:
    """Return a value as it is compared: of a metric the last; of a number that is none, null."""
    if isinstance(value, Series):
        value = value.items[-1] if value.items else None
    return None if isinstance(value, float) and math.isnan(value) else value


def moment(text: str) -> datetime.datetime | None:
    """Return the moment that a text in ISO 8601 says, in UTC unless it says otherwise."""
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def is_named(version: Any, text: str) -> bool:
    """Say whether a text names a version: `name`, `name@2`, `name@tag` or its id."""
    name, at, which = text.partition("@")
    if text == version.id:
        return True
    if name != version.attributes.get("name"):
        return False
    tags = version.attributes.get("tags") or ()
    return not at or which == str(version.attributes.get("version")) or which in tags


def _family(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if hasattr(value, "parents"):
        return "version"
    return "mapping" if isinstance(value, Mapping) else type(value).__name__


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Return two values with a text beside a time read as a time."""
    if isinstance(left, datetime.datetime) and isinstance(right, str):
        return left, moment(right)
    if isinstance(right, datetime.datetime) and isinstance(left, str):
        return moment(left), right
    return left, right


def equal(left: Any, right: Any) -> bool | None:
    """Say whether two single values are equal; values of different kinds never are."""
    left, right = _alike(single(left), single(right))
    if left is None or right is None:
        return None
    families = _family(left), _family(right)
    if families == ("version", "version"):
        return bool(left.id == right.id)
    if families == ("version", "str"):
        return is_named(left, right)
    if families == ("str", "version"):
        return is_named(right, left)
    return families[0] == families[1] and bool(left == right)


def compare(sign: str, left: Any, right: Any) -> bool | None:
    """Return the truth of a comparison of two single values."""
    if sign in ("=", "!="):
        same = equal(left, right)
        return negation(same) if sign == "!=" else same
    left, right = _alike(single(left), single(right))
    orderable = _family(left) in ("number", "str", "datetime", "timedelta")
    if not orderable or _family(left) != _family(right):
        return None
    return _ORDER[sign](left, right)


def calculate(sign: str, left: Any, right: Any) -> Any:
    """Return the result of an operation; None where there is none, as for division by zero."""
    left, right = single(left), single(right)
    plain = (int, float, datetime.datetime, datetime.timedelta)
    if not isinstance(left, plain) or not isinstance(right, plain):
        return None
    if isinstance(left, bool) or isinstance(right, bool):
        return None
    try:
        found = _ARITHMETIC[sign](left, right)
    except (TypeError, ZeroDivisionError, OverflowError):
        return None
    return None if isinstance(found, float) and not math.isfinite(found) else found


def quantity(amount: float, unit: str) -> Any:
    """Return a number, or of a unit of time a duration; None if that is too long."""
    kind, factor = UNITS[unit]
    total = calculate("*", amount, int(factor) if factor == int(factor) else factor)
    if kind == "number" or total is None:
        return total
    try:
        return datetime.timedelta(seconds=total)
    except OverflowError:
        return None


def negation(truth: bool | None) -> bool | None:
    """Return the opposite; unknown stays unknown."""
    return None if truth is None else not truth


def any_of(truths: Iterable[bool | None]) -> bool | None:
    """Return True if any is; else unknown if any is; else False."""
    found = list(truths)
    if True in found:
        return True
    return None if None in found else False


def all_of(truths: Iterable[bool | None]) -> bool | None:
    """Return False if any is; else unknown if any is; else True."""
    return negation(any_of(negation(each) for each in truths))


def plain(value: Any) -> Any:
    """Return a value that can be hashed, and is equal where the values are."""
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    value = single(value)
    if isinstance(value, Several):
        return ("several", *map(plain, value.items))
    if _family(value) == "version":
        return ("version", value.id)
    if hasattr(value, "wiring"):
        return ("nodes", *value.names)
    return (_family(value), _written(value) if isinstance(value, list | Mapping) else value)


def _written(value: Any) -> str:
    """Return a text that is equal where values are, whatever mappings they are."""
    if isinstance(value, Mapping):
        pairs = sorted((str(key), _written(item)) for key, item in value.items())
        return repr(pairs)
    return repr(value)


def sort_key(value: Any) -> tuple[str, Any]:
    """Return what values are ordered by: first their kind, then themselves."""
    value = single(value)
    family = _family(value)
    if family == "version":
        return family, value.id
    if hasattr(value, "wiring"):
        return family, repr(list(value.names))
    ordered = family in ("number", "str", "datetime", "timedelta", "boolean")
    return family, value if ordered else _written(value)
