"""Find the kind of each value, and what does not fit together.

A *scope* maps each name that a query may use to the kind of what it stands for.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping

from dql import ast
from dql.ast.words import (
    AGGREGATES,
    FUNCTIONS,
    TEMPLATE_ATTRIBUTES,
    UNITS,
    VERSION_ATTRIBUTES,
    Kind,
)
from dql.backend import Value
from dql.check.templates import check_pattern
from dql.mistakes import Mistake, listed, nearest, suggestion
from dql.patterns import PatternError, compile_like, compile_regex, compile_selector

__all__ = ["Checker", "Scope", "is_date"]

Scope = Mapping[str, Kind]

_WORDS: dict[Kind, str] = {
    "text": "a text", "number": "a number", "time": "a time", "duration": "a duration",
    "boolean": "a condition", "version": "a version", "versions": "versions", "nodes": "nodes",
    "values": "several values", "series": "a series", "config": "a configuration",
    "null": "null", "any": "anything",
}  # fmt: skip
_ORDERED = ("text", "number", "time", "duration")
# Of the types of parameters that tell the kind; `bool` is an `int` too.
_KINDS: tuple[tuple[type, Kind], ...] = (
    (bool, "boolean"), (int, "number"), (float, "number"), (str, "text"),
    (datetime.datetime, "time"), (datetime.timedelta, "duration"), (list, "values"),
    (tuple, "values"),
)  # fmt: skip
# Networks may have attributes that are not here; only what looks misspelled is wrong.
_NODE_WORDS = frozenset(
    ("name", "kind", "next", "prev", "start", "end", "slope", "scale", "alpha"),
).union(*TEMPLATE_ATTRIBUTES.values())
_LOOSE = ("any", "values", "null")


def is_date(text: str) -> bool:
    """Say whether a text is a day or a moment in ISO 8601."""
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


class Checker:
    """Walks expressions and gathers mistakes.

    Args:
        statement: Checks a query in parentheses, in the scope around it.
        parameters: The values of parameters, where they are known.
    """

    def __init__(
        self,
        statement: Callable[[ast.Piece, Scope], None],
        parameters: Mapping[str, Value],
    ) -> None:
        self._parameters = parameters
        self.mistakes: list[Mistake] = []
        self.aggregates_allowed = False
        self._statement = statement

    def wrong(self, piece: ast.Piece, message: str, offset: int = 0) -> None:
        """Note a mistake at a piece."""
        self.mistakes.append(Mistake(piece.span.start + offset, message))

    def condition(self, piece: ast.Piece, scope: Scope) -> None:
        """Check what must be true or false."""
        kind = self.kind(piece, scope)
        if kind not in ("boolean", "any"):
            self.wrong(piece, f"This is {_WORDS[kind]}, expected a condition.")

    def kind(self, piece: ast.Piece, scope: Scope) -> Kind:
        """Return the kind of a value; `any` where it is known only when the query runs."""
        method: Callable[..., Kind] | None = getattr(self, f"_{type(piece).__name__.lower()}", None)
        return method(piece, scope) if method else "any"

    # values

    def _number(self, _: ast.Number, __: Scope) -> Kind:
        return "number"

    def _text(self, _: ast.Text, __: Scope) -> Kind:
        return "text"

    def _parameter(self, piece: ast.Parameter, _: Scope) -> Kind:
        value = self._parameters.get(piece.name)
        return next((kind for types, kind in _KINDS if isinstance(value, types)), "any")

    def _text_of(self, piece: ast.Piece) -> str | None:
        """Return a text that stands in the query or is the value of a parameter."""
        found = self._parameters.get(piece.name) if isinstance(piece, ast.Parameter) else None
        found = piece.value if isinstance(piece, ast.Text) else found
        return found if isinstance(found, str) else None

    def _null(self, _: ast.Null, __: Scope) -> Kind:
        return "null"

    def _boolean(self, _: ast.Boolean, __: Scope) -> Kind:
        return "boolean"

    def _quantity(self, piece: ast.Quantity, _: Scope) -> Kind:
        return UNITS[piece.unit][0]

    def _date(self, piece: ast.Date, _: Scope) -> Kind:
        if not is_date(piece.value):
            self.wrong(piece, f'"{piece.value}" is no date; write it as "2015-11-22".')
        return "time"

    def _variable(self, piece: ast.Variable, scope: Scope) -> Kind:
        if piece.name not in scope:
            hint = suggestion(piece.name, scope)
            known = listed((f"`{name}`" for name in scope), "and") if scope else "none"
            message = f"`{piece.name}` is not a variable of this query; it has {known}.{hint}"
            self.wrong(piece, message)
        return scope.get(piece.name, "any")

    def _attribute(self, piece: ast.Attribute, scope: Scope) -> Kind:
        of = self.kind(piece.of, scope)
        at = piece.span.end - len(piece.name) - piece.span.start
        if of in ("version", "versions"):
            if piece.name not in VERSION_ATTRIBUTES:
                inner = ("metrics", "config", "metadata")
                hint = suggestion(piece.name, VERSION_ATTRIBUTES) or (
                    f" Metrics, settings and metadata are at "
                    f"{listed(f'`.{each}.{piece.name}`' for each in inner)}."
                )
                self.wrong(piece, f"A version has no `{piece.name}`.{hint}", at)
                return "any"
            kind = VERSION_ATTRIBUTES[piece.name]
            return kind if of == "version" or kind in ("versions", "nodes") else "values"
        if of == "nodes":
            if piece.name not in _NODE_WORDS and (near := nearest(piece.name, _NODE_WORDS)):
                self.wrong(piece, f"Nodes have no `{piece.name}`. Did you mean `{near}`?", at)
            return "text" if piece.name in ("name", "kind") else "any"
        if of not in ("any", "config", "values"):
            self.wrong(piece, f"`.{piece.name}` is asked of {_WORDS[of]}, which has none.", at)
        return "any"

    def _subscript(self, piece: ast.Subscript, scope: Scope) -> Kind:
        of = self.kind(piece.of, scope)
        key = self.kind(piece.key, scope)
        if key not in ("text", "any"):
            self.wrong(piece.key, f"Found {_WORDS[key]} in brackets, expected a text.")
        if of == "version":
            if isinstance(piece.key, ast.Text):
                self._compiled(compile_selector, piece.key)
            return "nodes"
        if of not in ("any", "config"):
            self.wrong(piece, f"Brackets stand behind {_WORDS[of]}, expected a version or metrics.")
        return "any"

    def _hop(self, piece: ast.Hop, scope: Scope) -> Kind:
        of = self.kind(piece.of, scope)
        if of not in ("nodes", "any"):
            message = (
                f'`.{piece.direction}` goes from nodes such as `m["conv1"]`, not {_WORDS[of]}.'
            )
            self.wrong(piece, message)
        return "nodes"

    def _listed(self, piece: ast.Listed, scope: Scope) -> Kind:
        for item in piece.items:
            self.kind(item, scope)
        return "values"

    def _subquery(self, piece: ast.Subquery, scope: Scope) -> Kind:
        self._statement(piece.statement, scope)
        return "values"

    def _call(self, piece: ast.Call, scope: Scope) -> Kind:
        kinds = [self.kind(each, scope) for each in piece.arguments]
        if piece.name.lower() not in FUNCTIONS:
            hint = suggestion(piece.name, FUNCTIONS) or f" There are {listed(FUNCTIONS, 'and')}."
            self.wrong(piece, f"There is no function `{piece.name}`.{hint}")
            return "any"
        name = piece.name.lower()
        least, most, result = FUNCTIONS[name]
        if not least <= len(kinds) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            self.wrong(piece, f"`{name}` takes {wanted} values, found {len(kinds)}.")
        if name == "common_ancestor":
            for each, kind in zip(piece.arguments, kinds, strict=True):
                if kind not in ("version", "null", "any"):
                    self.wrong(each, f"Found {_WORDS[kind]}, expected a version such as `m`.")
        if name in AGGREGATES and not self.aggregates_allowed:
            self.wrong(piece, f"`{name}` belongs behind `select` or `order by`; nest the query.")
        if name == "top" and "config" not in scope.values():
            self.wrong(piece, "`top` belongs behind `keep`; write `order by ... limit ...`.")
        return result

    def _negate(self, piece: ast.Negate, scope: Scope) -> Kind:
        kind = self.kind(piece.operand, scope)
        if kind not in ("number", "duration", "any"):
            self.wrong(piece, f"`-` stands before {_WORDS[kind]}, expected a number.")
        return kind

    def _arithmetic(self, piece: ast.Arithmetic, scope: Scope) -> Kind:
        left, right = self.kind(piece.left, scope), self.kind(piece.right, scope)
        if "any" in (left, right):
            return "any"
        results: dict[tuple[Kind, str, Kind], Kind] = {
            ("time", "-", "time"): "duration",
            ("time", "+", "duration"): "time",
            ("time", "-", "duration"): "time",
            ("duration", "+", "duration"): "duration",
            ("duration", "-", "duration"): "duration",
            ("duration", "*", "number"): "duration",
            ("duration", "/", "number"): "duration",
            ("duration", "/", "duration"): "number",
        }
        if left == right == "number":
            return "number"
        result = results.get((left, piece.operator, right))
        if result is None:
            message = (
                f"`{piece.operator}` between {_WORDS[left]} and {_WORDS[right]} has no meaning."
            )
            self.wrong(piece, message)
        return result or "any"

    # conditions

    def _and(self, piece: ast.And | ast.Or, scope: Scope) -> Kind:
        for operand in piece.operands:
            self.condition(operand, scope)
        return "boolean"

    _or = _and

    def _not(self, piece: ast.Not, scope: Scope) -> Kind:
        self.condition(piece.operand, scope)
        return "boolean"

    def _quantified(self, piece: ast.Quantified, scope: Scope) -> Kind:
        self.condition(piece.condition, scope)
        return "boolean"

    def comparable(self, left: ast.Piece, right: ast.Piece, operator: str, scope: Scope) -> None:
        """Check that two values can be compared."""
        one, two = self.kind(left, scope), self.kind(right, scope)
        for this, that, text in ((one, two, right), (two, one, left)):
            said = self._text_of(text)
            if this == "time" and said is not None:
                if not is_date(said):
                    message = f'Found "{said}", expected a date such as "2015-11-22".'
                    self.wrong(text, message)
                return
            if this == "time" and that == "number":
                self.wrong(text, 'Found a number, expected a date in quotes, "2015-11-22".')
                return
            if this in ("version", "versions") and that in ("text", "version", "versions"):
                one = two = "version"
        if isinstance(left, ast.Null) or isinstance(right, ast.Null):
            null = left if isinstance(left, ast.Null) else right
            self.wrong(null, "Nothing equals null; write `is null` or `is not null`.")
        elif one in _LOOSE or two in _LOOSE:
            return
        elif one != two:
            self.wrong(right, f"Found {_WORDS[two]}, expected {_WORDS[one]} to compare with.")
        elif operator not in ("=", "!=") and one not in _ORDERED:
            self.wrong(left, f"`{operator}` has no meaning for {_WORDS[one]}; use `=` or `!=`.")

    def _compare(self, piece: ast.Compare, scope: Scope) -> Kind:
        self.comparable(piece.left, piece.right, piece.operator, scope)
        return "boolean"

    def _between(self, piece: ast.Between, scope: Scope) -> Kind:
        before = len(self.mistakes)
        self.comparable(piece.subject, piece.low, "<=", scope)
        if len(self.mistakes) == before:
            self.comparable(piece.subject, piece.high, "<=", scope)
        return "boolean"

    def _in(self, piece: ast.In, scope: Scope) -> Kind:
        values = piece.values
        if isinstance(values, ast.Listed):
            for item in values.items:
                self.comparable(piece.subject, item, "=", scope)
            return "boolean"
        subject = self.kind(piece.subject, scope)
        if isinstance(values, ast.Variable | ast.Text) and subject in (
            "version",
            "versions",
            "any",
        ):
            return "boolean"  # a saved query by its name
        kind = self.kind(values, scope)
        if kind not in ("values", "versions", "any"):
            self.wrong(values, f"Found {_WORDS[kind]}, expected a list such as `[1, 2]`.")
        return "boolean"

    def _like(self, piece: ast.Like | ast.Matches, scope: Scope) -> Kind:
        kind = self.kind(piece.subject, scope)
        word = type(piece).__name__.lower()
        if kind not in ("text", "any", "values"):
            self.wrong(piece.subject, f"Found {_WORDS[kind]}, `{word}` is for texts.")
        pattern = self.kind(piece.pattern, scope)
        if pattern not in ("text", "any"):
            self.wrong(piece.pattern, f"Found {_WORDS[pattern]}, expected a pattern in quotes.")
        if isinstance(piece.pattern, ast.Text):
            compiler = compile_like if isinstance(piece, ast.Like) else compile_regex
            self._compiled(compiler, piece.pattern)
        return "boolean"

    _matches = _like

    def _isnull(self, piece: ast.IsNull, scope: Scope) -> Kind:
        self.kind(piece.subject, scope)
        return "boolean"

    def _derivedfrom(self, piece: ast.DerivedFrom, scope: Scope) -> Kind:
        subject = self.kind(piece.subject, scope)
        if subject not in ("version", "any"):
            self.wrong(piece.subject, f"Found {_WORDS[subject]}, expected a version.")
        origin = self.kind(piece.origin, scope)
        if origin not in ("version", "versions", "text", "values", "any"):
            self.wrong(piece.origin, f"Found {_WORDS[origin]}, expected a version or its name.")
        return "boolean"

    def _has(self, piece: ast.Has, scope: Scope) -> Kind:
        before = len(self.mistakes)
        kind = self.kind(piece.subject, scope)
        if kind not in ("nodes", "version", "any"):
            self.wrong(piece.subject, f"Found {_WORDS[kind]}, `has` is for nodes and versions.")
        elif (
            isinstance(piece.subject, ast.Attribute)
            and kind == "any"
            and not self.mistakes[before:]
        ):
            self.wrong(
                piece.subject,
                f"`.{piece.subject.name}` is a value, `has` is for nodes and versions.",
                piece.subject.span.end - len(piece.subject.name) - piece.subject.span.start,
            )
        self.mistakes += check_pattern(piece.pattern)
        return "boolean"

    def _compiled(self, compiler: Callable[[str], object], text: ast.Text) -> None:
        """Check a pattern, pointing into the quotes."""
        try:
            compiler(text.value)
        except PatternError as error:
            message = f"In this pattern {error.message}."
            self.wrong(text, message, 1 + error.offset)
