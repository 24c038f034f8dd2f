"""Paths compared in bulk agree with what is above each one, listed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelhub.net.paths import Paths, count_all

WORDS = st.lists(st.sampled_from(["a", "b", "a-b", "0", "A"]), min_size=1, max_size=4)
PATHS = st.lists(WORDS.map(".".join), max_size=8)


def _above(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


@given(PATHS)
def test_nested(paths: list[str]) -> None:
    names = set(paths)
    nested = {above for path in names for above in _above(path)[:-1]} & names
    found = Paths(paths).nested()
    assert found in nested if nested else found == ""


@given(PATHS, WORDS.map(".".join))
def test_holder(paths: list[str], path: str) -> None:
    apart = Paths(paths)
    if not apart.nested():
        expected = next((above for above in _above(path) if above in paths), "")
        assert apart.holder(path) == expected
    assert apart.holder("") == ""


@given(PATHS)
def test_count(paths: list[str]) -> None:
    assert count_all(paths) == len({above for path in paths for above in _above(path)})
    assert count_all(["", *paths]) == count_all(paths)
