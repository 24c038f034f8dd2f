"""Queries inside queries: whose variables they see, and what is kept of them."""

from __future__ import annotations

import pytest

from dql.execute import run
from dql.memory import MemoryNetwork, MemoryNode, MemoryVersion, run_select
from tests.dql.execute.editing import EditingBackend
from tests.dql.execute.indexed import IndexedBackend

CHAIN = IndexedBackend(
    [
        MemoryVersion(
            f"v{number:02}",
            {"name": f"m{number}", "version": number},
            parents=[f"v{number - 1:02}"] if number > 1 else [],
        )
        for number in range(1, 18)
    ],
    {"q": "select x where x.version < 3"},
)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (
            "select k where k.version in (select x.version from k, x "
            "where x.parent = k and k.version > 3 and k.version < 6 and true)",
            2,
        ),
        (
            "select m, k where m.version < 4 and k.version < 6 and m.name in "
            "(select x.name from m, x where x.parent = m and m.version = k.version)",
            2,
        ),
        (
            "select m where m.version in (select x.version "
            "from m in (select y where y.version = m.version), x where x = m)",
            17,
        ),
        ('select m where m.version in (select count(*) + m.version from x where x.name = "z")', 17),
    ],
)
def test_a_variable_hides_one_of_its_name_around(text: str, count: int) -> None:
    found = run(text, CHAIN).rows
    assert found == run_select(text, CHAIN).rows
    assert len(found) == count


def test_each_action_has_the_value_of_its_own_query() -> None:
    names = [f"conv{number}" for number in range(8)]
    nodes = [
        MemoryNode(name, "CONV", (names[at - 1] if at else "x",), {"out": 0})
        for at, name in enumerate(names)
    ]
    backend = EditingBackend(
        [
            MemoryVersion("a", {"name": "a", "version": 0}, layers=MemoryNetwork(nodes)),
            *(MemoryVersion(f"b{n}", {"name": "b", "version": n}) for n in range(1, 12)),
        ]
    )
    actions = " and ".join(
        f'm["{name}"].out = (select max(x.version) from x where x.version <= {at + 2})'
        for at, name in enumerate(names)
    )
    (row,) = run(f'construct n from m where m.name = "a" mutate {actions}', backend).rows
    made = [node.attributes["out"] for node in row[0].network().nodes]
    assert made == list(range(2, 10))


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ('select m from "q"', {}),
        ("select m from m in q", {}),
        ("select m from :p", {"p": "q"}),
        ('select m where m in "q"', {}),
        ("select m where m in q", {}),
    ],
)
def test_explain_shows_the_steps_of_a_saved_query(text: str, parameters: dict[str, str]) -> None:
    steps = run(f"explain {text}", CHAIN, parameters=parameters).plan.to_text()
    assert "x.version < 3" in steps


def test_explain_takes_no_other_text_for_the_name_of_a_query() -> None:
    steps = run('explain select m where (m in q or true) and m.name != "q"', CHAIN).plan.to_text()
    assert steps.count("x.version < 3") == 1
