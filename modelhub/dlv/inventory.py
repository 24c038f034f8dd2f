"""Take stock of a repository: every stored object once, and which of them each version needs.

An *inventory* numbers the objects in the order of the packs and keeps what is known of them in
arrays, so that questions about thousands of versions cost no walk each: a tree or recipe is read
once, and chains are followed for all objects of a tree together. No weights are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modelhub import _core, ids
from modelhub.catalog.records import Location, VersionRecord
from modelhub.dlv.state import Repo
from modelhub.errors import CorruptionError, ModelHubError
from modelhub.fs import files
from modelhub.pas import tree as trees
from modelhub.pas.rebuild import load_recipe
from modelhub.pas.scan import pack_names

__all__ = ["Inventory", "Numbers", "StockedPack", "TreeNames", "take_inventory"]

Numbers = npt.NDArray[np.int64]

_ALONE = -1
_MISSING = -2

# Far longer than any chain that a writer makes: what goes on beyond it runs in a circle.
_CHAIN_MAX = 4096

# Somebody may commit or collect meanwhile; then what was read does not fit together. A repository
# in which this happens every time is measured as well as can be.
_TRIES = 3


@dataclass(slots=True)
class StockedPack:
    """A pack file: its size, its time in nanoseconds since 1970, its entries.

    Of an object that stands in several packs one entry counts; `extra` and `extra_bytes` are the
    others. `far_bytes` of the pack lie in a tier, not in the file.
    """

    name: bytes
    size: int
    modified_ns: int
    entries: int
    far_bytes: int = 0
    extra: int = 0
    extra_bytes: int = 0


@dataclass(frozen=True, slots=True)
class TreeNames:
    """The tensors of a tree by name, and the number of the object that each looks at."""

    names: tuple[str, ...]
    numbers: Numbers


class Inventory:
    """The objects of a repository by number: kinds, stored bytes, bases, packs, users.

    Attributes:
        stored: Stored bytes, an entry's record included.
        read: The bytes among them that are read for the values of an object, without its bases.
        bases: The number of the object that one is a delta on; negative where it stands alone.
        users: How many versions need an object, be it as a base.
        held: By version, the stored bytes of all that it needs.
        unique: By version, the stored bytes of what no other version needs.
    """

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        with repo.catalog.read() as txn:
            self.versions: tuple[VersionRecord, ...] = tuple(txn.versions())
            self._notes = [[note.id for note in txn.annotations(v.id)] for v in self.versions]
        self.packs: list[StockedPack] = []
        self.ids: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        self._base_ids: dict[int, bytes] = {}
        # Kind, stored bytes, bytes of values among them, pack.
        self._facts: list[tuple[int, int, int, int]] = []
        for name in pack_names(repo.layout):
            self._scan(name)
        facts = np.array(self._facts, np.int64).reshape(-1, 4)
        self._facts.clear()
        self.kinds, self.stored, self.read, self.pack_of = np.ascontiguousarray(facts.T)
        self.bases = np.full(len(self.ids), _ALONE, np.int64)
        for number, base in self._base_ids.items():
            self.bases[number] = self._numbers.get(base, _MISSING)
        self.names_of_tree: dict[bytes, TreeNames] = {}
        self._trees: dict[bytes, Numbers] = {}
        self._recipes: dict[bytes, Numbers] = {}
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._count()

    def needs(self, index: int) -> Numbers:
        """Return the numbers of all objects that a version needs, sorted, bases included."""
        version = self.versions[index]
        own = [version.id, *self._notes[index]]
        if version.network:
            own.append(version.network)
        parts = [self._of(own)]
        parts += [self._tree(snapshot.tree) for snapshot in version.snapshots]
        if version.files:
            parts.append(self._closed([self._recipe(file.recipe) for file in version.files]))
        return np.unique(np.concatenate(parts))

    def bytes_only_for(self, indices: Iterable[int]) -> int:
        """Return the stored bytes of what none but these versions need."""
        theirs = np.zeros(len(self.ids), np.int64)
        for index in indices:
            theirs[self.needs(index)] += 1
        return int(self.stored[(theirs > 0) & (theirs == self.users)].sum())

    def entry(self, number: int) -> _core.Entry:
        """Return what an object's pack says of it."""
        return self.repo.store.entry(self.ids[number])

    def along_chains(self, values: Numbers) -> Numbers:
        """Return for each object the sum of a value over its chain, itself included."""
        total, base = values.copy(), self.bases.copy()
        for _ in range(_CHAIN_MAX):
            on = np.flatnonzero(base >= 0)
            if not on.size:
                break
            total[on] += values[base[on]]
            base[on] = self.bases[base[on]]
        return total

    def _scan(self, name: bytes) -> None:
        stat = files.file_stat(self.repo.layout.pack_path(name.hex()))
        reader = self.repo.store.reader(name)
        place = len(self.packs)
        self.packs.append(
            StockedPack(name, stat.st_size, stat.st_mtime_ns, reader.count, reader.far_bytes)
        )
        all_ids = reader.ids()
        for index in range(reader.count):
            entry = reader.entry(index)
            object_id = all_ids[index * ids.ID_BYTES : (index + 1) * ids.ID_BYTES]
            facts = (entry.kind, entry.stored_bytes, sum(entry.segment_bytes), place)
            number = self._numbers.setdefault(object_id, len(self.ids))
            if number == len(self.ids):
                self.ids.append(object_id)
                self._facts.append(facts)
            elif self._is_read_at(object_id, Location(name, index)):
                self._set_aside(self._facts[number])
                self._facts[number] = facts
                self._base_ids.pop(number, None)
            else:
                self._set_aside(facts)
                continue
            if entry.base is not None:
                self._base_ids[number] = entry.base

    def _is_read_at(self, object_id: bytes, location: Location) -> bool:
        with self.repo.catalog.read() as txn:
            return txn.location(object_id) == location

    def _set_aside(self, facts: tuple[int, int, int, int]) -> None:
        _, stored, _, pack = facts
        self.packs[pack].extra += 1
        self.packs[pack].extra_bytes += stored

    def _of(self, object_ids: Iterable[bytes]) -> Numbers:
        found = [self._numbers.get(object_id, _MISSING) for object_id in object_ids]
        if _MISSING in found:
            self._miss(list(object_ids)[found.index(_MISSING)])
        return np.array(found, np.int64)

    def _miss(self, object_id: bytes) -> None:
        """Raise what reading an object would raise that no pack holds."""
        self.repo.store.entry(object_id)
        raise CorruptionError(
            "an object came while packs were looked at",
            where=f"object {object_id.hex()}",
            hint="run the command again",
        )

    def _closed(self, parts: list[Numbers]) -> Numbers:
        """Return objects together with the bases that their chains go through."""
        found = [np.unique(np.concatenate(parts))]
        while True:
            bases = self.bases[found[-1]]
            if (bases == _MISSING).any():
                self._miss(self._base_ids[int(found[-1][np.flatnonzero(bases == _MISSING)[0]])])
            bases = np.unique(bases[bases >= 0])
            if not bases.size:
                return np.unique(np.concatenate(found))
            if len(found) > _CHAIN_MAX:
                raise CorruptionError(
                    f"a chain of more than {_CHAIN_MAX} deltas",
                    where=f"object {self.ids[int(bases[0])].hex()}",
                    hint="run `modelhub fsck`",
                )
            found.append(bases)

    def _tree(self, tree_id: bytes) -> Numbers:
        known = self._trees.get(tree_id)
        if known is None:
            tree = trees.decode(self.repo.store.blob(tree_id))
            storages = self._of([storage.id for storage in tree.storages])
            names = tuple(tensor.name for tensor in tree.tensors)
            at = storages[[tensor.storage for tensor in tree.tensors]] if names else storages[:0]
            # Versions of one model have the same names, which are kept once.
            self.names_of_tree[tree_id] = TreeNames(self._names.setdefault(names, names), at)
            parts = [self._of([tree_id]), storages]
            parts += [self._recipe(file.recipe) for file in tree.files]
            known = self._trees[tree_id] = self._closed(parts)
        return known

    def _recipe(self, recipe_id: bytes) -> Numbers:
        """Return a recipe and the objects it refers to, without their bases."""
        known = self._recipes.get(recipe_id)
        if known is None:
            used = load_recipe(self.repo.store, recipe_id).object_ids
            known = self._recipes[recipe_id] = self._of([recipe_id, *used])
        return known

    def _count(self) -> None:
        """Find the users of every object and of every pack, and each version's bytes."""
        self.users = np.zeros(len(self.ids), np.int64)
        self.pack_users = np.zeros(len(self.packs), np.int64)
        self.held: list[int] = []
        owner = np.zeros(len(self.ids), np.int64)
        for index in range(len(self.versions)):
            needed = self.needs(index)
            self.users[needed] += 1
            self.pack_users[np.unique(self.pack_of[needed])] += 1
            owner[needed] = index
            self.held.append(int(self.stored[needed].sum()))
        alone = np.flatnonzero(self.users == 1)
        unique = np.zeros(len(self.versions), np.int64)
        np.add.at(unique, owner[alone], self.stored[alone])
        self.unique: list[int] = unique.tolist()


def take_inventory(repo: Repo) -> Inventory:
    """Return the inventory; reads trees and recipes, the index of each pack, and no weights.

    Raises:
        CorruptionError: a pack, tree or recipe is damaged.
        NotFoundError: an object that a version needs is missing.
    """
    for attempt in range(_TRIES):
        before = _state(repo)
        try:
            found = Inventory(repo)
        except ModelHubError:
            if _state(repo) == before or attempt == _TRIES - 1:
                raise
            continue
        if _state(repo) == before:
            break
    return found


def _state(repo: Repo) -> int:
    with repo.catalog.read() as txn:
        return txn.number
