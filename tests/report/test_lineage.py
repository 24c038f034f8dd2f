from __future__ import annotations

from modelhub.report.lineage import draw
from modelhub.report.text import ASCII


def _drawn(roots: list[str], children: dict[str, list[str]], ascii_only: bool = False) -> list[str]:
    def continues(parent: str, child: str) -> bool:
        return parent.partition("@")[0] == child.partition("@")[0]

    glyphs = {"glyphs": ASCII} if ascii_only else {}
    return [line.prefix + (line.node or "") for line in draw(roots, children, continues, **glyphs)]


def test_main_line_stays_in_its_column() -> None:
    children = {"a@1": ["b@1", "a@2"], "b@1": ["b@2"], "a@2": ["a@3"]}
    assert _drawn(["a@1"], children) == [
        "● a@1",
        "├─● b@1",
        "│ ● b@2",
        "● a@2",
        "● a@3",
    ]


def test_last_branch_without_main_line_is_a_corner() -> None:
    children = {"a@1": ["b@1", "c@1"], "c@1": ["d@1"]}
    assert _drawn(["a@1"], children) == [
        "● a@1",
        "├─● b@1",
        "╰─● c@1",
        "  ╰─● d@1",
    ]


def test_trees_are_apart() -> None:
    assert _drawn(["a@1", "b@1"], {}, ascii_only=True) == ["* a@1", "", "* b@1"]


def test_nothing() -> None:
    assert _drawn([], {}) == []


def test_long_history_neither_indents_nor_recurses() -> None:
    children = {f"a@{i}": [f"a@{i + 1}"] for i in range(20_000)}
    lines = _drawn(["a@0"], children)
    assert len(lines) == 20_001
    assert lines[-1] == "● a@20000"
