from __future__ import annotations

import math

import pytest

from modelhub.dlv.budgets import Budget, parse, show, unit_of
from modelhub.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m=60MB", Budget("m", 60e6, "bytes")),
        ("m@2#best=1.5GiB", Budget("m@2#best", 1.5 * (1 << 30), "bytes")),
        ("m=200ms", Budget("m", 200, "ms")),
        ("m= 2 s", Budget("m", 2000, "ms")),
        ("m=123", Budget("m", 123, "bytes")),
        ("a=b@1=10kb", Budget("a=b@1", 10_000, "bytes")),
    ],
)
def test_texts(text: str, expected: Budget) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["", "m", "m=", "=1MB", "m=-1MB", "m=1XB", "m=1e9", "m=MB"])
def test_texts_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="REV=COST"):
        parse(text)


def test_one_unit() -> None:
    assert unit_of([]) == "bytes"
    assert unit_of([parse("m=1s"), parse("n=1ms")]) == "ms"
    with pytest.raises(UsageError):
        unit_of([parse("m=1s"), parse("n=1MB")])


def test_people_read_them() -> None:
    assert show(1.2345, "ms") == "1.23 ms"
    assert show(2500.0, "ms") == "2.50 s"
    assert show(2.5e6, "bytes") == "2.50 MB"
    assert show(math.inf, "bytes") == "none"
