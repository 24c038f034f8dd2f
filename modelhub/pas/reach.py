"""Find every object that a set of versions needs: manifests down to the bases of deltas."""

from __future__ import annotations

from collections.abc import Iterable

from modelhub.pas import manifest as manifests
from modelhub.pas import tree as trees
from modelhub.pas.rebuild import load_recipe
from modelhub.pas.store import Store

__all__ = ["reachable"]


class _Walk:
    """Collects objects; trees and recipes that versions share are read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.seen: set[bytes] = set()

    def version(self, version_id: bytes) -> None:
        """Visit a manifest and what it names."""
        if not self._first(version_id):
            return
        made = manifests.decode(self._store.blob(version_id))
        if made.network:
            self.seen.add(made.network)
        for snapshot in made.snapshots:
            self._tree(snapshot.tree)
        for file in made.files:
            self._recipe(file.recipe)

    def _first(self, object_id: bytes) -> bool:
        if object_id in self.seen:
            return False
        self.seen.add(object_id)
        return True

    def _tree(self, tree_id: bytes) -> None:
        if not self._first(tree_id):
            return
        tree = trees.decode(self._store.blob(tree_id))
        for storage in tree.storages:
            self._tensor(storage.id)
        for file in tree.files:
            self._recipe(file.recipe)

    def _recipe(self, recipe_id: bytes) -> None:
        if self._first(recipe_id):
            for object_id in load_recipe(self._store, recipe_id).object_ids:
                self._tensor(object_id)

    def _tensor(self, object_id: bytes) -> None:
        """Visit a tensor or blob and the bases it is a delta on."""
        wanted: bytes | None = object_id
        while wanted is not None and self._first(wanted):
            wanted = self._store.entry(wanted).base


def reachable(store: Store, versions: Iterable[bytes]) -> set[bytes]:
    """Return the ids of all objects needed to read the versions, bases of deltas included.

    Raises:
        CorruptionError: a manifest, tree or recipe is damaged.
        NotFoundError: an object is missing.
    """
    walk = _Walk(store)
    for version_id in versions:
        walk.version(version_id)
    return walk.seen
