"""Order metadata values: what a value is in the index of values, and which rows a range covers.

Whole numbers and others are one order, as the reader of `accuracy > 0.9` expects, though they are
two types in a key; texts are another; true and false only equal themselves.
"""

from __future__ import annotations

import math
from typing import Any

from modelhub.catalog import keys, rows
from modelhub.catalog.records import Scalar
from modelhub.catalog.rows import Relation
from modelhub.errors import BadInputError

__all__ = ["index_value", "starts_of", "within"]

_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1


def index_value(value: Scalar) -> Scalar:
    """Return what stands for a value in the index: a whole number beyond 64 bits becomes a float.

    Raises:
        BadInputError: it is no text, number or truth value.
    """
    if isinstance(value, bool | str | float):
        return value
    if not isinstance(value, int):
        raise BadInputError(
            f"a metadata value of type {type(value).__name__}", expected="str, int, float or bool"
        )
    if _INT_MIN <= value <= _INT_MAX:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def starts_of(key: str, low: Any, high: Any) -> list[tuple[bytes, bytes]]:
    """Return where the rows of a range lie: pairs of a prefix and the full key to start from.

    Args:
        low: The least value, or None.
        high: The greatest value, or None; both of one order.

    Raises:
        BadInputError: the bounds are of two orders, or there are none.
    """
    given = [bound for bound in (low, high) if bound is not None]
    if given and all(isinstance(bound, str) for bound in given):
        kinds: tuple[Scalar, ...] = ("",)
    elif given and all(type(bound) in (int, float) for bound in given):
        kinds = (0, 0.0)
    else:
        raise BadInputError(
            f"a range from {low!r} to {high!r}", expected="two numbers or two texts, or one of them"
        )
    return [_start(key, kind, low) for kind in kinds]


def _start(key: str, kind: Scalar, low: Any) -> tuple[bytes, bytes]:
    before = rows.prefix_of(Relation.VALUE, (key,))
    # The first byte of a coded item is its type.
    prefix = before + keys.pack_prefix((kind,))[:1]
    if low is None:
        return prefix, prefix
    if isinstance(kind, int):
        low = _least_int(low)
    elif isinstance(kind, float):
        low = _float(low)
    return prefix, before + keys.pack_prefix((low,))


def _least_int(low: float) -> int:
    """Return the least 64-bit whole number not below a bound; the greatest if all are below."""
    if math.isnan(low) or low > _INT_MAX:
        return _INT_MAX
    return _INT_MIN if low < _INT_MIN else math.ceil(low)


def _float(low: float) -> float:
    """Return a float at or just below a bound."""
    found = float(index_value(float(low) if isinstance(low, float) else low))
    return found if found <= low else math.nextafter(found, -math.inf)


def within(value: Any, low: Any, high: Any) -> bool:
    """Say whether a value lies in a range, bounds included; exact also for large numbers."""
    return (low is None or value >= low) and (high is None or value <= high)
