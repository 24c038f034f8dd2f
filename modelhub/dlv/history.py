"""Follow a version back to where it came from."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from modelhub.dlv.listing import Listed, listed
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo

__all__ = ["History", "history"]


@dataclass(frozen=True, slots=True)
class History:
    """A version and its ancestors, newest first; ids of ancestors that have been removed.

    `more` says that the history goes on behind the limit.
    """

    entries: tuple[Listed, ...]
    removed: tuple[bytes, ...]
    more: bool


def history(repo: Repo, rev: str, limit: int | None = None) -> History:
    """Return the history of a version over all its parents, at most `limit` entries.

    Raises:
        NotFoundError: the revision does not exist.
    """
    start = resolve(repo, rev).version
    entries: list[Listed] = []
    removed: list[bytes] = []
    with repo.catalog.read() as txn:
        seen = {start.id}
        heap = [(-start.created_ns, start.id)]
        while heap and (limit is None or len(entries) < limit):
            _, version_id = heapq.heappop(heap)
            version = txn.version(version_id)
            if version is None:
                removed.append(version_id)
                continue
            entries.append(listed(txn, version))
            for parent_id in version.parents:
                if parent_id not in seen:
                    seen.add(parent_id)
                    parent = txn.version(parent_id)
                    when = version.created_ns if parent is None else parent.created_ns
                    heapq.heappush(heap, (-when, parent_id))
    return History(tuple(entries), tuple(removed), bool(heap))
