"""Remove versions from the catalog; `gc` frees what no other version needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelhub.catalog import WriteTxn
from modelhub.dlv.annotate import annotate
from modelhub.dlv.resolve import format_rev, resolve
from modelhub.dlv.state import Repo

__all__ = ["RemoveResult", "remove"]


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
    with repo.writer_lock():
        found = {v.id: v for v in (resolve(repo, rev).version for rev in revs)}
        children = {}
        with repo.catalog.read() as txn:
            for version_id in found:
                for child_id in txn.children(version_id):
                    child = txn.version(child_id)
                    if child is not None and child_id not in found:
                        children[child_id] = format_rev(child)

        def write(txn: WriteTxn) -> None:
            for version_id in found:
                txn.remove_version(version_id)

        if not dry_run:
            # A removal is annotated, so that an index rebuilt from packs does not bring it back.
            annotate(repo, [(version_id, "removed", True) for version_id in found], write)
    removed = tuple(format_rev(version) for version in found.values())
    return RemoveResult(removed, tuple(sorted(children.values())))
