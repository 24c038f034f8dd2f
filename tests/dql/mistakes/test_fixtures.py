"""Wrong queries with what is said about them: tests/dql/fixtures/wrong-*.txt.

A fixture is the query, a line `---`, and the error's whole text; `===` stands between two.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dql import DqlError, check, parse

FOLDER = Path(__file__).parents[1] / "fixtures"


def _fixtures() -> Iterator[tuple[str, str]]:
    for path in sorted(FOLDER.glob("wrong-*.txt")):
        for fixture in path.read_text(encoding="utf-8")[:-1].split("\n===\n"):
            query, _, expected = fixture.partition("\n---\n")
            yield query, expected


@pytest.mark.parametrize(("query", "expected"), list(_fixtures()))
def test_says_what_is_wrong(query: str, expected: str) -> None:
    with pytest.raises(DqlError) as caught:
        check(parse(query), query)
    assert str(caught.value) == expected


def test_there_are_many_and_each_is_another() -> None:
    queries = [query for query, _ in _fixtures()]
    assert len(set(queries)) == len(queries) >= 60
