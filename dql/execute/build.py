"""Make the networks of `slice` and `construct`, one for each row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dql import ast
from dql.backend import Version
from dql.check import base_of
from dql.errors import DqlError
from dql.execute.actions import Actions
from dql.execute.session import Session
from dql.memory.evaluate import Evaluator, Row
from dql.prepare import Prepared

__all__ = ["Builder", "Failure", "Made"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no network for a row: the version it should have come from, and the error."""

    version: Version
    error: DqlError


@dataclass(slots=True)
class Made:
    """What `slice` and `construct` tell besides their networks.

    Args:
        name: The name that new networks get; None: that of what they come from.
        failures: The rows for which there is no network.
        notes: What was odd though nothing failed.
    """

    name: str | None = None
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Builder:
    """Makes networks by one statement.

    Args:
        session: What the run knows; new versions are made known to it.
        prepared: The query that the statement stands in.
        statement: The statement.
        evaluator: Finds the values in actions.
        made: Where failures and notes go.
    """

    def __init__(
        self,
        session: Session,
        prepared: Prepared,
        statement: ast.Slice | ast.Construct,
        evaluator: Evaluator,
        made: Made,
    ) -> None:
        self._session = session
        self._prepared = prepared
        self._statement = statement
        self._evaluator = evaluator
        self._made = made

    def versions(self, row: Row) -> Iterator[Version]:
        """Yield the network of a row; none if it fails, or if the query is only explained."""
        if self._session.explaining:
            return
        variable = base_of(self._statement)
        actions = Actions(
            self._session,
            self._prepared,
            self._statement,
            self._evaluator,
            self._made.name,
            self._made.notes,
        )
        try:
            version = actions.done(variable, row)
        except DqlError as error:
            self._made.failures.append(Failure(row[variable], error))
        else:
            self._session.made(version)
            yield version
