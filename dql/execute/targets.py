"""Find the nodes that an action is done to.

They are those that its selector takes in the network as it is. Where a condition behind `where`
that must be true has the same selector of the same variable, they are only those for which it is
true: `m["conv*"]` is the same nodes in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dql import ast
from dql.execute.session import Session
from dql.memory.evaluate import Evaluator, Row
from dql.memory.graph import NodeSet, Wiring
from dql.memory.values import single
from dql.patterns import PatternError, compile_selector
from dql.rules import split

__all__ = ["Target", "Targets", "together"]

# The name of a variable that stands for one node; no query can have it.
_NODE = "*node"


@dataclass(frozen=True, slots=True)
class Target:
    """A node that an action is done to, with what was captured of its name."""

    name: str
    captures: Mapping[int, str] = field(default_factory=dict)

    def marked(
        self, piece: ast.Piece, of: ast.Piece, row: Row, wiring: Wiring
    ) -> tuple[ast.Piece, Row]:
        """Return a piece, and its row, in which what an action is done to is this node alone."""
        marker = ast.Variable(_NODE)
        return ast.substitute(piece, of, marker), {**row, _NODE: NodeSet(wiring, [self.name])}


class Targets:
    """Finds targets for the actions done to one version.

    Args:
        statement: The statement.
        variable: The variable of the version.
        evaluator: Finds values in the row as it was found.
        row: That row.
        session: What the run knows.
    """

    def __init__(
        self,
        statement: ast.Slice | ast.Construct,
        variable: str,
        evaluator: Evaluator,
        row: Row,
        session: Session,
    ) -> None:
        self._conditions = list(split(statement.where)) if statement.where is not None else []
        self._variable = variable
        self._evaluator = evaluator
        self._row = row
        self._session = session

    def of(self, piece: ast.Piece, evaluator: Evaluator, row: Row, wiring: Wiring) -> list[Target]:
        """Return the targets that a piece stands for, in the network's order.

        Args:
            piece: What an action is done to.
            evaluator: Finds values in the network as it is.
            row: The row with the network as it is.
            wiring: That network.
        """
        selector = _selector_in(piece)
        if selector is None:
            found = evaluator.value(piece, row)
            return [Target(name) for name in found.names] if isinstance(found, NodeSet) else []
        held: dict[str, Target] = {}
        for one in self._selected(selector, evaluator, row, wiring):
            of_node, marked = one.marked(piece, selector, row, wiring)
            reached = evaluator.value(of_node, marked)
            for name in reached.names if isinstance(reached, NodeSet) else ():
                held.setdefault(name, Target(name, one.captures))
        return sorted(held.values(), key=lambda each: wiring.structure.order[each.name])

    def _selected(
        self, selector: ast.Subscript, evaluator: Evaluator, row: Row, wiring: Wiring
    ) -> Iterator[Target]:
        key = single(evaluator.value(selector.key, row))
        try:
            compiled = compile_selector(key) if isinstance(key, str) else None
        except PatternError:
            return
        old = ast.Subscript(ast.Variable(self._variable), selector.key)
        asked = [each for each in self._conditions if old in ast.walk(each)]
        for name in wiring.names if compiled is not None else ():
            captures = compiled.match(name) if compiled is not None else None
            if captures is not None and self._meets(name, old, asked):
                yield Target(name, captures)

    def _meets(self, name: str, selector: ast.Piece, asked: Sequence[ast.Piece]) -> bool:
        """Say whether a node meets the conditions, asked of it alone in the network as found."""
        if not asked:
            return True
        wiring = self._session.wiring(self._row[self._variable])
        if wiring is None or name not in wiring.nodes:
            return False
        for condition in asked:
            of_node, marked = Target(name).marked(condition, selector, self._row, wiring)
            if self._evaluator.truth(of_node, marked) is not True:
                return False
        return True


def _selector_in(piece: ast.Piece) -> ast.Subscript | None:
    """Return the selector that a path of nodes begins with."""
    while not (isinstance(piece, ast.Subscript) and isinstance(piece.of, ast.Variable)):
        if not isinstance(piece, ast.Subscript | ast.Hop | ast.Attribute):
            return None
        piece = piece.of
    return piece


def together(targets: Sequence[Target], wiring: Wiring) -> list[list[Target]]:
    """Return groups of targets that hang together by edges, each in the network's order."""
    left = {each.name: each for each in targets}
    groups = []
    for target in targets:
        if target.name not in left:
            continue
        group, todo = [], [target.name]
        while todo:
            found = left.pop(todo.pop(), None)
            if found is None:
                continue
            group.append(found)
            todo += wiring.structure.beside(found.name, "next")
            todo += wiring.structure.beside(found.name, "prev")
        groups.append(sorted(group, key=lambda each: wiring.structure.order[each.name]))
    return groups
