from __future__ import annotations

import pytest

import dql
from demo_steps.asking import QUERIES, TRAINING


@pytest.mark.parametrize("text", QUERIES)
def test_no_query_has_a_mistake(text: str) -> None:
    query = dql.parse(text)
    dql.check(query, text)


def test_the_program_needs_no_source_of_the_demo() -> None:
    compile(TRAINING, "<program>", "exec")
    assert "demo_steps" not in TRAINING
