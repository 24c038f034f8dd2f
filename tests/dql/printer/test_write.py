"""parse(print(x)) == x, for any x that parsing can make."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dql import ast, parse, to_text
from dql.ast.words import BUILDING, KEYWORDS, UNITS

_NAMES = st.from_regex(r"[a-z_é][a-zA-Z0-9_]{0,6}", fullmatch=True).filter(
    lambda name: name.lower() not in KEYWORDS
)
_DOTTED = st.from_regex(r"[a-z_]{1,7}", fullmatch=True).filter(lambda n: n not in ("next", "prev"))
_TEXTS = st.text(max_size=8).map(ast.Text)
_AMOUNTS = st.integers(0, 10**30) | st.floats(0, 1e300, allow_nan=False).map(abs)
_BOOLS = st.booleans()
_REACH = st.sampled_from(["near", "strict", "any"])
_LITERALS = st.one_of(
    _AMOUNTS.map(ast.Number),
    st.builds(ast.Quantity, _AMOUNTS, st.sampled_from(sorted(UNITS))),
    _TEXTS,
    st.dates().map(lambda day: ast.Date(day.isoformat())),
    _BOOLS.map(ast.Boolean),
    st.just(ast.Null()),
    _NAMES.map(ast.Parameter),
    (_NAMES | st.just("in")).map(ast.Variable),
)


def _tuples(of: st.SearchStrategy[ast.Piece], least: int = 0, most: int = 3):
    return st.lists(of, min_size=least, max_size=most).map(tuple)


def _patterns(inner: st.SearchStrategy[ast.Piece]) -> st.SearchStrategy[ast.Pattern]:
    templates = st.builds(ast.Template, _NAMES | st.just("IN"), _tuples(inner))
    steps = st.builds(ast.Step, _tuples(templates, 1), _BOOLS, _REACH)
    return _tuples(steps, 1).map(
        lambda steps: ast.Pattern(
            (ast.Step(steps[0].templates, steps[0].negated, "near"), *steps[1:])
        )
    )


def _flat(kind: type[ast.And | ast.Or], inner: st.SearchStrategy[ast.Piece]):
    return st.builds(kind, _tuples(inner, 2))


def _wider(inner: st.SearchStrategy[ast.Piece]) -> st.SearchStrategy[ast.Piece]:
    two = (inner, inner, _BOOLS)
    return st.one_of(
        st.builds(ast.Attribute, inner, _DOTTED),
        st.builds(ast.Subscript, inner, inner),
        st.builds(ast.Hop, inner, st.sampled_from(["next", "prev"]), _REACH),
        st.builds(ast.Call, _NAMES | st.just("IN"), _tuples(inner)),
        st.builds(ast.Listed, _tuples(inner)),
        st.builds(ast.Negate, inner),
        st.builds(ast.Arithmetic, st.sampled_from("+-*/%"), inner, inner),
        _flat(ast.And, inner),
        _flat(ast.Or, inner),
        st.builds(ast.Not, inner),
        st.builds(ast.Quantified, st.sampled_from(["any", "all"]), inner),
        st.builds(ast.Compare, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), inner, inner),
        st.builds(ast.Between, inner, inner, inner, _BOOLS),
        *(st.builds(kind, *two) for kind in (ast.In, ast.Like, ast.Matches, ast.DerivedFrom)),
        st.builds(ast.IsNull, inner, _BOOLS),
        st.builds(ast.Has, inner, _patterns(inner), _BOOLS),
        st.builds(ast.Subquery, st.builds(ast.Select, _tuples(st.builds(ast.Item, inner), 1))),
    )


_EXPRESSIONS = st.recursive(_LITERALS, _wider, max_leaves=12)
_OPTIONAL = st.none() | _EXPRESSIONS


@st.composite
def _queries(draw: st.DrawFn) -> ast.Query:
    statement = draw(st.sampled_from([_select, _slice, _construct, _evaluate]))
    return ast.Query(draw(statement()), draw(_BOOLS), draw(st.none() | st.text(max_size=5)))


def _origins(bare: bool) -> st.SearchStrategy[ast.Piece]:
    queries = st.builds(ast.Subquery, _select())
    origins = st.one_of(_TEXTS, _NAMES.map(ast.Parameter), queries)
    return origins | _NAMES.map(ast.Variable) if bare else origins


def _sources(evaluate: bool = False):
    named = st.builds(ast.Source, _NAMES, st.deferred(lambda: _origins(bare=True)))
    bare = st.builds(ast.Source, st.none(), st.deferred(lambda: _origins(bare=evaluate)))
    both = named | bare
    return _tuples(both if evaluate else both | _NAMES.map(ast.Source), 0, 2)


def _select() -> st.SearchStrategy[ast.Select]:
    limits = _AMOUNTS.map(ast.Number) | _NAMES.map(ast.Parameter)
    return st.builds(
        lambda limit, offset, **rest: ast.Select(
            **rest, limit=limit, offset=None if limit is None else offset
        ),
        items=_tuples(st.builds(ast.Item, _EXPRESSIONS, st.none() | _NAMES), 1),
        sources=st.deferred(_sources),
        where=_OPTIONAL,
        group=_tuples(_EXPRESSIONS, 0, 2),
        order=_tuples(st.builds(ast.OrderKey, _EXPRESSIONS, _BOOLS), 0, 2),
        limit=st.none() | limits,
        offset=st.none() | limits,
        distinct=_BOOLS,
    )


@st.composite
def _actions(draw: st.DrawFn) -> ast.Action:
    if draw(_BOOLS):
        target = ast.Attribute(draw(_EXPRESSIONS), draw(st.sampled_from(sorted(BUILDING))))
        return ast.Action(target, ast.Chain(draw(_tuples(_EXPRESSIONS, 1))))
    return ast.Action(ast.Attribute(draw(_EXPRESSIONS), "kernel"), draw(_OPTIONAL))


def _slice() -> st.SearchStrategy[ast.Slice]:
    return st.builds(
        ast.Slice, _NAMES.map(ast.Variable), _sources(), _OPTIONAL, _tuples(_actions())
    )


def _construct() -> st.SearchStrategy[ast.Construct]:
    return st.builds(
        ast.Construct, _NAMES.map(ast.Variable), _sources(), _OPTIONAL, _tuples(_actions())
    )


def _evaluate() -> st.SearchStrategy[ast.Evaluate]:
    return st.builds(
        ast.Evaluate,
        _NAMES.map(ast.Variable),
        _sources(evaluate=True),
        _OPTIONAL,
        st.none() | st.builds(ast.With, _NAMES, _EXPRESSIONS),
        _tuples(st.builds(ast.Axis, _EXPRESSIONS, _OPTIONAL)),
        _OPTIONAL,
    )


@settings(max_examples=300, deadline=None)
@given(_queries())
def test_what_is_written_is_read_as_the_same(query: ast.Query) -> None:
    if ast.depth(query) <= ast.DEPTH_MAX:
        text = to_text(query)
        assert parse(text) == query
        assert to_text(parse(text)) == text


def _nested(levels: int) -> ast.Piece:
    piece: ast.Piece = ast.Variable("m")
    for _ in range(levels - 1):
        piece = ast.Not(piece)
    return piece


def test_as_deep_as_may_be_is_written_and_read() -> None:
    query = ast.Query(ast.Select((ast.Item(ast.Boolean(True)),), where=_nested(ast.DEPTH_MAX - 2)))
    assert ast.depth(query) == ast.DEPTH_MAX
    assert parse(to_text(query)) == query


@pytest.mark.parametrize("levels", [ast.DEPTH_MAX + 1, 5_000])
def test_deeper_is_refused(levels: int) -> None:
    with pytest.raises(ValueError, match="deeper"):
        to_text(_nested(levels))


@pytest.mark.parametrize("name", ["where", "a b", "", 'x"', "9"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        to_text(ast.Variable(name))


def test_layout() -> None:
    text = 'select m where m.name like "a%" and (m.a or m.b) order by m.a desc as "q"'
    assert to_text(parse(text)).splitlines() == [
        "select m",
        'where m.name like "a%" and (m.a or m.b)',
        "order by m.a desc",
        'as "q"',
    ]
