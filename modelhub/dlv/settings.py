"""Read the `KEY=VALUE` settings that a user types as metadata M."""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelhub.errors import UsageError

__all__ = ["KEY_BYTES_MAX", "parse", "parse_value"]

Scalar = str | int | float | bool

# Keys are catalog keys too, together with a typed value (511 bytes in all).
KEY_BYTES_MAX = 200

_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][+-]?[0-9]+)?")
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1
_WORDS = {"true": True, "false": False}


def parse(settings: Iterable[str]) -> dict[str, Scalar]:
    """Return typed metadata from texts such as `lr=0.1`, `epochs=3`, `done=true`, `v="007"`.

    Raises:
        UsageError: a text is no KEY=VALUE, or a key stands twice.
    """
    result: dict[str, Scalar] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        key = key.strip()
        size = len(key.encode("utf-8", "surrogateescape"))
        if not equals or not key or not key.isprintable() or size > KEY_BYTES_MAX:
            raise UsageError(
                f"setting {text!r}",
                expected=f"KEY=VALUE, KEY printable and of at most {KEY_BYTES_MAX} bytes",
            )
        if key in result:
            raise UsageError(f"setting {key!r} is given twice", expected="each key once")
        result[key] = parse_value(value)
    return result


def parse_value(text: str) -> Scalar:
    """Return the int, float or bool that the text is; quoted or anything else stays a string.

    Integers beyond 64 bits, `nan` and `inf` stay strings: they have no order that a query could
    use.
    """
    text = text.strip()
    if text in _WORDS:
        return _WORDS[text]
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    # The bound on digits keeps int() from refusing (4300) or taking long.
    if _INT.fullmatch(text) and len(text) <= 20 and _INT_MIN <= int(text) <= _INT_MAX:
        return int(text)
    if _FLOAT.fullmatch(text) and abs(float(text)) != float("inf"):
        return float(text)
    return text
