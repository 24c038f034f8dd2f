"""Whatever the rules do to a plan, the rows stay: with rules as without, over any indexes."""

from __future__ import annotations

import random

import pytest

from dql import DqlError, ast, parse, to_text
from dql.execute.build import Made
from dql.execute.session import Session
from dql.execute.statement import Statement
from dql.memory.values import plain
from dql.prepare import given, prepare
from tests.dql.execute.generated import NOW, PARAMETERS, Queries, backend
from tests.dql.execute.indexed import IndexedBackend


def _lines(query: ast.Query, store: IndexedBackend, *, improved: bool) -> list[object]:
    asked = {each.name for each in ast.walk(query) if isinstance(each, ast.Parameter)}
    values = given({name: value for name, value in PARAMETERS.items() if name in asked})
    prepared = prepare(to_text(query), store, values)
    session = Session(store, values, NOW, 10**9, explaining=False)
    statement = Statement(
        session, prepared, prepared.query.statement, frozenset(), Made(), improved=improved
    )
    return [plain(line) for line in statement.lines({})]


def _joins(seed: int) -> tuple[ast.Query, IndexedBackend]:
    """Return a query of several variables over a backend where no name lacks."""
    chance = random.Random(seed)
    store = backend(chance)
    while True:
        made = Queries(chance).query()
        names = {v.name for item in made.statement.items for v in ast.own_variables(item)}
        if len(names) > 1 and not made.statement.sources:
            return made, store


@pytest.mark.parametrize("seeds", [range(60), range(60, 120)], ids=["first", "second"])
def test_rules_keep_the_rows_and_their_order(seeds: range) -> None:
    compared = 0
    for seed in seeds:
        query, store = _joins(seed)
        try:
            wanted = _lines(query, store, improved=False)
        except DqlError:
            continue
        assert _lines(query, store, improved=True) == wanted, to_text(query)
        compared += bool(wanted)
    assert compared > len(seeds) / 5


def test_a_query_that_is_written_in_another_order_gives_the_same_rows() -> None:
    chance = random.Random(3)
    store = backend(chance)
    text = "select m, n where m.version = n.version and m in n.ancestors and n.size > 0"
    query = parse(text)
    where = query.statement.where
    assert isinstance(where, ast.And)
    rows = _lines(query, store, improved=True)
    for turn in range(len(where.operands)):
        turned = ast.And((*where.operands[turn:], *where.operands[:turn]))
        other = ast.substitute(query, where, turned)
        assert isinstance(other, ast.Query)
        assert _lines(other, store, improved=True) == rows
