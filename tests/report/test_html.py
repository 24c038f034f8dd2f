from __future__ import annotations

from html.parser import HTMLParser

from modelhub.report.html import render
from modelhub.report.page import Chart, Charts, Column, Facts, Grid, Lines, Page


class _Balance(HTMLParser):
    """Checks that every element that is opened is closed in order."""

    void = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _checked(page: Page) -> tuple[str, _Balance]:
    text = render(page)
    balance = _Balance()
    balance.feed(text)
    assert balance.open == []
    return text, balance


def test_every_block_is_rendered_and_closed() -> None:
    page = Page(
        "digits@1",
        (
            Facts((("size", "1 kB"), ("tags", "")), "facts"),
            Grid((Column("a", strong=True), Column("b", right=True)), [("1", "2")], "grid", "note"),
            Charts([Chart("loss", [3.0, 2.0], ("2",))], ("last",), "metrics"),
            Lines(("one", "two"), "lines"),
            Lines((), "left out"),
        ),
        "id",
    )
    text, balance = _checked(page)
    assert {"dl", "table", "svg", "pre", "h2"} <= balance.seen
    assert "left out" not in text
    assert "tags" not in text


def test_hostile_texts_stay_texts() -> None:
    evil = "<script>alert(1)</script>\"' onload=x \x1b[2J"
    page = Page(
        evil,
        (
            Facts(((evil, evil),), evil),
            Grid((Column(evil),), [(evil,)], evil, evil),
            Charts([Chart(evil, [1.0], (evil,))], (evil,), evil),
            Lines((evil,), evil),
        ),
        evil,
    )
    text, balance = _checked(page)
    assert "script" not in balance.seen
    assert "onload" not in balance.attributes
    assert "\x1b" not in text


def test_page_needs_nothing_from_outside() -> None:
    text, _ = _checked(Page("a", ()))
    assert "http" not in text
    assert "src=" not in text
    assert "url(" not in text
