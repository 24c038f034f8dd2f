"""Saved queries are files of their own, under names that can be files."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelhub.errors import BadInputError
from modelhub.fs.layout import Layout
from modelhub.query import saved


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path)
    found.dot.mkdir()
    return found


def test_what_is_saved_is_read_again(layout: Layout) -> None:
    assert saved.names(layout) == []
    assert saved.read(layout, "größte") is None
    saved.write(layout, "größte", "select m\n  where m.version > 1  \n\n")
    saved.write(layout, "a b", "select m")
    saved.write(layout, "a b", "select n")
    assert saved.read(layout, "größte") == "select m\n  where m.version > 1\n"
    assert saved.read(layout, "a b") == "select n\n"
    assert saved.names(layout) == ["a b", "größte"]
    assert (layout.dot / "queries" / "a b.dql").read_text() == "select n\n"


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "-x", "a\nb", "x" * 201, " a"])
def test_other_names_are_refused(layout: Layout, name: str) -> None:
    with pytest.raises(BadInputError) as told:
        saved.write(layout, name, "select m")
    assert told.value.kind == "bad_name"
    assert saved.read(layout, name) is None
    assert not layout.queries_dir.exists()


def test_a_file_that_is_no_query_is_refused(layout: Layout) -> None:
    saved.write(layout, "q", "select m")
    layout.query_path("q").write_bytes(b"select \xff")
    with pytest.raises(BadInputError, match="not UTF-8"):
        saved.read(layout, "q")
    layout.query_path("q").write_bytes(b" " * (saved.QUERY_BYTES_MAX + 1))
    with pytest.raises(BadInputError, match="at most"):
        saved.read(layout, "q")
