"""Find ways to the versions that can meet a condition.

An access stands for a condition that must be *true*: of what is unknown or false it may lose all.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from dql import ast
from dql.logical import Access, Both, Either, Index, Kin, Kinds, Relation
from dql.rules.conjuncts import free_variables, split
from dql.rules.structure import kinds_of

__all__ = ["accesses", "variables_of"]

_INVERSE: dict[str, Relation] = {
    "parent": "children",
    "parents": "children",
    "children": "parents",
    "ancestors": "descendants",
    "descendants": "ancestors",
}
_FLIPPED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_TEXTS = ("name", "id", "tags")
_RANGES = ("version", "creation_time")
_SERIES = ("best", "last")


def accesses(condition: ast.Piece, variable: str, known: Set[str], names: Set[str]) -> list[Access]:
    """Return ways to find all versions for which a condition can be true.

    Args:
        condition: The condition.
        variable: The variable that the versions are for.
        known: The variables that have a version already; values may name them.
        names: All variables there are; any other name behind `in` is a saved query's.
    """
    finder = _Finder(ast.Variable(variable), frozenset(known) - {variable}, frozenset(names))
    return list(finder.of(condition))


def variables_of(access: Access) -> frozenset[str]:
    """Return the names in an access that may be variables."""
    if isinstance(access, Both | Either):
        return frozenset().union(*map(variables_of, access.parts))
    if isinstance(access, Kinds):
        return frozenset()
    if isinstance(access, Kin):
        of = access.of
        return free_variables(of) if isinstance(of, ast.Piece) else variables_of(of)
    values = [each for each in (access.value, access.until) if each is not None]
    return frozenset().union(*map(free_variables, values))


@dataclass(frozen=True, slots=True)
class _Finder:
    base: ast.Piece
    known: frozenset[str]
    names: frozenset[str]

    def of(self, piece: ast.Piece) -> Iterator[Access]:
        """Yield accesses of which each gives all versions that meet a condition."""
        if isinstance(piece, ast.And):
            for operand in split(piece):
                yield from self.of(operand)
        elif isinstance(piece, ast.Or):
            parts = [list(self.of(operand)) for operand in piece.operands]
            if all(parts):
                yield Either(tuple(Both(tuple(each)) for each in parts))
        elif isinstance(piece, ast.Quantified):
            # `all` is also true where there is none.
            if piece.quantifier == "any":
                yield from self.of(piece.condition)
        elif not getattr(piece, "negated", False):
            yield from self._single(piece)
            if isinstance(self.base, ast.Variable):
                yield from self._through_relatives(piece)
        elif isinstance(piece, ast.IsNull):
            yield from self._there(piece)

    def _through_relatives(self, piece: ast.Piece) -> Iterator[Access]:
        """Yield accesses by what is said of parents and the like: `m.parent.name = "lenet"`."""
        for word, relation in _INVERSE.items():
            other = _Finder(ast.Attribute(self.base, word), self.known, self.names)
            for found in other._single(piece):
                if not (isinstance(found, Kin) and found.relation == "self"):
                    yield Kin(relation, found)

    def _single(self, piece: ast.Piece) -> Iterator[Access]:
        if isinstance(piece, ast.Compare) and piece.operator in _FLIPPED:
            yield from self._compared(piece.left, piece.operator, piece.right)
            yield from self._compared(piece.right, _FLIPPED[piece.operator], piece.left)
        elif isinstance(piece, ast.Between):
            path = self._path(piece.subject)
            if path and path[0] not in _TEXTS and self._fixed(piece.low, piece.high):
                yield Index(path, ">=", piece.low, piece.high)
        elif isinstance(piece, ast.In):
            yield from self._in(piece)
        elif isinstance(piece, ast.Like):
            path = self._path(piece.subject)
            if path and path[0] not in (*_RANGES, "metrics") and self._fixed(piece.pattern):
                yield Index(path, "like", piece.pattern)
        elif isinstance(piece, ast.DerivedFrom):
            if piece.subject == self.base and self._fixed(piece.origin):
                yield Kin("descendants", piece.origin)
            if piece.origin == self.base and self._fixed(piece.subject):
                yield Kin("ancestors", piece.subject)
        elif isinstance(piece, ast.Has) and self._is_of_network(piece.subject):
            yield from kinds_of(piece.pattern)

    def _compared(self, own: ast.Piece, sign: str, value: ast.Piece) -> Iterator[Access]:
        if not self._fixed(value):
            return
        path = self._path(own)
        if path and sign == "=":
            yield Index(path, "=", value)
        elif path and path[0] not in _TEXTS:
            yield Index(path, "<=" if sign in ("<", "<=") else ">=", value)
        relation = self._relation(own)
        if relation and sign == "=":
            yield Kin(relation, value)

    def _in(self, piece: ast.In) -> Iterator[Access]:
        named = isinstance(piece.values, ast.Text)
        if isinstance(piece.values, ast.Variable):
            named = piece.values.name not in self.names
        if named or self._fixed(piece.values):
            path, relation = self._path(piece.subject), self._relation(piece.subject)
            if relation:
                yield Kin(relation, piece.values, named=named)
            elif path and not named:
                yield Index(path, "=", piece.values)
        # `m2 in m1.ancestors`, `"best" in m.tags`: the other way round
        if not named and self._fixed(piece.subject):
            path, relation = self._path(piece.values), self._relation(piece.values)
            if relation:
                yield Kin(relation, piece.subject)
            elif path == ("tags",):
                yield Index(path, "=", piece.subject)

    def _there(self, piece: ast.IsNull) -> Iterator[Access]:
        path = self._path(piece.subject)
        if path and path[0] == "metrics":
            yield Index(path, "there")

    def _fixed(self, *values: ast.Piece) -> bool:
        """Say whether values need no other variables than those that have versions."""
        return all(free_variables(value) <= self.known for value in values)

    def _relation(self, piece: ast.Piece) -> Relation | None:
        """Return what the versions are to the value of a piece: `m.parent` makes them children."""
        if piece == self.base:
            return "self"
        if isinstance(piece, ast.Attribute) and piece.of == self.base:
            return _INVERSE.get(piece.name)
        return None

    def _path(self, piece: ast.Piece) -> tuple[str, ...] | None:
        """Return the path of an index that a piece may be answered by."""
        words: list[str] = []
        here = piece
        while here != self.base:
            if isinstance(here, ast.Attribute):
                words.insert(0, here.name)
                here = here.of
            elif isinstance(here, ast.Subscript) and isinstance(here.key, ast.Text):
                words.insert(0, here.key.value)
                here = here.of
                if here == self.base:
                    return None  # nodes
            else:
                return None
        if len(words) == 1 and words[0] in (*_TEXTS, *_RANGES):
            return (words[0],)
        if len(words) > 1 and words[0] in ("config", "metadata"):
            return tuple(words)
        if len(words) == 2 and words[0] == "metrics":
            return ("metrics", words[1], "last")
        if len(words) == 3 and words[0] == "metrics" and words[2] in _SERIES:
            return ("metrics", words[1], words[2])
        return None

    def _is_of_network(self, piece: ast.Piece) -> bool:
        """Say whether a piece is a version's network or nodes of it."""
        while piece != self.base:
            nodes = isinstance(piece, ast.Attribute) and piece.name in ("nodes", "input", "output")
            if not (nodes or isinstance(piece, ast.Subscript | ast.Hop)):
                return False
            piece = next(piece.parts())
        return True
