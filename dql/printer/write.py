"""Write an AST as text that parses to the same AST."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dql import ast
from dql.ast.words import KEYWORDS, TEMPLATES

__all__ = ["to_text"]

# How tightly a piece holds together; one that holds less than its place needs stands in
# parentheses.
_OR, _AND, _NOT, _QUANTIFIED, _PREDICATE, _ADD, _MULTIPLY, _UNARY, _POSTFIX = range(9)
_LEVELS: dict[type[ast.Piece], int] = {
    ast.Or: _OR,
    ast.And: _AND,
    ast.Not: _NOT,
    ast.Quantified: _QUANTIFIED,
    ast.Compare: _PREDICATE,
    ast.Between: _PREDICATE,
    ast.In: _PREDICATE,
    ast.Like: _PREDICATE,
    ast.Matches: _PREDICATE,
    ast.IsNull: _PREDICATE,
    ast.DerivedFrom: _PREDICATE,
    ast.Has: _PREDICATE,
    ast.Negate: _UNARY,
}
_ARROW = {"near": "->", "strict": "->!", "any": "->*"}
_HOP = {"near": "", "strict": "!", "any": "*"}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def to_text(piece: ast.Piece) -> str:
    """Return a query, or a piece of one, as text: one clause a line, keywords in lower case.

    Raises:
        ValueError: The piece nests deeper than a query may, or has a name that is a keyword or
            no name at all, so that no text would parse to it.
    """
    if ast.depth(piece) > ast.DEPTH_MAX:
        raise ValueError(f"the query nests deeper than {ast.DEPTH_MAX} levels, which DQL refuses")
    return _write(piece)


def _write(piece: Any) -> str:
    writer = _WRITERS.get(type(piece))
    if writer is None:
        raise ValueError(f"{type(piece).__name__} is no piece of a query that stands alone")
    return writer(piece)


def _at(piece: ast.Piece, level: int) -> str:
    """Return a piece as it stands where it must hold together at least so tightly."""
    text = _write(piece)
    return f"({text})" if _level(piece) < level else text


def _level(piece: ast.Piece) -> int:
    if isinstance(piece, ast.Arithmetic):
        return _ADD if piece.operator in "+-" else _MULTIPLY
    return _LEVELS.get(type(piece), _POSTFIX)


# Keywords that are kinds of nodes as well.
_KINDS_TOO = {word.upper() for word in KEYWORDS} & set(TEMPLATES)


def _list(pieces: Iterable[ast.Piece]) -> str:
    return ", ".join(_at(piece, _OR) for piece in pieces)


def _name(text: str) -> str:
    if not text.isidentifier() or text.lower() in KEYWORDS:
        raise ValueError(f"{text!r} is no name that a query can have")
    return text


def _value_name(text: str) -> str:
    """Return a name where a value stands: there `in` is one too."""
    return text if text.upper() in _KINDS_TOO else _name(text)


def _dotted(text: str) -> str:
    if not text.isidentifier() or text in ("next", "prev"):
        raise ValueError(f"{text!r} is no name that can follow a dot")
    return text


def _quoted(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(char, char) for char in text) + '"'


def _number(value: float) -> str:
    return repr(value)


def _chain(piece: ast.And | ast.Or, word: str, level: int) -> str:
    return f" {word} ".join(_at(each, level) for each in piece.operands)


def _arithmetic(piece: ast.Arithmetic) -> str:
    level = _level(piece)
    left, right = _at(piece.left, level), _at(piece.right, level + 1)
    return f"{left} {piece.operator} {right}"


def _compare(piece: ast.Compare) -> str:
    return f"{_at(piece.left, _ADD)} {piece.operator} {_at(piece.right, _ADD)}"


def _binary(word: str, subject: ast.Piece, other: ast.Piece, negated: bool) -> str:
    return f"{_at(subject, _ADD)} {'not ' if negated else ''}{word} {_at(other, _ADD)}"


def _between(piece: ast.Between) -> str:
    bounds = f"{_at(piece.low, _ADD)} and {_at(piece.high, _ADD)}"
    return f"{_at(piece.subject, _ADD)} {'not ' if piece.negated else ''}between {bounds}"


def _is_null(piece: ast.IsNull) -> str:
    return f"{_at(piece.subject, _ADD)} is {'not ' if piece.negated else ''}null"


def _pattern(piece: ast.Pattern) -> str:
    text = ""
    for number, step in enumerate(piece.steps):
        text += f" {_ARROW[step.reach]} " if number else ""
        text += "not " if step.negated else ""
        text += " | ".join(_called(each.kind, each.arguments) for each in step.templates)
    return text


def _called(name: str, arguments: tuple[ast.Piece, ...]) -> str:
    return _value_name(name) + (f"({_list(arguments)})" if arguments else "")


def _item(piece: ast.Item) -> str:
    return _at(piece.value, _OR) + (f" as {_name(piece.name)}" if piece.name else "")


def _source(piece: ast.Source) -> str:
    if piece.origin is None:
        return _name(piece.variable or "")
    return (f"{_name(piece.variable)} in " if piece.variable else "") + _write(piece.origin)


def _common(piece: Any) -> list[str]:
    """Return the lines of the clauses that every statement may have."""
    lines = []
    if piece.sources:
        lines.append("from " + ", ".join(map(_source, piece.sources)))
    if piece.where is not None:
        lines.append("where " + _at(piece.where, _OR))
    return lines


def _select(piece: ast.Select) -> str:
    head = "select distinct " if piece.distinct else "select "
    lines = [head + ", ".join(map(_item, piece.items)), *_common(piece)]
    if piece.group:
        lines.append("group by " + ", ".join(_at(each, _ADD) for each in piece.group))
    if piece.order:
        lines.append("order by " + ", ".join(map(_write, piece.order)))
    if piece.limit is not None:
        lines.append("limit " + _write(piece.limit))
        lines[-1] += " offset " + _write(piece.offset) if piece.offset is not None else ""
    return "\n".join(lines)


def _building(piece: ast.Slice | ast.Construct, word: str) -> str:
    lines = [f"{word} {_name(piece.variable.name)}", *_common(piece)]
    if piece.actions:
        lines.append("mutate " + " and\n       ".join(map(_write, piece.actions)))
    return "\n".join(lines)


def _action(piece: ast.Action) -> str:
    value = piece.value
    if value is None:
        return _at(piece.target, _POSTFIX)
    nodes = value.nodes if isinstance(value, ast.Chain) else (value,)
    return f"{_at(piece.target, _POSTFIX)} = {' -> '.join(_at(each, _ADD) for each in nodes)}"


def _axis(piece: ast.Axis) -> str:
    values = " auto" if piece.values is None else " in " + _at(piece.values, _ADD)
    return _at(piece.target, _POSTFIX) + values


def _evaluate(piece: ast.Evaluate) -> str:
    lines = [f"evaluate {_name(piece.variable.name)}", *_common(piece)]
    if piece.config is not None:
        lines.append(f"with {_name(piece.config.name)} = {_at(piece.config.value, _ADD)}")
    if piece.axes:
        lines.append("vary " + " and\n     ".join(map(_axis, piece.axes)))
    if piece.keep is not None:
        lines.append("keep " + _at(piece.keep, _OR))
    return "\n".join(lines)


def _query(piece: ast.Query) -> str:
    head = "explain " if piece.explain else ""
    tail = f"\nas {_quoted(piece.name)}" if piece.name is not None else ""
    return head + _write(piece.statement) + tail


def _indented(text: str) -> str:
    return text.replace("\n", " ")


_WRITERS: dict[type, Callable[[Any], str]] = {
    ast.Number: lambda p: _number(p.value),
    ast.Quantity: lambda p: f"{_number(p.value)} {p.unit}",
    ast.Text: lambda p: _quoted(p.value),
    ast.Date: lambda p: f'date "{p.value}"',
    ast.Boolean: lambda p: "true" if p.value else "false",
    ast.Null: lambda _: "null",
    ast.Parameter: lambda p: f":{p.name}",
    ast.Variable: lambda p: _value_name(p.name),
    ast.Attribute: lambda p: f"{_at(p.of, _POSTFIX)}.{_dotted(p.name)}",
    ast.Subscript: lambda p: f"{_at(p.of, _POSTFIX)}[{_at(p.key, _OR)}]",
    ast.Hop: lambda p: f"{_at(p.of, _POSTFIX)}.{p.direction}{_HOP[p.reach]}",
    ast.Call: lambda p: _called(p.name, p.arguments) if p.arguments else f"{_called(p.name, ())}()",
    ast.Listed: lambda p: f"[{_list(p.items)}]",
    ast.Negate: lambda p: f"-{_at(p.operand, _UNARY)}",
    ast.Arithmetic: _arithmetic,
    ast.Subquery: lambda p: f"({_indented(_write(p.statement))})",
    ast.And: lambda p: _chain(p, "and", _NOT),
    ast.Or: lambda p: _chain(p, "or", _AND),
    ast.Not: lambda p: f"not {_at(p.operand, _NOT)}",
    ast.Quantified: lambda p: f"{p.quantifier} {_at(p.condition, _PREDICATE)}",
    ast.Compare: _compare,
    ast.Between: _between,
    ast.In: lambda p: _binary("in", p.subject, p.values, p.negated),
    ast.Like: lambda p: _binary("like", p.subject, p.pattern, p.negated),
    ast.Matches: lambda p: _binary("matches", p.subject, p.pattern, p.negated),
    ast.IsNull: _is_null,
    ast.DerivedFrom: lambda p: _binary("derived from", p.subject, p.origin, p.negated),
    ast.Has: lambda p: _binary("has", p.subject, p.pattern, p.negated),
    ast.Pattern: _pattern,
    ast.Item: _item,
    ast.Source: _source,
    ast.OrderKey: lambda p: _at(p.value, _ADD) + (" desc" if p.descending else ""),
    ast.Select: _select,
    ast.Slice: lambda p: _building(p, "slice"),
    ast.Construct: lambda p: _building(p, "construct"),
    ast.Action: _action,
    ast.Axis: _axis,
    ast.Evaluate: _evaluate,
    ast.Query: _query,
}
