from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dql.patterns import PatternError, compile_regex


def _matches(pattern: str, text: str) -> bool:
    return compile_regex(pattern).match(text) is not None


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"v\d+", "lenet-v12"), (r"^lenet$", "lenet"), (r"^lenet$", "lenet2"), ("a|bc", "xbc"),
        ("a{2,3}b", "aab"), ("^a{2}$", "aaa"), ("a{2,}", "a"), ("[^0-9]", "12"),
        ("[a-c_]+$", "xab_"), ("[]a]", "]"), ("[a-]", "-"), (r"[\d.]+", "1.5"),
        (r"\bnet\b", "a net"),
        (r"\bnet\b", "lenet"), ("(?:ab)+c", "ababc"), ("(a(b|c))*d", "abacd"), ("", "x"),
        (r"\W", "a_1"), (r"\S\s\S", "a b"), (r"\.", "a"), ("a?b", "b"), ("()*", "a"),
        ("(a*)*b", "aa"),
    ],
)  # fmt: skip
def test_agrees_with_pythons(pattern: str, text: str) -> None:
    assert _matches(pattern, text) == (re.search(pattern, text) is not None)


_PATTERNS = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", "^", "$"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{1,2}"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)


@given(_PATTERNS, st.text("ab1", max_size=6))
def test_agrees_with_pythons_on_any(pattern: str, text: str) -> None:
    assert _matches(pattern, text) == (re.search(pattern, text) is not None)


@pytest.mark.parametrize(
    ("pattern", "offset"),
    [
        ("a)", 1), ("(a", 0), ("*a", 0), ("a**", 2), ("a*?", 2), ("[a", 0), ("a{x}", 1),
        ("a{3,2}", 1), ("a{101}", 1), ("(?=a)", 0), (r"\1", 0), ("a\\", 1), ("[z-a]", 1),
    ],
)  # fmt: skip
def test_wrong_expressions_point_at_the_place(pattern: str, offset: int) -> None:
    with pytest.raises(PatternError) as caught:
        compile_regex(pattern)
    assert caught.value.offset == offset


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|a)*b", "(a|aa)+$", "(a+)+b", "a{0,30}a{30}b"])
def test_no_expression_takes_exponential_time(pattern: str) -> None:
    assert _matches(pattern, "a" * 200) == pattern.endswith("$")


@pytest.mark.parametrize("pattern", ["((a{50}){50}){50}", "(" * 5_000, "a" * 100_000, "a|" * 5_000])
def test_expressions_are_bounded(pattern: str) -> None:
    with pytest.raises(PatternError):
        compile_regex(pattern)
