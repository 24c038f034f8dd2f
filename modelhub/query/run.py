"""Run a query over a repository and say what it found, in one consistent view."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dql
from dql import ast
from dql.execute import Failure, run
from modelhub.dlv.indexing import fill
from modelhub.dlv.state import Repo
from modelhub.query.backend import RepoBackend
from modelhub.query.errors import QueryError, query_errors
from modelhub.query.values import is_version, named, plain_of
from modelhub.query.versions import StoredVersion

__all__ = ["Answer", "answer", "opened"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query found.

    Attributes:
        kind: `select`, `slice`, `construct`, `evaluate` or `explain`.
        columns: The names of the columns.
        rows: As many values each, as `plain_of` returns them.
        is_versions: Whether the rows are versions, in one column.
        ran: Whether it was run; `explain` alone does not.
        plan: The steps in words, if they were asked for.
        steps: The same for programs.
        notes: What the reader should know of how the answer was found.
        name: What `as` calls the result; empty without it.
        saved_query: The name under which the query was saved; empty if it was not.
        committed: The revisions that the derived models were committed as, one for each row.
    """

    kind: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    is_versions: bool
    ran: bool = True
    plan: tuple[str, ...] = ()
    steps: Any = None
    notes: tuple[str, ...] = ()
    name: str = ""
    saved_query: str = ""
    committed: tuple[str, ...] = field(default=())


@contextlib.contextmanager
def opened(repo: Repo, on_fill: Callable[[str], None] | None = None) -> Iterator[RepoBackend]:
    """Begin a view of a repository to run queries over; its indexes are filled in if need be.

    Args:
        on_fill: Told what takes long, where a repository of before there were indexes gets them.
    """
    with repo.catalog.read() as txn:
        complete = txn.indexes_complete()
    if not complete and not repo.catalog.readonly:
        if on_fill is not None:
            on_fill("indexing all versions for queries, which is done once")
        fill(repo)
    with repo.catalog.read() as txn:
        yield RepoBackend(repo, txn)


def answer(
    backend: RepoBackend, text: str, parameters: Mapping[str, Any], *, explain: bool = False
) -> Answer:
    """Run a query.

    Args:
        parameters: The values of `:name`.
        explain: Tell the plan too.

    Raises:
        QueryError: the query cannot be read, or cannot be run as it is written.
    """
    with query_errors():
        found = run(text, backend, parameters=parameters, explain=explain)
    ran = found.kind != "explain"
    if ran and found.failures and not found.rows:
        raise _all_failed(found.failures)
    rows = [tuple(plain_of(value) for value in row) for row in found.rows] if ran else []
    # Read while the view lasts; rows are shown, and saved, after it.
    backend.read_records({version.id: version for version in _stored(rows)}.values())
    return Answer(
        kind=found.kind,
        columns=found.names if ran else (),
        rows=rows,
        is_versions=ran and _are_versions(text, rows),
        ran=ran,
        plan=() if ran else tuple(found.plan.to_text().splitlines()),
        steps=None if ran else found.plan,
        notes=(*found.notes, *_failed(found.failures), *_notes(backend, text, ran=ran)),
        name=found.saved_as or "",
    )


def _are_versions(text: str, rows: Sequence[tuple[Any, ...]]) -> bool:
    """Say whether the answer is one column of versions; where no row tells, the query does."""
    if rows:
        return len(rows[0]) == 1 and all(is_version(row[0]) for row in rows)
    statement = dql.parse(text).statement
    if not isinstance(statement, ast.Select):
        return True
    return len(statement.items) == 1 and isinstance(statement.items[0].value, ast.Variable)


def _stored(value: Any) -> Iterator[StoredVersion]:
    if isinstance(value, StoredVersion):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _stored(item)


def _all_failed(failures: Sequence[Failure]) -> QueryError:
    """Return the error of a query that could make nothing: the first, and of how many it is one."""
    first = failures[0]
    count = len(failures)
    where = named(first.version) + (f" (and of {count - 1} more)" if count > 1 else "")
    error = first.error
    return QueryError(
        dql.DqlError(
            f"Of {where} nothing could be made: {error.message}",
            source=error.source,
            line=error.line,
            column=error.column,
            others=error.others,
        )
    )


def _failed(failures: Sequence[Failure]) -> list[str]:
    return [f"nothing was made of {named(each.version)}: {each.error.message}" for each in failures]


def _notes(backend: RepoBackend, text: str, *, ran: bool) -> list[str]:
    """Say what of the repository the answer lacks, or what made it slow."""
    notes = []
    if not backend.indexed:
        notes.append(
            "the repository cannot be written to and lacks indexes: all versions were read"
        )
    if ran and backend.without_edges and _asks_edges(dql.parse(text)):
        some = sorted(backend.without_edges)
        more = f" and {len(some) - 3} more" if len(some) > 3 else ""
        notes.append(
            f"{', '.join(some[:3])}{more}: committed as weights alone, so that no edges are known; "
            "what is asked of them is unknown there, neither true nor false"
        )
    return notes


def _asks_edges(query: ast.Query) -> bool:
    return any(
        isinstance(each, ast.Hop)
        or (isinstance(each, ast.Has) and len(each.pattern.steps) > 1)
        or (isinstance(each, ast.Attribute) and each.name in ("input", "output"))
        for each in ast.walk(query)
    )
