"""Answer queries from Python: lists of versions, or of rows with named columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from modelhub.catalog.records import VersionRecord
from modelhub.dlv.state import Repo
from modelhub.errors import UsageError
from modelhub.query.backend import RepoBackend
from modelhub.query.derived import Derived, DerivedVersion
from modelhub.query.run import answer, opened
from modelhub.query.save import save_answer
from modelhub.query.versions import StoredVersion

__all__ = ["Rows", "query"]


class Rows(list[tuple[Any, ...]]):
    """Rows of a query as tuples; `columns` are the names of their values.

    Attributes:
        columns: The names of the columns, as they were written or by `as`.
        plan: How the rows were found, line by line, where `explain` asked for it.
        notes: What there is to know of how they were found.
    """

    def __init__(
        self,
        rows: Iterable[tuple[Any, ...]],
        columns: tuple[str, ...] = (),
        plan: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(rows)
        self.columns = columns
        self.plan = plan
        self.notes = notes


def query(
    repo: Repo,
    text: str,
    parameters: Mapping[str, Any],
    face: Callable[[VersionRecord], Any],
    *,
    save: bool | str = False,
    seed: int = 0,
    explain: bool = False,
) -> list[Any]:
    """Run a query and return versions, or rows.

    Args:
        face: Makes what the caller shows of a stored version.
        save: Save the query and commit derived models, under this name or the query's own.
        seed: What fresh weights of derived models are made by.
        explain: Return `Rows` with a `plan`, whatever the columns are.

    Returns:
        A list of versions or `Derived` models if there is one column of them, else `Rows`. Saved
        models come back as the stored versions that they are now.

    Raises:
        QueryError: the query cannot be run as it is written.
    """
    with opened(repo) as backend:
        given = {name: _given(backend, value) for name, value in parameters.items()}
        found = answer(backend, text, given, explain=explain)
    if save:
        found = save_answer(repo, found, text, save if isinstance(save, str) else "", seed)
    rows = [tuple(_shown(value, face, seed) for value in row) for row in found.rows]
    if found.committed:
        rows = [(face(_stored(repo, rev)),) for rev in found.committed]
    if found.is_versions and not explain:
        return [row[0] for row in rows]
    return Rows(rows, found.columns, found.plan, found.notes)


def _stored(repo: Repo, rev: str) -> VersionRecord:
    name, _, sequence = rev.rpartition("@")
    with repo.catalog.read() as txn:
        record = txn.version_by_sequence(name, int(sequence))
    assert record is not None
    return record


def _given(backend: RepoBackend, value: Any) -> Any:
    """Return a parameter as the language takes it: versions of Python's face as its own."""
    if isinstance(value, list | tuple):
        return [_given(backend, item) for item in value]
    if isinstance(value, Derived):
        return value.known
    record = getattr(value, "record", None)
    if isinstance(record, VersionRecord):
        found = backend.version(record.id.hex())
        if found is None:
            raise UsageError(f"a version as parameter that is not in this repository: {value!r}")
        return found
    item = getattr(value, "item", None)
    return item() if callable(item) else value


def _shown(value: Any, face: Callable[[VersionRecord], Any], seed: int) -> Any:
    if isinstance(value, StoredVersion):
        return face(value.record)
    if isinstance(value, DerivedVersion):
        return Derived(value, seed)
    if isinstance(value, list):
        return [_shown(item, face, seed) for item in value]
    return value
