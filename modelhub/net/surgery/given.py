"""Check the attributes that a user gives for a layer."""

from __future__ import annotations

import math
from typing import Any

from modelhub.net.surgery.edited import SurgeryError

__all__ = ["fraction", "number", "sizes", "truth", "whole"]

# A layer with more channels or a larger kernel is a slip of the keyboard.
_WHOLE_MAX = 1 << 20


def whole(place: str, value: Any, least: int = 1) -> int:
    """Return a whole number that is at least `least`; `place` is for the message.

    Raises:
        SurgeryError: the value is none.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _WHOLE_MAX:
        raise SurgeryError(
            f"{place} is {_short(value)}; expected a whole number from {least} to {_WHOLE_MAX}"
        )
    return value


def sizes(place: str, value: Any, count: int, least: int = 1) -> tuple[int, ...]:
    """Return `count` whole numbers; one number stands for equal ones.

    Raises:
        SurgeryError: the value is neither.
    """
    if not isinstance(value, list | tuple):
        return (whole(place, value, least),) * count
    if len(value) != count:
        raise SurgeryError(f"{place} is {_short(value)}; expected one number or {count}")
    return tuple(whole(place, item, least) for item in value)


def number(place: str, value: Any) -> float:
    """Return a finite number as a float.

    Raises:
        SurgeryError: the value is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SurgeryError(f"{place} is {_short(value)}; expected a number")
    return float(value)


def fraction(place: str, value: Any) -> float:
    """Return a number from 0 to 1 as a float.

    Raises:
        SurgeryError: the value is none.
    """
    found = number(place, value)
    if not 0 <= found <= 1:
        raise SurgeryError(f"{place} is {_short(value)}; expected a number from 0 to 1")
    return found


def truth(place: str, value: Any) -> bool:
    """Return true or false.

    Raises:
        SurgeryError: the value is neither.
    """
    if not isinstance(value, bool):
        raise SurgeryError(f"{place} is {_short(value)}; expected true or false")
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
