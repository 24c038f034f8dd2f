"""Keep what a query found: derived models as versions, the query itself by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelhub.dlv.commit import commit_content
from modelhub.dlv.memory import GivenNetwork, content_of
from modelhub.dlv.names import check_model_name, check_query_name
from modelhub.dlv.resolve import format_rev
from modelhub.dlv.state import Repo
from modelhub.errors import ConflictError, UsageError
from modelhub.query import saved
from modelhub.query.derived import DerivedVersion
from modelhub.query.run import Answer

__all__ = ["METADATA_QUERY", "METADATA_SEED", "save_answer"]

# What a version made by a query says of it.
METADATA_QUERY = "derived.query"
METADATA_SEED = "derived.seed"


def save_answer(repo: Repo, answer: Answer, text: str, name: str, seed: int) -> Answer:
    """Save a query, and commit the models that it made; return the answer with their revisions.

    Derived models become versions of one name, in the order of the rows. Each has all the versions
    that it comes from as parents, and notes the query and the seed in its metadata.

    Args:
        name: What to save under; empty: the name that the query gives by `as`.

    Raises:
        UsageError: there is no name, or nothing of this kind to save.
        BadInputError: kind `bad_name`.
        ConflictError: there are versions of the name that a `select` should be saved under.
    """
    chosen = name or answer.name
    if not chosen:
        raise UsageError(
            "no name to save under", expected='`as "name"` in the query, or a name to save'
        )
    check_query_name(chosen)
    committed: list[str] = []
    if answer.kind in ("slice", "construct"):
        check_model_name(chosen)
        for row in answer.rows:
            made = row[0]
            assert isinstance(made, DerivedVersion)
            committed.append(_commit(repo, made, chosen, text, seed))
    else:
        _check_free(repo, chosen)
    saved.write(repo.layout, chosen, text)
    return replace(answer, saved_query=chosen, committed=tuple(committed))


def _check_free(repo: Repo, name: str) -> None:
    with repo.catalog.read() as txn:
        taken = txn.latest(name) is not None
    if taken:
        raise ConflictError(
            f"there are versions called {name!r}",
            expected="another name for a query, since the name stands for them",
        )


def _commit(repo: Repo, made: DerivedVersion, name: str, text: str, seed: int) -> str:
    metadata: Mapping[str, Any] = {METADATA_QUERY: text.strip(), METADATA_SEED: seed}
    content = content_of(made.weights(seed), {}, (), metadata, {}, GivenNetwork(made.graph))
    sources = [format_rev(each.record) for each in made.stored_sources()]
    result = commit_content(
        repo, name, content, message=f"made of {', '.join(sources)} by a query", bases=sources
    )
    return f"{result.name}@{result.version}"
