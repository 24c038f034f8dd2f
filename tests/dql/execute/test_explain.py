"""What `explain` shows: tests/dql/fixtures/explain.txt.

A fixture is the query, a line `---`, and the plan; `===` stands between two.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dql import DqlError
from dql.execute import Step, run
from tests.dql.execute.indexed import IndexedBackend
from tests.dql.memory.models import NOW, STORE
from tests.dql.paper import QUERY_3

FIXTURES = Path(__file__).parents[1] / "fixtures" / "explain.txt"
BACKEND = IndexedBackend(STORE.all, {**STORE.queries, "query3": QUERY_3})


def fixtures() -> Iterator[tuple[str, str]]:
    for fixture in FIXTURES.read_text(encoding="utf-8")[:-1].split("\n===\n"):
        query, _, expected = fixture.partition("\n---\n")
        yield query, expected


@pytest.mark.parametrize(("query", "expected"), list(fixtures()))
def test_plans(query: str, expected: str) -> None:
    found = run(query, BACKEND, now=NOW, explain=True)
    assert found.kind == "explain"
    assert found.plan.to_text() == expected
    assert [row[0] for row in found.rows] == expected.splitlines()


def test_a_plan_is_given_with_the_rows_too() -> None:
    found = run("select m where m.name = 'alexnet_2'", BACKEND, now=NOW)

    def steps(step: Step) -> Iterator[Step]:
        yield step
        for each in step.inputs:
            yield from steps(each)

    assert [each.actual for each in steps(found.plan)] == [2, 2, 2]
    assert len(found.rows) == found.plan.actual


def test_evaluate_inside_is_explained_and_not_run() -> None:
    text = "select m from (evaluate t from 'anns' vary config.lr in [1, 2])"
    found = run(text, BACKEND, now=NOW, explain=True)
    assert "evaluate t: 2 ways for each" in found.plan.to_text()
    with pytest.raises(DqlError, match="cannot be run yet"):
        run(text, BACKEND, now=NOW)
