from __future__ import annotations

import pytest

from dql import DqlError, ast, parse, to_text
from dql.parser import QUERY_CHARS_MAX
from tests.dql.paper import QUERY_1, QUERY_2, QUERY_3, QUERY_4

M, M1, M2 = ast.Variable("m"), ast.Variable("m1"), ast.Variable("m2")


def _where(text: str) -> ast.Piece:
    statement = parse(f"select m where {text}").statement
    assert isinstance(statement, ast.Select)
    assert statement.where is not None
    return statement.where


def _value(text: str) -> ast.Piece:
    statement = parse(f"select {text}").statement
    assert isinstance(statement, ast.Select)
    return statement.items[0].value


def _nodes(of: ast.Piece, selector: str) -> ast.Piece:
    return ast.Subscript(of, ast.Text(selector))


def _has(kind: str, *arguments: ast.Piece) -> ast.Pattern:
    return ast.Pattern((ast.Step((ast.Template(kind, arguments),)),))


def test_query_1_of_the_paper() -> None:
    assert parse(QUERY_1) == ast.Query(
        ast.Select(
            (ast.Item(M1),),
            where=ast.And(
                (
                    ast.Like(ast.Attribute(M1, "name"), ast.Text("alexnet_%")),
                    ast.Compare(">", ast.Attribute(M1, "creation_time"), ast.Text("2015-11-22")),
                    ast.Has(
                        ast.Hop(_nodes(M1, "conv[1,3,5]"), "next"), _has("POOL", ast.Text("MAX"))
                    ),
                )
            ),
        )
    )


def test_query_2_of_the_paper() -> None:
    assert parse(QUERY_2).statement == ast.Slice(
        M2,
        (ast.Source("m1"),),
        ast.Like(ast.Attribute(M1, "name"), ast.Text("alexnet-origin%")),
        (
            ast.Action(ast.Attribute(M2, "input"), _nodes(M1, "conv1")),
            ast.Action(ast.Attribute(M2, "output"), _nodes(M1, "fc7")),
        ),
    )


def test_query_3_of_the_paper() -> None:
    statement = parse(QUERY_3).statement
    assert isinstance(statement, ast.Construct)
    assert statement.actions == (
        ast.Action(
            ast.Attribute(_nodes(M1, "conv*($1)"), "insert"),
            ast.Chain((ast.Call("RELU", (ast.Text("relu$1"),)),)),
        ),
    )


def test_query_4_of_the_paper() -> None:
    config = ast.Variable("config")
    lrs = ast.Listed((ast.Number(0.1), ast.Number(0.01), ast.Number(0.001)))
    paths = ast.Listed((ast.Text("path1"), ast.Text("path2")))
    top = ast.Call("top", (ast.Number(5), _nodes(M, "loss"), ast.Number(100)))
    assert parse(QUERY_4).statement == ast.Evaluate(
        M,
        (ast.Source(None, ast.Text("query3")),),
        config=ast.With("config", ast.Text("path to config")),
        axes=(
            ast.Axis(ast.Attribute(config, "base_lr"), lrs),
            ast.Axis(ast.Attribute(_nodes(ast.Attribute(config, "net"), "conv*"), "lr")),
            ast.Axis(ast.Attribute(config, "input_data"), paths),
        ),
        keep=top,
    )


def test_and_binds_more_than_or_and_not_more_than_both() -> None:
    a, b, c = (ast.Attribute(M, name) for name in "abc")
    assert _where("m.a or not m.b and m.c") == ast.Or((a, ast.And((ast.Not(b), c))))
    assert _where("(m.a or m.b) and m.c") == ast.And((ast.Or((a, b)), c))


def test_the_and_of_between_is_its_own() -> None:
    low, high = ast.Number(1), ast.Number(2)
    a, b = ast.Attribute(M, "a"), ast.Attribute(M, "b")
    assert _where("m.a not between 1 and 2 and m.b") == ast.And(
        (ast.Between(a, low, high, negated=True), b)
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5 MB", ast.Quantity(5, "MB")),
        ("2.5GiB", ast.Quantity(2.5, "GiB")),
        ("2 weeks", ast.Quantity(2, "weeks")),
        ("10M", ast.Quantity(10, "M")),
        ("1e-3", ast.Number(0.001)),
        ("-1", ast.Negate(ast.Number(1))),
        ('date "2015-11-22"', ast.Date("2015-11-22")),
        ("DATE '2015-11-22'", ast.Date("2015-11-22")),
        ("TRUE", ast.Boolean(True)),
        ("null", ast.Null()),
        (":since", ast.Parameter("since")),
        (r'"\d+\.\"x\n"', ast.Text('\\d+\\."x\n')),
        ("'it\"s'", ast.Text('it"s')),
        ("(1, 2)", ast.Listed((ast.Number(1), ast.Number(2)))),
        ("count(*)", ast.Call("count")),
    ],
)
def test_literals(text: str, value: ast.Piece) -> None:
    assert _value(text) == value


def test_numbers_keep_their_type() -> None:
    value = _value("1.0")
    assert isinstance(value, ast.Number)
    assert isinstance(value.value, float)


def test_arithmetic_goes_from_the_left() -> None:
    one, two, three = ast.Number(1), ast.Number(2), ast.Number(3)
    left = ast.Arithmetic("-", one, ast.Arithmetic("*", two, three))
    assert _value("1 - 2 * 3 - 1") == ast.Arithmetic("-", left, one)


@pytest.mark.parametrize("word", ["order", "from", "limit", "insert", "count", "as"])
def test_behind_a_dot_no_word_is_a_keyword(word: str) -> None:
    assert _value(f"m.{word}") == ast.Attribute(M, word)


@pytest.mark.parametrize(
    ("text", "reach"), [(".next", "near"), (".next!", "strict"), (".next*", "any")]
)
def test_hops(text: str, reach: ast.Reach) -> None:
    assert _value(f'm["a"]{text}') == ast.Hop(_nodes(M, "a"), "next", reach)
    prev = text.replace("next", "prev")
    assert _value(f'm["a"]{prev}') == ast.Hop(_nodes(M, "a"), "prev", reach)
    assert _value("m.nextly") == ast.Attribute(M, "nextly")


def test_patterns() -> None:
    condition = _where('m["a"] not has CONV(kernel=3, stride>1) -> not BN ->* RELU | GELU')
    kernel = ast.Compare("=", ast.Variable("kernel"), ast.Number(3))
    stride = ast.Compare(">", ast.Variable("stride"), ast.Number(1))
    steps = (
        ast.Step((ast.Template("CONV", (kernel, stride)),)),
        ast.Step((ast.Template("BN"),), negated=True),
        ast.Step((ast.Template("RELU"), ast.Template("GELU")), reach="any"),
    )
    assert condition == ast.Has(_nodes(M, "a"), ast.Pattern(steps), negated=True)


def test_lineage_and_joins() -> None:
    statement = parse(
        "select m1, m2 where m1.parent = m2 and m2 derived from (select m) "
        'and m2 in m1.ancestors and common_ancestor(m1, m2).name = "x"'
    ).statement
    assert isinstance(statement, ast.Select)
    assert isinstance(statement.where, ast.And)
    derived = statement.where.operands[1]
    assert derived == ast.DerivedFrom(M2, ast.Subquery(ast.Select((ast.Item(M),))))


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("m", ast.Source("m")),
        ('"q"', ast.Source(None, ast.Text("q"))),
        (":q", ast.Source(None, ast.Parameter("q"))),
        ("m in q", ast.Source("m", ast.Variable("q"))),
        ("(select x)", ast.Source(None, ast.Subquery(ast.Select((ast.Item(ast.Variable("x")),))))),
    ],
)
def test_sources(text: str, source: ast.Source) -> None:
    statement = parse(f"select m from {text}").statement
    assert isinstance(statement, ast.Select)
    assert statement.sources == (source,)


def test_evaluate_takes_a_bare_name_for_a_saved_query() -> None:
    statement = parse("evaluate m from query3").statement
    assert isinstance(statement, ast.Evaluate)
    assert statement.sources == (ast.Source(None, ast.Variable("query3")),)


def test_clauses_of_select() -> None:
    text = (
        "explain select distinct m.author, count(m) as n from m group by m.author "
        'order by n desc, m.author limit 10 offset :skip as "by author";'
    )
    author, n = ast.Attribute(M, "author"), ast.Variable("n")
    select = ast.Select(
        (ast.Item(author), ast.Item(ast.Call("count", (M,)), "n")),
        (ast.Source("m"),),
        group=(author,),
        order=(ast.OrderKey(n, descending=True), ast.OrderKey(author)),
        limit=ast.Number(10),
        offset=ast.Parameter("skip"),
        distinct=True,
    )
    assert parse(text) == ast.Query(select, explain=True, name="by author")


def test_actions() -> None:
    statement = parse(
        'construct m2 from m1 mutate m1["drop*"].delete, m1["a"].stitch = m1["b"] and '
        'm2.append = FULL("fc", out=10) -> SOFTMAX and m1["conv*"].kernel = 5'
    ).statement
    assert isinstance(statement, ast.Construct)
    delete, stitch, append, kernel = statement.actions
    assert delete == ast.Action(ast.Attribute(_nodes(M1, "drop*"), "delete"))
    assert stitch.value == _nodes(M1, "b")
    assert isinstance(append.value, ast.Chain)
    assert [type(node) for node in append.value.nodes] == [ast.Call, ast.Variable]
    assert kernel.value == ast.Number(5)


def test_comments_and_blanks_mean_nothing() -> None:
    assert parse("# why\nselect m # what\n  where m.a # end") == parse("select m where m.a")


def test_pieces_know_where_they_stand() -> None:
    text = 'select m\nwhere m.name like "x"'
    where = parse(text).statement.where
    assert where is not None
    assert text[where.span.start : where.span.end] == 'm.name like "x"'


@pytest.mark.parametrize("unit", ["(", "[", "not ", "-", "m.a + ", "m["])
def test_deep_nesting_is_refused(unit: str) -> None:
    for count in (200, 20_000):
        with pytest.raises(DqlError, match=r"deeper|too long|characters"):
            parse(f"select m where {unit * count}m.a{')' * count if unit == '(' else ''}")


def test_a_hundred_brackets_less_than_the_bound_are_fine() -> None:
    assert parse(f"select {'(' * 60}1{')' * 60}") == parse("select 1")


def test_too_long_a_text_is_refused() -> None:
    with pytest.raises(DqlError, match="characters"):
        parse("select m" + " " * QUERY_CHARS_MAX)
    assert parse("select m" + " " * (QUERY_CHARS_MAX - 8)) == parse("select m")


@pytest.mark.parametrize("text", [QUERY_1, QUERY_2, QUERY_3, QUERY_4])
def test_the_papers_queries_are_written_and_read_again(text: str) -> None:
    assert parse(to_text(parse(text))) == parse(text)
