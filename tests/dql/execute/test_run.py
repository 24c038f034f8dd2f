from __future__ import annotations

import pytest

from dql import DqlError
from dql.execute import run
from dql.memory import MemoryBackend, run_select
from tests.dql.execute.indexed import IndexedBackend
from tests.dql.memory.models import CONDITIONS, NOW, PARAMETERS, STORE

BACKENDS = [
    IndexedBackend(STORE.all, dict(STORE.queries)),
    IndexedBackend(STORE.all, dict(STORE.queries), extra=0.5),
    MemoryBackend(STORE.all, STORE.queries),
]


@pytest.mark.parametrize("backend", BACKENDS, ids=["indexed", "more", "plain"])
@pytest.mark.parametrize(("condition", "ids"), CONDITIONS)
def test_conditions(condition: str, ids: str, backend: MemoryBackend) -> None:
    given = {name: value for name, value in PARAMETERS.items() if f":{name}" in condition}
    found = run(f"select m where {condition}", backend, parameters=given, now=NOW)
    assert "".join(row[0].id for row in found.rows) == ids


@pytest.mark.parametrize("backend", BACKENDS, ids=["indexed", "more", "plain"])
@pytest.mark.parametrize(
    "text",
    [
        "select m1, m2 where m1.parent = m2 and m1.metrics.acc > m2.metrics.acc",
        "select m1, m2 where m2 in m1.ancestors and m1.name = 'alexnet-merge'",
        "select m1, m2 where m2.name = 'alexnet-merge' and m2.ancestors = m1",
        "select m1, m2 where m1.author = m2.author and m1.version < m2.version",
        "select m1, m2, m3 where m1.parent = m2 and m3.parent = m2 and m1 != m3",
        "select m.author, count(*) as n group by m.author order by n desc, m.author",
        "select distinct m.name order by m.name desc limit 2 offset 1",
        "select m from 'anns' where m.version = 1",
        "select m from 'alexnet_2'",
        "select a.name, b.version from a in 'anns', b in (select x where x has BN) order by b.name",
    ],
)
def test_rows_are_those_of_the_reference(text: str, backend: MemoryBackend) -> None:
    found = run(text, backend, now=NOW)
    wanted = run_select(text, backend, now=NOW)
    assert (found.names, found.rows) == (wanted.columns, wanted.rows)


def test_an_index_is_used_instead_of_a_scan() -> None:
    backend = IndexedBackend(STORE.all, dict(STORE.queries))
    found = run("select m where m.name = 'weights'", backend)
    assert [row[0].id for row in found.rows] == ["e"]
    assert backend.asked["versions"] == 0
    assert backend.asked["version"] == 1


def test_limit_stops_early() -> None:
    found = run("select m where m.version = 1 limit 1", MemoryBackend(STORE.all))
    below = found.plan.inputs[0]
    assert (found.plan.actual, below.actual) == (1, 1)


def test_explain_runs_the_select_alone() -> None:
    found = run("explain select m where m.name = 'weights'", BACKENDS[0])
    assert found.kind == "explain"
    assert found.plan.actual == 1
    assert found.rows == [(line,) for line in found.plan.to_text().splitlines()]


@pytest.mark.parametrize(
    ("text", "parameters", "message"),
    [
        ("select m limit :n", {"n": -1}, "`:n` is -1, expected a whole number from 0."),
        (
            "select m where m.name like :p",
            {"p": 3},
            "Found a number, expected a pattern in quotes.",
        ),
        ("select m where m.name = :p", {}, "The parameter `:p` has no value."),
        ("select m", {"p": 1}, "The query has no parameter `:p`, but it was given."),
        ("evaluate m from 'anns'", {}, "`evaluate` cannot be run yet; "),
    ],
)
def test_what_cannot_be_run(text: str, parameters: dict, message: str) -> None:
    with pytest.raises(DqlError) as caught:
        run(text, BACKENDS[0], parameters=parameters)
    assert caught.value.message.startswith(message)
