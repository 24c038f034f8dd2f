from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelhub.report import text


def test_escape_sequences_are_shown_not_sent() -> None:
    assert text.visible("a\x1b[31mb\nc\x00\x7f") == "a\\x1b[31mb\\nc\\x00\\x7f"
    assert text.visible("right‮to left") == "right\\u202eto left"
    assert text.visible("\udc80") == "\\udc80"


def test_letters_of_any_script_stay() -> None:
    assert text.visible("naïve 模型 👩‍🔬") == "naïve 模型 👩‍🔬"


def test_one_line() -> None:
    assert text.one_line("  first\nsecond") == "first ..."
    assert text.one_line("") == ""


@given(st.text(), st.integers(1, 40))
def test_shorten_never_exceeds_the_width(value: str, width: int) -> None:
    assert text.cells(text.shorten(value, width)) <= width


def test_shorten_counts_wide_characters_twice() -> None:
    assert text.shorten("模型模型", 5) == "模型…"


def test_glyphs_follow_the_encoding() -> None:
    assert text.glyphs_for("utf-8") is text.UNICODE
    for encoding in ("ascii", "iso-8859-1", None, "no-such-encoding"):
        assert text.glyphs_for(encoding) is text.ASCII


def test_ascii_glyphs_are_ascii() -> None:
    for name in ("node", "pipe", "tee", "corner", "bars", "full", "empty", "dots", "times"):
        assert getattr(text.ASCII, name).isascii()


@given(st.lists(st.integers(0, 10**30)))
def test_natural_key_orders_numbers(numbers: list[int]) -> None:
    names = [f"layer.{number}.weight" for number in numbers]
    expected = [f"layer.{number}.weight" for number in sorted(numbers)]
    assert sorted(names, key=text.natural_key) == expected


@given(st.lists(st.text(alphabet="a1²٣.0")))
def test_natural_key_is_comparable(names: list[str]) -> None:
    sorted(names, key=text.natural_key)
