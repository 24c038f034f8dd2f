"""Gather the scalars that a file carries beside its tensors, as metadata."""

from __future__ import annotations

from collections.abc import Mapping

from modelhub.containers.limits import (
    LIST_SCALARS_MAX,
    METADATA_COUNT_MAX,
    METADATA_VALUE_BYTES_MAX,
    NAME_BYTES_MAX,
    NEST_MAX,
)
from modelhub.containers.model import Scalar

__all__ = ["Scalars", "is_scalar"]

_INTEGER_MAX = (1 << 63) - 1


def is_scalar(value: object) -> bool:
    """Tell whether a value can be metadata as it is."""
    return isinstance(value, (str, int, float))


class Scalars:
    """Collects scalars under names; what does not fit is left in the file, with a remark."""

    def __init__(self) -> None:
        self.values: dict[str, Scalar] = {}
        self._left_out = 0

    def add(self, name: str, value: Scalar) -> None:
        """Take one scalar, unless it is too long, past 64 bits, or one too many."""
        full = len(self.values) >= METADATA_COUNT_MAX and name not in self.values
        if full or not _fits(name, NAME_BYTES_MAX) or not _acceptable(value):
            self._left_out += 1
        else:
            self.values[name] = value

    def leave_out(self, count: int = 1) -> None:
        """Count values that stay in the file only."""
        self._left_out += count

    def add_json(self, name: str, value: object, depth: int = 0) -> None:
        """Take a JSON value, with dotted names for what is nested in it."""
        if isinstance(value, (str, int, float)):
            self.add(name, value)
        elif isinstance(value, Mapping) and depth < NEST_MAX:
            for key, inner in value.items():
                self.add_json(f"{name}.{key}" if name else str(key), inner, depth + 1)
        elif isinstance(value, list) and depth < NEST_MAX and len(value) <= LIST_SCALARS_MAX:
            for index, inner in enumerate(value):
                self.add_json(f"{name}.{index}", inner, depth + 1)
        elif value is not None:
            self._left_out += 1

    def notes(self) -> list[str]:
        """Return a remark on what was left out, if anything was."""
        if not self._left_out:
            return []
        return [f"{self._left_out} values that are no plain scalars stay in the file only"]


def _fits(text: str, bytes_max: int) -> bool:
    try:
        return len(text) <= bytes_max and len(text.encode("utf-8")) <= bytes_max
    except UnicodeEncodeError:
        return False


def _acceptable(value: Scalar) -> bool:
    if isinstance(value, str):
        return _fits(value, METADATA_VALUE_BYTES_MAX)
    if isinstance(value, int):
        return -_INTEGER_MAX - 1 <= value <= _INTEGER_MAX
    return True
