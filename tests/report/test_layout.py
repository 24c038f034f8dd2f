from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelhub.report.layout import GAP, fit
from modelhub.report.page import Column, Grid
from modelhub.report.text import cells

COLUMNS = (
    Column("version", strong=True),
    Column("id", priority=2),
    Column("size", right=True),
    Column("message", flexible=True, priority=3),
)
ROW = ("minilm-finetuned@12", "0123456789", "90.9 MB", "a message of some length in here")


def _lines(grid: Grid, width: int) -> list[str]:
    layout, rows = fit(grid, width, "…")
    return [(" " * GAP).join(line).rstrip() for row in rows for line in layout.lines(row)]


def test_all_fits() -> None:
    line = _lines(Grid(COLUMNS, [ROW]), 200)
    assert line == ["minilm-finetuned@12  0123456789  90.9 MB  a message of some length in here"]


def test_flexible_column_shrinks_first() -> None:
    (line,) = _lines(Grid(COLUMNS, [ROW]), 70)
    assert line.endswith("…")
    assert "0123456789" in line


def test_columns_go_by_priority() -> None:
    assert _lines(Grid(COLUMNS, [ROW]), 45) == ["minilm-finetuned@12  0123456789  90.9 MB"]
    assert _lines(Grid(COLUMNS, [ROW]), 30) == ["minilm-finetuned@12  90.9 MB"]


def test_what_must_stay_is_folded_not_cut() -> None:
    lines = _lines(Grid(COLUMNS, [ROW]), 24)
    assert len(lines) == 2
    assert "".join(line.split("  ")[0] for line in lines).startswith("minilm-finetuned@12")


def test_empty_column_is_left_out() -> None:
    grid = Grid((Column("a"), Column("b"), Column("c")), [("1", "", "3"), ("4", "", "6")])
    assert _lines(grid, 80) == ["1  3", "4  6"]


def test_control_characters_take_no_line() -> None:
    assert _lines(Grid((Column("a"),), [("x\ny",)]), 80) == ["x\\ny"]


cell = st.text(max_size=30)


@given(st.lists(st.tuples(cell, cell, cell, cell), max_size=5), st.integers(20, 100))
def test_no_line_is_wider_than_the_terminal(rows: list[tuple[str, ...]], width: int) -> None:
    for line in _lines(Grid(COLUMNS, rows), width):
        assert cells(line) <= width


def test_empty_column_that_was_asked_for_stays() -> None:
    grid = Grid((Column("a"), Column("b", asked_for=True)), [("1", "")])
    layout, _ = fit(grid, 80, "…")
    assert [column.title for column in layout.columns] == ["a", "b"]
