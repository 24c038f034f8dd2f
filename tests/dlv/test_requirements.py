"""Conditions on results are read strictly, and what is not known meets none."""

from __future__ import annotations

import math

import pytest

from modelhub.dlv.requirements import Requirement, parse_requirement, unmet
from modelhub.errors import UsageError


def test_forms() -> None:
    assert parse_requirement("top1>=0.98") == Requirement("top1", ">=", 0.98)
    assert parse_requirement(" loss < 1e-3 ") == Requirement("loss", "<", 0.001)
    assert parse_requirement("n==10").text == "n==10"


@pytest.mark.parametrize(
    "text", ["", "top1", "top1=0.9", "accuracy>0.9", "top1>=x", "top1>=nan", ">=0.9", "top1>=1 2"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"top1>=0\.98"):
        parse_requirement(text)


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("top1>=0.9", 0.9, True),
        ("top1>0.9", 0.9, False),
        ("top1<=0.9", 0.9, True),
        ("top1<0.9", 0.9, False),
        ("top1==0.9", 0.9, True),
        ("top1>=0.9", None, False),
        ("top1>=0.9", math.nan, False),
    ],
)
def test_what_holds(text: str, value: float | None, holds: bool) -> None:
    requirement = parse_requirement(text)
    found = unmet([requirement], {"top1": value})
    assert [one for one, _ in found] == ([] if holds else [requirement])
