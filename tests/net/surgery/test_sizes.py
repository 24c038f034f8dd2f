"""Numbers for free sizes, and expressions for what came of them."""

from __future__ import annotations

import pytest

from modelhub.net.graph import Value
from modelhub.net.surgery.sequence import Sequence
from modelhub.net.surgery.sizes import ATTEMPTS, Sizes


@pytest.mark.parametrize("attempt", range(ATTEMPTS))
@pytest.mark.parametrize(
    "text", ["s0", "s1", "2*s0", "s1 + 1", "s1 - 1", "3*s1 + 2", "s0*s1", "5*s0*s1", "12"]
)
def test_an_expression_comes_back(text: str, attempt: int) -> None:
    given = Sizes([Value("float32", ("s0", "s1", "s2", 3))], attempt)
    numbers = given.numbers(text)
    assert numbers is not None
    # Found by a table that has not seen the text before.
    fresh = Sizes([Value("float32", ("s0", "s1", "s2", 3))], attempt)
    assert str(fresh.expression(numbers)) == text


def test_what_fits_nothing_gets_a_name_of_its_own() -> None:
    sizes = Sizes([Value("float32", ("s0", "s1"))], 0)
    numbers = sizes.numbers("(s1 + 1)//3")
    assert numbers is not None
    other = Sizes([Value("float32", ("s0", "s1"))], 0)
    assert other.expression(numbers, lambda: ["u0"]) == "u1"
    assert other.expression(numbers) == "u1"
    assert other.numbers("u1") == numbers


@pytest.mark.parametrize(
    "text",
    ["s9", "s0**99", "f(s0)", "s0.x", "(" * 90 + "s0" + ")" * 90 + "*q", "s0 //", "s0/0", "Max()"],
)
def test_what_cannot_be_evaluated_is_not(text: str) -> None:
    assert Sizes([Value("float32", ("s0",))], 0).numbers(text) is None


def test_order_holds_when_names_come_in_between() -> None:
    names = Sequence(["a", "z"])
    for number in range(300):
        names.insert(f"n{number}", before="z" if number % 2 else names.following("a"))
    names.remove("n7")
    names.insert("first", before="a")
    found = list(names)
    assert found[0] == "first"
    assert found[-1] == "z"
    assert len(found) == 302
    labels = [names.label(name) for name in found]
    assert labels == sorted(set(labels))
