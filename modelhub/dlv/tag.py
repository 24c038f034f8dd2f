"""Name a version by a tag, or take the tag away."""

from __future__ import annotations

from dataclasses import dataclass

from modelhub.catalog import WriteTxn
from modelhub.dlv.annotate import annotate
from modelhub.dlv.names import check_tag
from modelhub.dlv.resolve import format_rev, resolve
from modelhub.dlv.state import Repo
from modelhub.errors import ConflictError, NotFoundError

__all__ = ["TagResult", "tag", "untag"]


@dataclass(frozen=True, slots=True)
class TagResult:
    """A tag, the version it names or named, and that version's id."""

    name: str
    tag: str
    rev: str
    id: str


def tag(repo: Repo, rev: str, name: str, *, force: bool = False) -> TagResult:
    """Tag a version, so that NAME@TAG names it.

    Raises:
        BadInputError: the tag reads as a number or an id, or has characters it may not have.
        ConflictError: the tag names another version and `force` is not given.
    """
    check_tag(name)
    with repo.writer_lock():
        version = resolve(repo, rev).version
        with repo.catalog.read() as txn:
            taken = txn.tag(version.name, name)
            other = txn.version(taken) if taken is not None else None
        if other is not None and other.id != version.id and not force:
            raise ConflictError(
                f"tag {name!r} names {format_rev(other)}", hint="move it with --force"
            )

        def write(txn: WriteTxn) -> None:
            if other is not None:
                txn.delete_tag(version.name, name)
            txn.put_tag(version.name, name, version.id)

        if other is None or other.id != version.id:
            annotate(repo, [(version.id, "tag", name)], write)
    return TagResult(version.name, name, format_rev(version), version.id.hex())


def untag(repo: Repo, model: str, name: str) -> TagResult:
    """Take a tag away from a model.

    Raises:
        NotFoundError: the model has no such tag.
    """
    with repo.writer_lock():
        with repo.catalog.read() as txn:
            tagged = txn.tag(model, name)
            version = txn.version(tagged) if tagged is not None else None
        if tagged is None or version is None:
            raise NotFoundError(f"{model} has no tag {name!r}", hint="run `modelhub list`")

        def write(txn: WriteTxn) -> None:
            txn.delete_tag(model, name)

        annotate(repo, [(tagged, "untag", name)], write)
    return TagResult(model, name, format_rev(version), version.id.hex())
