"""Turn lark's tree into the AST. One method for each rule or alias of grammar.lark."""

from __future__ import annotations

import math
from typing import Any

from lark import Token
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive

from dql import ast
from dql.ast.words import BUILDING, UNITS
from dql.mistakes import Mistake
from dql.parser.literals import split_quantity, text_value

__all__ = ["Builder"]

# Python refuses to read integers of more than 4,300 digits; nobody writes one.
_NUMBER_CHARS_MAX = 40
_REACH: dict[str, ast.Reach] = {"": "near", "!": "strict", "*": "any"}


def _span(meta: Meta) -> ast.Span:
    return ast.Span(meta.start_pos, meta.end_pos)


def _kinds(args: list[Any]) -> set[str]:
    return {arg.type for arg in args if isinstance(arg, Token)}


def _pieces(args: list[Any]) -> list[Any]:
    """Return what is left of a rule's children without keywords, signs and what is absent."""
    return [arg for arg in args if arg is not None and not isinstance(arg, Token)]


class Builder(Transformer_NonRecursive[Token, Any]):
    """Makes the AST; what is wrong beyond the grammar is added to `mistakes`."""

    def __init__(self) -> None:
        super().__init__(visit_tokens=False)
        self.mistakes: list[Mistake] = []

    def _call_userfunc(self, tree: Any, new_children: list[Any] | None = None) -> Any:
        args = tree.children if new_children is None else new_children
        return getattr(self, tree.data)(tree.meta, args)

    # literals

    def _number(self, text: str, offset: int) -> int | float:
        if len(text) <= _NUMBER_CHARS_MAX:
            value = int(text) if text.isdigit() else float(text)
            if math.isfinite(value):
                return value
        self.mistakes.append(Mistake(offset, f"The number {text[:12]}... is too large."))
        return 0

    def number(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Number(self._number(args[0], meta.start_pos), span=_span(meta))

    def quantity(self, meta: Meta, args: list[Any]) -> ast.Piece:
        digits, unit = split_quantity(args[0], UNITS)
        return ast.Quantity(self._number(digits, meta.start_pos), unit, span=_span(meta))

    def text(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Text(text_value(args[0]), span=_span(meta))

    def date(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Date(args[0][len("date") :].strip()[1:-1], span=_span(meta))

    def boolean(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Boolean(args[0].lower() == "true", span=_span(meta))

    def null(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Null(span=_span(meta))

    def parameter(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Parameter(args[0][1:], span=_span(meta))

    # paths and operators

    def variable(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Variable(str(args[0]), span=_span(meta))

    saved = variable

    def attribute(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Attribute(args[0], args[1][1:].strip(), span=_span(meta))

    def hop(self, meta: Meta, args: list[Any]) -> ast.Piece:
        word = args[1][1:].strip()
        direction = word.rstrip("!*").lower()
        return ast.Hop(args[0], direction, _REACH[word[len(direction) :]], span=_span(meta))

    def subscript(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Subscript(args[0], args[1], span=_span(meta))

    def arguments(self, meta: Meta, args: list[Any]) -> tuple[ast.Piece, ...]:
        return tuple(args)

    def call(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Call(str(args[0]), args[1] or (), span=_span(meta))

    def call_star(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Call(str(args[0]), span=_span(meta))

    def listed(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Listed(args[0] or (), span=_span(meta))

    def parenthesis(self, meta: Meta, args: list[Any]) -> Any:
        return args[0] if len(args) == 1 else ast.Listed(tuple(args), span=_span(meta))

    def grouped(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Subquery(args[0], span=_span(meta))

    def negate(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Negate(args[1], span=_span(meta))

    def arithmetic(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Arithmetic(str(args[1]), args[0], args[2], span=_span(meta))

    # conditions

    def or_(self, meta: Meta, args: list[Any]) -> Any:
        found = _pieces(args)
        return ast.Or(tuple(found), span=_span(meta)) if len(found) > 1 else found[0]

    def and_(self, meta: Meta, args: list[Any]) -> Any:
        found = _pieces(args)
        return ast.And(tuple(found), span=_span(meta)) if len(found) > 1 else found[0]

    def not_(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Not(args[1], span=_span(meta))

    def quantified(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Quantified(args[0].lower(), args[1], span=_span(meta))

    def compare(self, meta: Meta, args: list[Any]) -> ast.Piece:
        if args[1] == "==":
            self.mistakes.append(Mistake(args[1].start_pos, "Found `==`; write `=`."))
        operator = "!=" if args[1] == "<>" else str(args[1])
        return ast.Compare(operator, args[0], args[2], span=_span(meta))

    def equal(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Compare("=", args[0], args[1], span=_span(meta))

    def between(self, meta: Meta, args: list[Any]) -> ast.Piece:
        a, b, c = _pieces(args)
        return ast.Between(a, b, c, "NOT" in _kinds(args), span=_span(meta))

    def in_(self, meta: Meta, args: list[Any]) -> ast.Piece:
        a, b = _pieces(args)
        return ast.In(a, b, "NOT" in _kinds(args), span=_span(meta))

    def like(self, meta: Meta, args: list[Any]) -> ast.Piece:
        a, b = _pieces(args)
        return ast.Like(a, b, "NOT" in _kinds(args), span=_span(meta))

    def matches(self, meta: Meta, args: list[Any]) -> ast.Piece:
        a, b = _pieces(args)
        return ast.Matches(a, b, "NOT" in _kinds(args), span=_span(meta))

    def is_null(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.IsNull(args[0], negated="NOT" in _kinds(args), span=_span(meta))

    def derived(self, meta: Meta, args: list[Any]) -> ast.Piece:
        a, b = _pieces(args)
        return ast.DerivedFrom(a, b, "NOT" in _kinds(args), span=_span(meta))

    def has(self, meta: Meta, args: list[Any]) -> ast.Piece:
        a, b = _pieces(args)
        return ast.Has(a, b, "NOT" in _kinds(args), span=_span(meta))

    def pattern(self, meta: Meta, args: list[Any]) -> ast.Piece:
        steps, reach = [], ast.Step(()).reach
        for arg in args:
            if isinstance(arg, Token):
                reach = _REACH[arg[2:]]
            else:
                steps.append(ast.Step(arg.templates, arg.negated, reach, span=arg.span))
        return ast.Pattern(tuple(steps), span=_span(meta))

    def step(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Step(tuple(_pieces(args)), args[0] is not None, span=_span(meta))

    def template(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Template(str(args[0]), args[1] or (), span=_span(meta))

    # statements

    def items(self, meta: Meta, args: list[Any]) -> tuple[ast.Item, ...]:
        return tuple(args)

    def item(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Item(args[0], str(args[2]) if args[2] else None, span=_span(meta))

    def sources(self, meta: Meta, args: list[Any]) -> tuple[ast.Source, ...]:
        return tuple(_pieces(args))

    def named_source(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.Source(str(args[0]), args[2], span=_span(meta))

    def source(self, meta: Meta, args: list[Any]) -> ast.Piece:
        if isinstance(args[0], ast.Variable):
            return ast.Source(args[0].name, span=_span(meta))
        return ast.Source(None, args[0], span=_span(meta))

    def where(self, meta: Meta, args: list[Any]) -> Any:
        return args[1]

    keep = where

    def group(self, meta: Meta, args: list[Any]) -> tuple[ast.Piece, ...]:
        return tuple(_pieces(args))

    order = group
    mutate = group
    vary = group

    def order_key(self, meta: Meta, args: list[Any]) -> ast.Piece:
        descending = args[1] is not None and args[1].lower() == "desc"
        return ast.OrderKey(args[0], descending, span=_span(meta))

    def limit(self, meta: Meta, args: list[Any]) -> tuple[Any, Any]:
        return args[1], args[3]

    def action(self, meta: Meta, args: list[Any]) -> ast.Piece:
        target, value = args
        verb = target.name if isinstance(target, ast.Attribute) else ""
        if isinstance(value, tuple):
            builds = verb in BUILDING
            value = ast.Chain(value, span=value[0].span) if builds else self._single(value)
        return ast.Action(target, value, span=_span(meta))

    def _single(self, values: tuple[Any, ...]) -> Any:
        if len(values) > 1:
            message = "A chain with `->` is for `insert`, `replace`, `append` and `prepend` only."
            self.mistakes.append(Mistake(values[1].span.start, message))
        return values[0]

    def chain(self, meta: Meta, args: list[Any]) -> tuple[Any, ...]:
        for arg in args:
            if isinstance(arg, Token) and arg != "->":
                message = f"Found `{arg}`; nodes to build are joined by `->`."
                self.mistakes.append(Mistake(arg.start_pos or 0, message))
        return tuple(_pieces(args))

    def with_(self, meta: Meta, args: list[Any]) -> ast.Piece:
        return ast.With(str(args[1]), args[2], span=_span(meta))

    def axis(self, meta: Meta, args: list[Any]) -> ast.Piece:
        target, *values = _pieces(args)
        return ast.Axis(target, values[0] if values else None, span=_span(meta))

    def select(self, meta: Meta, args: list[Any]) -> ast.Piece:
        _, distinct, items, sources, where, group, order, limit = args
        amount, offset = limit or (None, None)
        return ast.Select(
            items, sources or (), where, group or (), order or (), amount, offset,
            distinct=distinct is not None, span=_span(meta),
        )  # fmt: skip

    def _target(self, token: Token) -> ast.Variable:
        start = token.start_pos or 0
        return ast.Variable(str(token), span=ast.Span(start, start + len(token)))

    def slice(self, meta: Meta, args: list[Any]) -> ast.Piece:
        _, name, sources, where, actions = args
        target = self._target(name)
        return ast.Slice(target, sources or (), where, actions or (), span=_span(meta))

    def construct(self, meta: Meta, args: list[Any]) -> ast.Piece:
        _, name, sources, where, actions = args
        target = self._target(name)
        return ast.Construct(target, sources or (), where, actions or (), span=_span(meta))

    def evaluate(self, meta: Meta, args: list[Any]) -> ast.Piece:
        _, name, sources, where, config, axes, keep = args
        # A bare name is a saved query here: there is no other variable to run over.
        named = tuple(
            ast.Source(None, ast.Variable(each.variable, span=each.span), span=each.span)
            if each.origin is None and each.variable is not None
            else each
            for each in sources or ()
        )
        return ast.Evaluate(
            self._target(name), named, where, config, axes or (), keep, span=_span(meta)
        )

    def save(self, meta: Meta, args: list[Any]) -> str:
        return text_value(args[1])

    def query(self, meta: Meta, args: list[Any]) -> ast.Piece:
        explain, statement, name = args
        return ast.Query(statement, explain is not None, name, span=_span(meta))

    def head(self, meta: Meta, args: list[Any]) -> None:
        """Read alone only to see whether it is right."""
