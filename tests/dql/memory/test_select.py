from __future__ import annotations

import datetime

import pytest

from dql import DqlError
from dql.memory import MemoryBackend, MemoryNetwork, MemoryNode, MemoryVersion, run_select

NOW = datetime.datetime(2016, 1, 1, tzinfo=datetime.UTC)


def _chain(*nodes: tuple[str, str, dict]) -> MemoryNetwork:
    made = []
    for number, (name, kind, attributes) in enumerate(nodes):
        inputs = (nodes[number - 1][0],) if number else ()
        made.append(MemoryNode(name, kind, inputs, attributes))
    return MemoryNetwork(made)


MAX = _chain(
    ("data", "INPUT", {}),
    ("conv1", "CONV", {"kernel": 3, "stride": 2}),
    ("relu1", "RELU", {}),
    ("pool1", "POOL", {"mode": "max"}),
    ("conv2", "CONV", {"kernel": 5, "stride": 1}),
    ("bn2", "BN", {}),
    ("fc3", "FULL", {"out": 10}),
)
AVG = _chain(
    ("data", "INPUT", {}),
    ("conv1", "CONV", {"kernel": 3, "stride": 1}),
    ("pool1", "POOL", {"mode": "avg"}),
    ("fc2", "FULL", {"out": 10}),
)


def _version(id: str, name: str, number: int, day: int, **more) -> MemoryVersion:
    attributes = {
        "name": name,
        "version": number,
        "creation_time": datetime.datetime(2015, 11, day, tzinfo=datetime.UTC),
        "tags": more.pop("tags", []),
        "author": more.pop("author", None),
        "size": more.pop("size", 1000),
    }
    return MemoryVersion(id, attributes, **more)


A = _version(
    "a", "alexnet_1", 1, 20, layers=MAX, metrics={"acc": [0.5, 0.9, 0.8], "loss": [3, 1, 2]},
    config={"base_lr": 0.1, "net": {"depth": 8}}, tags=["best", "old"], author="ann",
)  # fmt: skip
B = _version(
    "b", "alexnet_2", 1, 25, layers=MAX, parents=["a"], metrics={"acc": [0.95]},
    author="bob", size=5_000_000, config={"base_lr": "auto"},
)  # fmt: skip
C = _version("c", "alexnet_2", 2, 28, layers=AVG, parents=["b"], author="ann", tags=["new"])
D = _version("d", "alexnet-merge", 1, 30, parents=["a", "c"], metrics={"acc": [float("nan")]})
E = _version("e", "weights", 1, 1)
STORE = MemoryBackend(
    [A, B, C, D, E],
    {
        "anns": 'select m where m.author = "ann"',
        "loop": 'select m from "loop"',
        "wrong": "selct m",
    },
)


def _ids(text: str, **parameters) -> str:
    rows = run_select(text, STORE, parameters, now=NOW).rows
    return " ".join("".join(each.id for each in row) for row in rows)


def _where(condition: str, **parameters) -> str:
    return _ids(f"select m where {condition}", **parameters).replace(" ", "")


def test_query_1_of_the_paper() -> None:
    found = _ids(
        """select m1
        where  m1.name like "alexnet_%" and
               m1.creation_time > "2015-11-22" and
               m1["conv[1,3,5]"].next has POOL("MAX")"""
    )
    assert found == "b"


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ('m.name = "alexnet_2"', "bc"),
        ('m.name matches "^alex.*[12]$"', "abc"),
        ('m.name not like "alex%"', "e"),
        ("m.version in [2, 3]", "c"),
        ("m.creation_time between '2015-11-25' and '2015-11-28'", "bc"),
        ("m.creation_time > now() - 5 weeks", "cd"),
        ('m.creation_time - date "2015-11-20" = 5 days', "b"),
        ("m.size >= 5 MB", "b"),
        ("m.size * 2 - 1 = 1999", "acde"),
        ("m.size / 0 = 1 or m.size % 0 = 1", ""),
        ('"best" in m.tags', "a"),
        ('m.tags = "new"', "c"),
        ('lower(upper(m.name)) = "weights"', "e"),
        # an unknown truth is not a true one, and neither is its opposite
        ("m.metrics.acc > 0.8", "b"),
        ("not m.metrics.acc > 0.8", "a"),
        ("m.metrics.acc is null", "cde"),
        ("m.metrics.acc is not null", "ab"),
        ("m.metrics.acc.best = 0.9", "a"),
        ("m.metrics.loss.best = 1 and m.metrics.loss.last = 2", "a"),
        ('m.metrics["acc"].first = 0.5', "a"),
        ("m.config.base_lr < 1", "a"),
        ("m.config.base_lr != 0.1", "b"),
        ("m.config.net.depth = 8", "a"),
        ("m.author is null or m.author = 'bob'", "bde"),
        # lineage
        ('m derived from "alexnet_1"', "bcd"),
        ('m derived from "alexnet_2@2"', "d"),
        ('m not derived from "alexnet_1@1"', "ae"),
        ('m.parent = "alexnet_2"', "c"),
        ("m.parent.name = 'alexnet_1'", "bd"),
        ("m.parent is null", "ae"),
        ("m.parents = 'c'", "d"),
        ("m.descendants = 'd'", "abc"),
        ('m derived from (select x where x.author = "bob")', "cd"),
        ('m in "anns"', "ac"),
        ("m in anns", "ac"),
        ("m not in (select x where x.author = 'ann')", "bde"),
        # parameters
        ("m.name = :name", "e"),
        ("m.version in :versions", "c"),
        # structure
        ("m has POOL", "abc"),
        ('m has POOL("AVG")', "c"),
        ("m not has BN", "c"),
        ("not m has BN", "c"),
        ('m["conv*"].next has POOL', "abc"),
        ('m["conv*"].next! has POOL', "c"),
        ('m["conv1"].next has RELU', "ab"),
        ('m["conv1"].next* has FULL', "abc"),
        ('m["fc*"].prev has POOL', "c"),
        ('all m["conv*"].next has POOL', "c"),
        ("m has CONV(kernel=3, stride>1)", "ab"),
        ("m has CONV(kernel in [5, 7])", "ab"),
        ("m has CONV(kernel between 4 and 6)", "ab"),
        ('m has CONV("conv2")', "ab"),
        ("m has CONV -> POOL -> CONV -> BN", "ab"),
        ("m has CONV -> RELU -> POOL", "ab"),
        ("m has CONV ->! POOL", "c"),
        ("m has CONV ->* FULL", "abc"),
        ("m has CONV -> not BN -> FULL", "c"),
        ("m has CONV -> BN | POOL -> FULL", "abc"),
        ('m["conv*"].kernel = 5', "ab"),
        ('all m["conv*"].kernel = 3', "c"),
        ('length(m["conv*"]) = 2', "ab"),
        ('m.output.kind = "FULL"', "abc"),
    ],
)
def test_conditions(condition: str, ids: str) -> None:
    assert _where(condition, name="weights", versions=[2]) == ids


def test_joins() -> None:
    assert _ids("select m1, m2 where m1.parent = m2 and m1.metrics.acc > m2.metrics.acc") == "ba"
    assert (
        _ids("select m1, m2 where m2 in m1.ancestors and m1.name = 'alexnet-merge'") == "da db dc"
    )
    assert _where('common_ancestor(m, m).id = "b"') == "b"


def test_a_nested_query_sees_the_variables_around_it() -> None:
    assert _where("m in (select x where x.parent = m.parent and x.name != 'alexnet-merge')") == "bc"


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select m from 'none'", "There is no saved query `none`."),
        ("select m from 'loop'", "The saved query `loop` comes back to itself."),
        ("select m where m.name = :missing", "The parameter `:missing` has no value."),
        ("select m limit :name", "`:name` is 'x', expected a whole number from 0."),
        ("select m from 'wrong'", "Found `selct`. Did you mean `select`?"),
        ("select m where m.nam = 1", "A version has no `nam`. Did you mean `name`?"),
        ("evaluate m from 'anns'", "Only `select` can be run here."),
    ],
)
def test_what_cannot_be_run(text: str, message: str) -> None:
    with pytest.raises(DqlError) as caught:
        run_select(text, STORE, {"name": "x"})
    assert caught.value.message == message
