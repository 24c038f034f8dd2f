"""Which ways to its versions each condition gives."""

from __future__ import annotations

import pytest

from dql import ast, parse
from dql.execute.explain import described
from dql.logical import Look
from dql.rules import accesses, free_variables, split


def _found(condition: str, variable: str = "m", known: frozenset[str] = frozenset()) -> list[str]:
    where = parse(f"select m, n where {condition}").statement.where
    assert where is not None
    found = []
    for each in split(where):
        for access in accesses(each, variable, known, {"m", "n"}):
            found.append(described(Look("m", access)).removeprefix("m: "))
    return found


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ('m.name = "a"', ['index name = "a"']),
        ('"a" = m.name', ['index name = "a"']),
        ('any m.name = "a"', ['index name = "a"']),
        ('m.name like "a%"', ['index name like "a%"']),
        ('m.name in ["a", "b"]', ['index name = ["a", "b"]']),
        ('m.name = "a" or m.version = 2', ['index name = "a" or index version = 2']),
        ('m.name = "a" or m.message = "b"', []),
        ('m.name = "a" and m.message = "b"', ['index name = "a"']),
        ("m.version between 1 and 3", ["index version from 1 up to 3"]),
        ("3 > m.version", ["index version up to 3"]),
        ("m.metrics.acc > 0.9", ["index metrics.acc.last from 0.9"]),
        ('m.metrics["top 5"].best >= 1', ["index metrics.top 5.best from 1"]),
        ("m.metrics.acc.first > 0.9", []),
        ("m.metrics.acc is not null", ["index metrics.acc.last is there"]),
        ("m.config.net.depth = 8", ["index config.net.depth = 8"]),
        ("m.config.net is not null", []),
        ('"best" in m.tags', ['index tags = "best"']),
        ('m derived from "lenet"', ['descendants of "lenet"']),
        ('m.parent = "lenet"', ['children of "lenet"']),
        ('m.descendants = "lenet"', ['ancestors of "lenet"']),
        ('m.parent.name = "lenet"', ['children of index name = "lenet"']),
        ('m in "saved"', ['in "saved"']),
        ("m in saved", ["in saved"]),
        # what may also be true where there is no such thing, or false where there is
        ('not m.name = "a"', []),
        ('m.name != "a"', []),
        ('m.name not like "a%"', []),
        ('all m.tags = "a"', []),
        ('all m["conv*"] has CONV', []),
        ("m not has CONV", []),
        ('m not derived from "a"', []),
        # structure
        ("m has CONV", ["networks with CONV"]),
        ('m["conv1"].next has POOL("MAX")', ["networks with POOL"]),
        ("m has CONV -> POOL", ["networks with CONV -> POOL"]),
        ("m has CONV ->! POOL", ["networks with CONV -> POOL"]),
        ("m has CONV ->* POOL", ["networks with CONV", "networks with POOL"]),
        ("m has CONV -> not POOL -> BN", ["networks with CONV", "networks with BN"]),
        (
            "m has CONV -> BN | GN",
            ["networks with CONV -> BN or networks with CONV -> GN"],
        ),
        ("m.parent has CONV", ["children of networks with CONV"]),
        # values that need a version that is not chosen yet
        ("m.parent = n", []),
        ("m.name = n.name", []),
    ],
)
def test_conditions(condition: str, wanted: list[str]) -> None:
    assert _found(condition) == wanted


@pytest.mark.parametrize(
    ("condition", "variable", "wanted"),
    [
        ("m.parent = n", "m", ["children of n"]),
        ("m.parent = n", "n", ["in m.parent"]),
        ("n in m.ancestors", "m", ["descendants of n"]),
        ("n in m.ancestors", "n", ["in m.ancestors"]),
        ("m derived from n", "m", ["descendants of n"]),
        ("m derived from n", "n", ["ancestors of m"]),
        ("m.version < n.version", "m", ["index version up to n.version"]),
        ("m = n", "m", ["in n"]),
    ],
)
def test_values_of_other_variables(condition: str, variable: str, wanted: list[str]) -> None:
    other = {"m": "n", "n": "m"}[variable]
    assert _found(condition, variable, frozenset({other})) == wanted


def test_a_query_inside_needs_only_what_it_does_not_have() -> None:
    where = parse("select m where m in (select x from x in 'q' where x.parent = m)").statement.where
    assert where is not None
    assert free_variables(where) == {"m"}
    where = parse("select m where m.name in (select x.name where x.id = y.id)").statement.where
    assert where is not None
    assert free_variables(where) == {"m", "y"}


def test_splitting() -> None:
    where = parse("select m where a and (b and c) and any (d and e) and (f or g)").statement.where
    assert where is not None
    names = [[v.name for v in ast.own_variables(each)] for each in split(where)]
    assert names == [["a"], ["b"], ["c"], ["d"], ["e"], ["f", "g"]]
