from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dql import DqlError

SOURCE = 'select m\nwhere m.name lke "lenet%"'


def test_shows_the_line_with_a_caret() -> None:
    error = DqlError("found `lke`, expected an operator", source=SOURCE, line=2, column=14)
    assert (error.line, error.column) == (2, 14)
    assert str(error).splitlines() == [
        "line 2, column 14: found `lke`, expected an operator",
        '  where m.name lke "lenet%"',
        "               ^",
    ]


@pytest.mark.parametrize(("line", "column"), [(3, 1), (2, 999)])
def test_past_the_end_points_behind_the_last_character(line: int, column: int) -> None:
    error = DqlError("the query ends here", source=SOURCE, line=line, column=column)
    assert (error.line, error.column) == (2, 26)
    assert error.caret.splitlines()[1] == " " * 27 + "^"


def test_empty_query() -> None:
    error = DqlError("the query is empty", source="", line=1, column=1)
    assert error.caret == "  \n  ^"


def test_positions_count_from_one() -> None:
    with pytest.raises(ValueError, match="count from 1"):
        DqlError("", source="select m", line=0, column=1)


def test_caret_stands_under_the_character_after_wide_letters_and_tabs() -> None:
    error = DqlError("", source="\tm = 模型 x", line=1, column=8)
    excerpt, caret = error.caret.splitlines()
    assert excerpt == "   m = 模型 x"
    # Two blanks of margin, seven characters before `x`, of which two take two cells.
    assert caret == " " * (2 + 7 + 2) + "^"


@pytest.mark.parametrize("column", [1, 250, 500])
def test_long_line_is_cut_around_the_column(column: int) -> None:
    line = "".join(chr(ord("a") + i % 26) for i in range(500))
    excerpt, caret = DqlError("", source=line, line=1, column=column).caret.splitlines()
    assert excerpt[len(caret) - 1] == line[column - 1]
    assert len(excerpt) <= 80


@given(st.text(max_size=300), st.integers(1, 10), st.integers(1, 400))
def test_any_text_and_place(source: str, line: int, column: int) -> None:
    error = DqlError("m", source=source, line=line, column=column)
    assert 1 <= error.line <= max(1, len(source.splitlines()))
    assert error.caret.splitlines()[-1].endswith("^")
