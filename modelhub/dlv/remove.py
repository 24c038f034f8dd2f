"""Remove versions from the catalog; `gc` frees what no other version needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from modelhub.catalog import WriteTxn
from modelhub.dlv.annotate import annotate
from modelhub.dlv.resolve import format_rev, resolve
from modelhub.dlv.state import Repo

__all__ = ["RemoveResult", "children_left", "remove", "remove_ids"]


@dataclass(frozen=True, slots=True)
class RemoveResult:
    """The versions removed, and those left whose lineage names a removed one."""

    removed: tuple[str, ...]
    children: tuple[str, ...]


def remove(repo: Repo, revs: Sequence[str], *, dry_run: bool = False) -> RemoveResult:
    """Remove versions; deltas on their tensors stay readable, since `gc` keeps every base in use.

    Raises:
        NotFoundError: a revision does not exist; then nothing is removed.
    """
    if dry_run:
        return _result(repo, revs)[0]
    with repo.writer_lock():
        result, found = _result(repo, revs)
        remove_ids(repo, found)
    return result


def _result(repo: Repo, revs: Sequence[str]) -> tuple[RemoveResult, list[bytes]]:
    found = {v.id: v for v in (resolve(repo, rev).version for rev in revs)}
    removed = tuple(format_rev(version) for version in found.values())
    return RemoveResult(removed, children_left(repo, found)), list(found)


def children_left(repo: Repo, version_ids: Collection[bytes]) -> tuple[str, ...]:
    """Return the other versions that were made from any of these, as revisions, sorted."""
    children = {}
    with repo.catalog.read() as txn:
        for version_id in version_ids:
            for child_id in txn.children(version_id):
                if child_id in version_ids or child_id in children:
                    continue
                child = txn.version(child_id)
                if child is not None:
                    children[child_id] = child
    ordered = sorted(children.values(), key=lambda child: (child.name, child.sequence))
    return tuple(format_rev(child) for child in ordered)


def remove_ids(repo: Repo, version_ids: Collection[bytes]) -> None:
    """Remove versions by id, all or none; the writer's lock must be held."""

    def write(txn: WriteTxn) -> None:
        for version_id in version_ids:
            txn.remove_version(version_id)

    # A removal is annotated, so that an index rebuilt from packs does not bring it back.
    annotate(repo, [(version_id, "removed", True) for version_id in version_ids], write)
