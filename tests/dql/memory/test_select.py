from __future__ import annotations

import pytest

from dql import DqlError
from dql.memory import MemoryBackend, MemoryNetwork, MemoryNode, MemoryVersion, run_select
from tests.dql.memory.models import CONDITIONS, NOW, PARAMETERS, STORE
from tests.dql.paper import QUERY_1


def _ids(text: str, **parameters) -> str:
    parameters = {name: value for name, value in parameters.items() if f":{name}" in text}
    rows = run_select(text, STORE, parameters, now=NOW).rows
    return " ".join("".join(each.id for each in row) for row in rows)


def _where(condition: str, **parameters) -> str:
    return _ids(f"select m where {condition}", **parameters).replace(" ", "")


def test_query_1_of_the_paper() -> None:
    found = _ids(QUERY_1)
    assert found == "b"


@pytest.mark.parametrize(("condition", "ids"), CONDITIONS)
def test_conditions(condition: str, ids: str) -> None:
    assert _where(condition, **PARAMETERS) == ids


def test_joins() -> None:
    assert _ids("select m1, m2 where m1.parent = m2 and m1.metrics.acc > m2.metrics.acc") == "ba"
    assert (
        _ids("select m1, m2 where m2 in m1.ancestors and m1.name = 'alexnet-merge'") == "da db dc"
    )
    assert _where('common_ancestor(m, m).id = "b"') == "b"


def test_a_nested_query_sees_the_variables_around_it() -> None:
    assert _where("m in (select x where x.parent = m.parent and x.name != 'alexnet-merge')") == "bc"


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("m has CONV", True),
        ("m has LSTM", False),
        ('m["conv*"] not has POOL', True),
        ('m["conv*"].kernel = 3', True),
        ("m has CONV -> POOL", None),
        ("m not has CONV -> POOL", None),
        ("m has not LSTM ->* LSTM", None),
        ('m["conv*"].next has POOL', None),
        ('m["conv*"].next not has POOL', None),
        ('all m["conv*"].prev* has POOL', None),
        ('m["conv*"].next!.kernel = 3', None),
        ("m.input has CONV", None),
        ("length(m.output) = 0", None),
        ('m["conv*"].next is null', True),
        ("m.nodes is null", False),
        ("m has CONV -> POOL or m has CONV", True),
        ("m has CONV -> POOL and m has LSTM", False),
    ],
)
def test_without_edges_what_follows_what_is_unknown(condition: str, value: bool | None) -> None:
    nodes = [MemoryNode("conv1", "CONV", (), {"kernel": 3}), MemoryNode("pool1", "POOL")]
    store = MemoryBackend([MemoryVersion("v", layers=MemoryNetwork(nodes, wired=False))])
    held = bool(run_select(f"select m where {condition}", store).rows)
    opposite = bool(run_select(f"select m where not ({condition})", store).rows)
    assert (held, opposite) == (value is True, value is False)


def test_columns() -> None:
    found = run_select("select m.name, m.size / 1000 as kilos limit 1", STORE)
    assert found.columns == ("m.name", "kilos")
    assert found.rows == [("alexnet_1", 1.0)]


def test_groups() -> None:
    text = "select m.author, count(*) as n, max(m.version), avg(m.size) group by m.author"
    assert run_select(text + " order by n, m.author", STORE).rows == [
        ("bob", 1, 1, 5_000_000.0),
        ("ann", 2, 2, 1000.0),
        (None, 2, 1, 1000.0),
    ]


def test_aggregates_without_groups_and_rows() -> None:
    text = "select count(m), sum(m.size), min(m.size) where m.name = 'none'"
    assert run_select(text, STORE).rows == [(0, None, None)]
    assert run_select("select count(m.author) from m", STORE).rows == [(3,)]


def test_order_limit_and_distinct() -> None:
    assert _ids("select m order by m.name desc, m.version desc") == "e c b a d"
    assert _ids("select m order by m.metrics.acc desc") == "b a c d e"
    assert _ids("select m order by m.metrics.acc limit 2 offset 1") == "b c"
    assert _ids("select m limit :n offset 1", n=2) == "b c"
    assert run_select("select distinct m.name where m.name like 'alexnet\\__'", STORE).rows == [
        ("alexnet_1",),
        ("alexnet_2",),
    ]


_LOOP = "In the saved query `loop`: The saved query `loop` comes back to itself."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select m from 'none'", "There is no saved query `none`, and no version of that name."),
        ("select m from 'loop'", _LOOP),
        ("select m where m.name = :missing", "The parameter `:missing` has no value."),
        ("select m limit :name", "`:name` is 'x', expected a whole number from 0."),
        (
            "select m from 'wrong'",
            "In the saved query `wrong`: Found `selct`. Did you mean `select`?",
        ),
        ("select m where m.nam = 1", "A version has no `nam`. Did you mean `name`?"),
        ("evaluate m from 'anns'", "Only `select` can be run here."),
    ],
)
def test_what_cannot_be_run(text: str, message: str) -> None:
    with pytest.raises(DqlError) as caught:
        run_select(text, STORE, {"name": "x"} if ":name" in text else {})
    assert caught.value.message == message
