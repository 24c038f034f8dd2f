"""Do the actions of one statement to the network of one row.

Each action sees the network as those before it left it. A *target* is a node that an action is done
to, with what the selector captured of its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dql import ast
from dql.ast.words import ACTIONS
from dql.backend import EditError, Editor, Network, Value, Version
from dql.errors import DqlError
from dql.execute.layers import chain_of, filled
from dql.execute.session import Session
from dql.execute.targets import Target, Targets, together
from dql.memory.evaluate import Evaluator, Row
from dql.memory.graph import NodeSet, Wiring
from dql.memory.values import Several, single
from dql.prepare import Prepared

__all__ = ["Actions"]


@dataclass(frozen=True, slots=True)
class _Now:
    """A version with its network as it is between two actions."""

    base: Version
    layers: Network

    @property
    def id(self) -> str:
        return self.base.id

    @property
    def attributes(self) -> Mapping[str, Value]:
        return self.base.attributes

    @property
    def metrics(self) -> Mapping[str, Sequence[float]]:
        return self.base.metrics

    @property
    def config(self) -> Mapping[str, Value]:
        return self.base.config

    @property
    def metadata(self) -> Mapping[str, Value]:
        return self.base.metadata

    @property
    def parents(self) -> Sequence[str]:
        return self.base.parents

    def network(self) -> Network:
        return self.layers


class Actions:
    """Does the actions of a statement.

    Args:
        session: What the run knows.
        prepared: The query that the statement stands in.
        statement: The statement.
        evaluator: Finds the values in the row as it was found.
        name: The name of the new version; None: that of the version it comes from.
        notes: Where it is noted that an action had nothing to be done to.
    """

    def __init__(
        self,
        session: Session,
        prepared: Prepared,
        statement: ast.Slice | ast.Construct,
        evaluator: Evaluator,
        name: str | None,
        notes: list[str],
    ) -> None:
        self._session = session
        self._text = prepared.text
        self._statement = statement
        self._evaluator = evaluator
        self._name = name
        self._notes = notes

    def done(self, variable: str, row: Row) -> Version:
        """Return the new version of a row.

        Args:
            variable: The one whose network is changed.
            row: The versions that the query found.

        Raises:
            DqlError: An action cannot be done; it points at the action.
        """
        base: Version = row[variable]
        actions = list(self._statement.actions)
        if isinstance(self._statement, ast.Slice):
            base = self._sliced(base, row)
            actions = [each for each in actions if _verb(each) not in ("input", "output")]
            if not actions:
                return base
        try:
            editor = self._session.backend.edit(base)
        except EditError as error:
            raise self._wrong(self._statement, _sentence(error)) from None
        targets = Targets(self._statement, variable, self._evaluator, row, self._session)
        done = 0
        for action in actions:
            try:
                done += self._do(action, editor, base, variable, row, targets)
            except EditError as error:
                raise self._wrong(action, _sentence(error)) from None
        if actions and not done:
            raise self._wrong(actions[0], "No action has a node to be done to in this network.")
        try:
            return editor.finish(self._name or str(base.attributes.get("name") or "network"))
        except EditError as error:
            raise self._wrong(self._statement, _sentence(error)) from None

    def _wrong(self, piece: ast.Piece, message: str) -> DqlError:
        return self._session.wrong(piece, self._text, message)

    def _sliced(self, base: Version, row: Row) -> Version:
        """Return the part of a network between the nodes of `input` and of `output`."""
        ends: dict[str, list[str]] = {"input": [], "output": []}
        for action in self._statement.actions:
            if _verb(action) in ends and action.value is not None:
                value = self._evaluator.value(action.value, row)
                names = list(value.names) if isinstance(value, NodeSet) else []
                if not names:
                    raise self._wrong(action.value, "There is no such node in this network.")
                ends[_verb(action)] += names
        try:
            return self._session.backend.slice(
                base, ends["input"], ends["output"], self._name or ""
            )
        except EditError as error:
            raise self._wrong(self._statement, _sentence(error)) from None

    def _do(
        self,
        action: ast.Action,
        editor: Editor,
        base: Version,
        variable: str,
        row: Row,
        targets: Targets,
    ) -> bool:
        """Do one action; return whether there was something to do it to."""
        if not isinstance(action.target, ast.Attribute):
            return False
        now = _Now(base, editor.network())
        wiring = Wiring(now.layers)
        new = self._statement.variable.name
        here: Row = {**row, variable: now, new: now}
        step = _Step(
            action,
            action.target.of,
            _verb(action),
            editor,
            wiring,
            here,
            row,
            self._evaluator.seeing(
                lambda version: wiring if version is now else self._session.wiring(version)
            ),
        )
        if isinstance(step.of, ast.Variable):
            self._whole(step)
            return True
        found = targets.of(step.of, step.evaluator, here, wiring)
        if not found:
            message = f"takes no node of {_called(base)}; nothing was done there."
            self._notes.append(f"`{self._text[step.of.span.start : step.of.span.end]}` {message}")
            if step.verb == "stitch":
                raise self._wrong(step.of, "There is no such node in this network.")
            return False
        self._some(step, found)
        return True

    def _whole(self, step: _Step) -> None:
        value = step.action.value
        if step.verb == "freeze":
            step.editor.freeze([], frozen=self._frozen(step))
        elif isinstance(value, ast.Chain):
            chain = chain_of(value, {}, step.evaluator, step.row)
            (step.editor.append if step.verb == "append" else step.editor.prepend)(chain)

    def _some(self, step: _Step, found: Sequence[Target]) -> None:
        """Do an action to some nodes: to each, or to those that hang together at once."""
        editor, value, verb = step.editor, step.action.value, step.verb
        names = [each.name for each in found]
        if verb in ("insert", "insert_before", "replace") and isinstance(value, ast.Chain):
            groups = together(found, step.wiring) if verb == "replace" else [[x] for x in found]
            for group in groups:
                chain = chain_of(value, group[0].captures, step.evaluator, step.row)
                if verb == "replace":
                    editor.replace([each.name for each in group], chain)
                else:
                    editor.insert(group[0].name, chain, before=verb == "insert_before")
        elif verb == "delete" and value is None:
            for name in names:
                editor.delete(name)
        elif verb == "delete" and value is not None:
            self._without_edges(step, found)
        elif verb == "rename":
            editor.rename({each.name: self._new_name(step, each) for each in found})
        elif verb == "freeze":
            editor.freeze(names, frozen=self._frozen(step))
        elif verb == "repeat" and value is not None:
            times = single(step.evaluator.value(value, step.row))
            if not isinstance(times, int) or isinstance(times, bool) or times < 1:
                raise self._wrong(value, f"Found {times!r}, expected a whole number from 1.")
            for group in together(found, step.wiring):
                editor.repeat([each.name for each in group], times)
        elif verb == "stitch" and value is not None:
            self._stitched(step, names)
        elif verb not in ACTIONS:
            for target in found:
                editor.change(target.name, verb, self._new_value(step, target))

    def _without_edges(self, step: _Step, found: Sequence[Target]) -> None:
        value = step.action.value or step.of
        edges = []
        for one in found:
            others = step.evaluator.value(filled(value, one.captures), step.row)
            readers = others.names if isinstance(others, NodeSet) else ()
            edges += [
                (one.name, two) for two in readers if two in step.wiring.structure.after[one.name]
            ]
        if not edges:
            raise self._wrong(step.action, "There is no edge between these nodes.")
        for name, reader in edges:
            step.editor.delete_edge(name, reader)

    def _stitched(self, step: _Step, names: Sequence[str]) -> None:
        value = step.action.value or step.of
        readers = self._evaluator.value(value, step.found)
        other = next((step.found.get(each.name) for each in ast.own_variables(value)), None)
        if len(names) != 1:
            raise self._wrong(step.of, f"`stitch` goes from one node, found {len(names)}.")
        if not isinstance(readers, NodeSet) or other is None or len(readers.names) != 1:
            count = len(readers.names) if isinstance(readers, NodeSet) else 0
            raise self._wrong(value, f"`stitch` goes to one node, found {count}.")
        step.editor.stitch(names[0], other, readers.names[0])

    def _frozen(self, step: _Step) -> bool:
        if step.action.value is None:
            return True
        return step.evaluator.truth(step.action.value, step.row) is True

    def _new_name(self, step: _Step, target: Target) -> str:
        value = self._new_value(step, target)
        if not isinstance(value, str):
            raise self._wrong(step.action.value or step.of, "Expected a name in quotes.")
        return value

    def _new_value(self, step: _Step, target: Target) -> Any:
        """Return the value for one node: what it is computed from may be of this node."""
        piece = step.action.value or step.of
        of_node, marked = target.marked(piece, step.of, step.row, step.wiring)
        found = _plain(step.evaluator.value(filled(of_node, target.captures), marked))
        if isinstance(found, list) and not isinstance(piece, ast.Listed):
            if len({repr(each) for each in found}) != 1:
                raise self._wrong(piece, f"This has {len(found)} values, expected one.")
            found = found[0]
        if found is None:
            raise self._wrong(piece, f"This is null for `{target.name}`, expected a value.")
        return found


@dataclass(frozen=True, slots=True)
class _Step:
    """One action with what it is done to and seen in."""

    action: ast.Action
    of: ast.Piece
    verb: str
    editor: Editor
    wiring: Wiring
    row: Row
    found: Row
    evaluator: Evaluator


def _sentence(error: EditError) -> str:
    # No capital: it may begin with the name of a node or version.
    return f"{str(error).removesuffix('.')}."


def _verb(action: ast.Action) -> str:
    return action.target.name if isinstance(action.target, ast.Attribute) else ""


def _called(version: Version) -> str:
    name, number = version.attributes.get("name"), version.attributes.get("version")
    return f"`{name}@{number}`" if name and number else f"`{name or version.id}`"


def _plain(value: Any) -> Any:
    """Return a value with lists for what has several."""
    if isinstance(value, Several):
        return [_plain(each) for each in value.items]
    return single(value)
