"""Canonical JSON: equal values have equal bytes, and odd numbers survive."""

from __future__ import annotations

import math

import pytest

from modelhub.errors import CorruptionError
from modelhub.pas import canonical


def test_order_of_keys_does_not_count() -> None:
    assert canonical.dump({"b": 1, "a": [True, None]}) == b'{"a":[true,null],"b":1}'


def test_special_floats_and_big_integers_survive() -> None:
    value = {"a": math.inf, "b": -math.inf, "c": 2**80, "d": [0.1, 5e-324], "e": "ü\n\u2028"}
    assert canonical.load(canonical.dump(value), "test") == value
    assert math.isnan(canonical.load(canonical.dump({"x": math.nan}), "test")["x"])


@pytest.mark.parametrize("data", [b"", b"[1]", b"{", b"\xff", b'{"x":{"$float":"one"}}'])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptionError):
        canonical.load(data, "test")
