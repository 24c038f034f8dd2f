from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dql.patterns import PatternError, compile_like, compile_selector, fill
from dql.patterns.program import INSTRUCTIONS_MAX, TEXT_CHARS_MAX


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("conv[1,3,5]", ["conv1", "conv3", "conv5"], ["conv2", "conv,", "conv", "conv13"]),
        ("conv[1,10]", ["conv1", "conv10"], ["conv0"]),
        ("conv[1-3,8]", ["conv1", "conv2", "conv8"], ["conv4", "conv-"]),
        ("conv[9-11]", ["conv9", "conv10", "conv11"], ["conv1"]),
        ("fc[a-c]", ["fca", "fcc"], ["fcd"]),
        ("[conv,fc]1", ["conv1", "fc1"], ["c1"]),
        ("conv*", ["conv", "conv1", "conv1.bn"], ["xconv"]),
        ("*", ["", "anything.at.all"], []),
        ("conv?", ["conv1"], ["conv", "conv12"]),
        ("layer.0.conv", ["layer.0.conv"], ["layerx0.conv"]),
        (r"a\*\[", ["a*["], ["ab["]),
        ("Conv", ["Conv"], ["conv"]),
    ],
)
def test_selectors(pattern: str, yes: list[str], no: list[str]) -> None:
    selector = compile_selector(pattern)
    assert [name for name in yes if selector.match(name) is None] == []
    assert [name for name in no if selector.match(name) is not None] == []


@pytest.mark.parametrize(
    ("pattern", "name", "captures"),
    [
        ("conv*($1)", "conv12", {1: "12"}),
        ("conv($1)", "conv12", {1: "12"}),
        ("conv[1,3,5]($1)", "conv3", {1: "3"}),
        ("*($1).?($2)", "a.b.c", {1: "a.b", 2: "c"}),
        ("*($2)-*($1)", "a-b", {1: "b", 2: "a"}),
        ("[ab,a]($1)*($2)", "abc", {1: "ab", 2: "c"}),
        ("[a,ab]($1)*($2)", "abc", {1: "a", 2: "bc"}),
        ("conv*", "conv1", {}),
    ],
)
def test_captures_hold_what_was_taken_just_before(
    pattern: str, name: str, captures: dict[int, str]
) -> None:
    assert compile_selector(pattern).match(name) == captures


@pytest.mark.parametrize(
    ("pattern", "offset"),
    [
        ("conv[1", 4), ("conv]", 4), ("a(b", 1), ("*($1)*($1)", 6), ("a\\", 1), ("[]", 1),
        ("[1,,2]", 3), ("[3-1]", 1), ("[1-900]", 1), ("[c-a]", 1),
    ],
)  # fmt: skip
def test_wrong_selectors_point_at_the_place(pattern: str, offset: int) -> None:
    with pytest.raises(PatternError) as caught:
        compile_selector(pattern)
    assert caught.value.offset == offset


def test_captures_fill_names() -> None:
    assert fill("relu$1_$2", {1: "3", 2: "x"}) == "relu3_x"
    assert fill("$1$1", {1: "$2"}) == "$2$2"
    with pytest.raises(PatternError, match="not captured"):
        fill("relu$2", {1: "3"})


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("alexnet_%", ["alexnet-1", "alexnet_"], ["alexnet", "xalexnet-1"]),
        ("%", ["", "a\nb"], []),
        (r"100\%", ["100%"], ["1000"]),
        ("a.c", ["a.c"], ["abc"]),
    ],
)
def test_like(pattern: str, yes: list[str], no: list[str]) -> None:
    compiled = compile_like(pattern)
    assert [text for text in yes if compiled.match(text) is None] == []
    assert [text for text in no if compiled.match(text) is not None] == []


@given(st.text("ab%", max_size=8) | st.text("ab%_", max_size=8), st.text("ab\n", max_size=8))
def test_like_agrees_with_a_regular_expression(pattern: str, text: str) -> None:
    regex = pattern.replace("%", ".*").replace("_", ".")
    expected = re.fullmatch(regex, text, re.DOTALL) is not None
    assert (compile_like(pattern).match(text) is not None) == expected


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_selectors_prefer_as_backtracking_does(pattern: str, text: str) -> None:
    parts = re.sub(r"\*+", "*", pattern)
    regex = "".join(f"(.{each if each == '*' else ''})" if each in "*?" else each for each in parts)
    wilds = [at for at, each in enumerate(parts) if each in "*?"][:9]
    numbered = "".join(
        each + (f"(${wilds.index(at) + 1})" if at in wilds else "") for at, each in enumerate(parts)
    )
    found = re.fullmatch(regex, text)
    expected = None if found is None else dict(enumerate(found.groups()[:9], start=1))
    assert compile_selector(numbered).match(text) == expected


def test_patterns_and_texts_are_bounded() -> None:
    with pytest.raises(PatternError, match="too large"):
        compile_selector("a" * (INSTRUCTIONS_MAX + 1))
    assert compile_selector("a" * INSTRUCTIONS_MAX).match("a" * INSTRUCTIONS_MAX) == {}
    assert compile_selector("*").match("a" * TEXT_CHARS_MAX) == {}
    assert compile_selector("*").match("a" * (TEXT_CHARS_MAX + 1)) is None
    assert compile_like("a%").match("a" * TEXT_CHARS_MAX) is not None
    assert compile_like("a%").match("a" * (TEXT_CHARS_MAX + 1)) is None
    with pytest.raises(PatternError, match="too large"):
        compile_like("a" * (INSTRUCTIONS_MAX + 1))


def test_no_pattern_takes_exponential_time() -> None:
    """Backtracking would take 2 ** 40 steps and more: this would never return."""
    assert compile_selector("*a" * 40 + "b").match("a" * 100) is None
    assert compile_like("%a" * 40 + "b").match("a" * 100) is None
