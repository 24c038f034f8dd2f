"""The reference and the planner agree: same rows, same order, same errors."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from dql import DqlError, ast, to_text
from dql.ast.words import VERSION_ATTRIBUTES
from dql.execute import run
from dql.memory import run_select
from dql.memory.values import plain
from tests.dql.execute.generated import NOW, PARAMETERS, Queries, backend

PAIRS = 1_000
# What the generator must have made: every piece that a select can have.
_PIECES = {
    kind.__name__
    for kind in (
        ast.And, ast.Arithmetic, ast.Attribute, ast.Between, ast.Boolean, ast.Call, ast.Compare,
        ast.Date, ast.DerivedFrom, ast.Has, ast.Hop, ast.In, ast.IsNull, ast.Item, ast.Like,
        ast.Listed, ast.Matches, ast.Negate, ast.Not, ast.Number, ast.Or, ast.OrderKey,
        ast.Parameter, ast.Pattern, ast.Quantified, ast.Quantity, ast.Select, ast.Source, ast.Step,
        ast.Subquery, ast.Subscript, ast.Template, ast.Text, ast.Variable,
    )
}  # fmt: skip
_MORE = {
    "distinct", "group", "order", "desc", "limit", "offset", "1 variables", "2 variables",
    "3 variables", "all", "any", "near", "strict", "any reach", "not step", "negated",
    *("count", "sum", "avg", "min", "max", "lower", "upper", "length", "abs", "round", "now"),
    "common_ancestor",
    *(VERSION_ATTRIBUTES.keys() - {"message", "files", "stored_size", "parameters", "snapshots"}),
}  # fmt: skip


def _features(query: ast.Query) -> set[str]:
    found = set()
    for each in ast.walk(query):
        found.add(type(each).__name__)
        if isinstance(each, ast.Select):
            for word in ("distinct", "group", "order", "limit", "offset"):
                if getattr(each, word):
                    found.add(word)
        elif isinstance(each, ast.OrderKey) and each.descending:
            found.add("desc")
        elif isinstance(each, ast.Quantified):
            found.add(each.quantifier)
        elif isinstance(each, ast.Hop | ast.Step):
            found.add("any reach" if each.reach == "any" else each.reach)
            if getattr(each, "negated", False):
                found.add("not step")
        elif isinstance(each, ast.Call | ast.Attribute):
            found.add(each.name)
        if getattr(each, "negated", False):
            found.add("negated")
    select = query.statement
    found.add(
        f"{len({v.name for item in select.items for v in ast.own_variables(item)})} variables"
    )
    return found


def _outcome(runner: Any, query: ast.Query, text: str, store: Any) -> Any:
    asked = {each.name for each in ast.walk(query) if isinstance(each, ast.Parameter)}
    given = {name: value for name, value in PARAMETERS.items() if name in asked}
    try:
        found = runner(text, store, parameters=given, now=NOW)
    except DqlError as error:
        return str(error)
    columns = getattr(found, "columns", None) or found.names
    return tuple(columns), [plain(row) for row in found.rows]


def test_rows_order_and_errors_are_those_of_the_reference() -> None:
    features: Counter[str] = Counter()
    rows, errors = 0, 0
    for seed in range(PAIRS):
        chance = random.Random(seed)
        store = backend(chance)
        query = Queries(chance).query()
        text = to_text(query)
        wanted = _outcome(run_select, query, text, store)
        found = _outcome(run, query, text, store)
        assert found == wanted, f"seed {seed}:\n{text}"
        features.update(_features(query))
        rows += not isinstance(wanted, str) and bool(wanted[1])
        errors += isinstance(wanted, str)
    assert not {each for each in _PIECES | _MORE if features[each] < 3}
    # Queries that find nothing, and errors, agree too easily.
    assert rows > PAIRS / 4
    assert 0 < errors < PAIRS / 5
