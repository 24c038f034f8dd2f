from __future__ import annotations

import pytest

from dql import parse
from dql.logical import Join, Nested, Scan, Unit
from dql.lower import lower, ranges


def _kinds(text: str) -> list[str]:
    plan = lower(parse(text).statement)
    found = []
    while True:
        found.append(type(plan).__name__)
        if isinstance(plan, Scan | Unit | Join | Nested):
            return found
        plan = plan.input


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("select m", "Project Scan"),
        ("select m, n where true", "Project Filter Join"),
        (
            "select distinct m.name where true order by m.name limit 1",
            "Limit Distinct Order Project Filter Scan",
        ),
        ("select count(*) from m", "Project Group Scan"),
        ("select m from 'x'", "Project Nested"),
        ("construct n from m mutate n.freeze", "Build Scan"),
        ("evaluate m from 'x'", "Trials Nested"),
    ],
)
def test_steps(text: str, wanted: str) -> None:
    assert " ".join(_kinds(text)) == wanted


def test_what_variables_run_over() -> None:
    assert ranges(parse("select b.name, a").statement) == {"b": None, "a": None}
    found = ranges(parse("select a, b from b, 'x'").statement)
    assert list(found) == ["b", "a"]
    assert found["b"] is None


def test_steps_are_equal_if_they_say_the_same() -> None:
    texts = ("select m where true", "select  m\nwhere  true")
    one, two = (lower(parse(text).statement) for text in texts)
    assert one == two
