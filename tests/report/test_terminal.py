from __future__ import annotations

import io

import pytest

from modelhub.report.page import Chart, Charts, Column, Facts, Grid, Lines, Page
from modelhub.report.terminal import WIDTH_UNBOUNDED, Terminal, width_of
from modelhub.report.text import cells

PAGE = Page(
    "minilm@2",
    (
        Facts((("message", "first training " * 12), ("tags", ""), ("size", "90.9 MB"))),
        Grid((Column("tensor", strong=True), Column("n", right=True)), [("a.b", "1"), ("c", "22")]),
        Grid((Column("x"),), (), heading="nothing here"),
        Charts([Chart("loss", [3, 2, 1], ("1", "3"))], ("last", "max"), "metrics"),
        Lines(("[bold]not markup[/bold]", "\x1b[2Jnot sent"), "text"),
    ),
    subtitle="0123",
)


def _printed(page: Page, width: int) -> str:
    stream = io.StringIO()
    Terminal(stream, width).page(page)
    return stream.getvalue()


@pytest.mark.parametrize("width", [30, 40, 80, 120])
def test_page_fits(width: int) -> None:
    for line in _printed(PAGE, width).splitlines():
        assert cells(line) <= width
        assert line == line.rstrip()


def test_page_content() -> None:
    text = _printed(PAGE, 80)
    assert "tags" not in text
    assert "nothing here" not in text
    assert "[bold]not markup[/bold]" in text
    assert "\\x1b[2Jnot sent" in text
    assert "\x1b" not in text


def test_numbers_are_aligned_right() -> None:
    assert "tensor   n\na.b      1\nc       22\n" in _printed(PAGE, 80)


def test_width_follows_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert width_of(io.StringIO()) == 72
    monkeypatch.setenv("COLUMNS", "nonsense")
    assert width_of(io.StringIO()) == WIDTH_UNBOUNDED
    monkeypatch.delenv("COLUMNS")
    assert width_of(io.StringIO()) == WIDTH_UNBOUNDED


def test_pipe_gets_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    stream = io.StringIO()
    Terminal(stream).block(Grid((Column("a", flexible=True),), [("x" * 500,)]))
    assert "x" * 500 in stream.getvalue()
