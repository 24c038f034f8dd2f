"""Measure what versions, tensors and packs take on disk.

*Logical* bytes are those of the files as the user knows them. *Held* bytes are the stored bytes of
every object that a version needs, bases of its deltas included; *unique* ones are needed by no
other version and are what removing the version would free; *shared* are the rest. In a pack, *live*
bytes belong to objects that some version needs, *dead* ones to objects that none does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from modelhub.catalog.records import VersionRecord
from modelhub.dlv.inventory import Inventory, take_inventory
from modelhub.dlv.resolve import format_rev
from modelhub.dlv.state import Repo
from modelhub.fs import files
from modelhub.pas.reach import reachable

__all__ = ["PackUsage", "Usage", "VersionUsage", "held_bytes", "pack_usage", "usage", "usage_of"]


@dataclass(frozen=True, slots=True)
class VersionUsage:
    """What one version takes, in bytes."""

    name: str
    version: int
    rev: str
    id: bytes
    logical_bytes: int
    held_bytes: int
    unique_bytes: int

    @property
    def shared_bytes(self) -> int:
        """Bytes that other versions need too."""
        return self.held_bytes - self.unique_bytes


@dataclass(frozen=True, slots=True)
class PackUsage:
    """A pack file; `versions` is how many need something in it.

    Of an object that stands in two packs, the entry that is not read counts as dead. What `size`
    and `far_bytes`, which lie in a tier, have beyond live and dead bytes are headers and the
    pack's index.
    """

    name: bytes
    size: int
    far_bytes: int
    modified_ns: int
    age_seconds: float
    entries: int
    dead_entries: int
    live_bytes: int
    dead_bytes: int
    versions: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a repository takes: pack files, catalog files, and each version's part.

    `far_bytes` lie in a tier, besides the stored bytes.
    """

    logical_bytes: int
    stored_bytes: int
    far_bytes: int
    catalog_bytes: int
    packs: int
    objects: int
    unneeded_bytes: int
    versions: tuple[VersionUsage, ...]


def usage(repo: Repo) -> Usage:
    """Return what the repository takes; see `take_inventory` for what that reads and raises."""
    return usage_of(take_inventory(repo))


def usage_of(stock: Inventory) -> Usage:
    """Return what the repository takes that an inventory was taken of."""
    packs = pack_usage(stock)
    return Usage(
        logical_bytes=sum(version.logical_bytes for version in stock.versions),
        stored_bytes=sum(pack.size for pack in packs),
        far_bytes=sum(pack.far_bytes for pack in packs),
        catalog_bytes=_catalog_bytes(stock.repo),
        packs=len(packs),
        objects=int(np.count_nonzero(stock.users)),
        unneeded_bytes=sum(pack.dead_bytes for pack in packs),
        versions=tuple(
            _version_usage(version, stock.held[index], stock.unique[index])
            for index, version in enumerate(stock.versions)
        ),
    )


def pack_usage(stock: Inventory) -> list[PackUsage]:
    """Return the packs, largest first."""
    now = time.time_ns()
    count = len(stock.packs)
    live = stock.users > 0
    # As floats, bincount's sums are exact up to 2**53 bytes.
    live_bytes = np.bincount(stock.pack_of[live], stock.stored[live], minlength=count)
    dead_bytes = np.bincount(stock.pack_of[~live], stock.stored[~live], minlength=count)
    dead = np.bincount(stock.pack_of[~live], minlength=count)
    found = [
        PackUsage(
            name=pack.name,
            size=pack.size,
            far_bytes=pack.far_bytes,
            modified_ns=pack.modified_ns,
            age_seconds=max(now - pack.modified_ns, 0) / 1e9,
            entries=pack.entries,
            dead_entries=int(dead[index]) + pack.extra,
            live_bytes=int(live_bytes[index]),
            dead_bytes=int(dead_bytes[index]) + pack.extra_bytes,
            versions=int(stock.pack_users[index]),
        )
        for index, pack in enumerate(stock.packs)
    ]
    return sorted(found, key=lambda pack: (-pack.size, pack.name))


def held_bytes(repo: Repo, version: VersionRecord) -> int:
    """Return the stored bytes of all objects that a version needs."""
    with repo.catalog.read() as txn:
        notes = {note.id for note in txn.annotations(version.id)}
    needed = reachable(repo.store, [version.id]) | notes
    return sum(repo.store.entry(object_id).stored_bytes for object_id in needed)


def _version_usage(version: VersionRecord, held: int, unique: int) -> VersionUsage:
    return VersionUsage(
        name=version.name,
        version=version.sequence,
        rev=format_rev(version),
        id=version.id,
        logical_bytes=version.logical_bytes,
        held_bytes=held,
        unique_bytes=unique,
    )


def _catalog_bytes(repo: Repo) -> int:
    """Return the bytes that the catalog's files take on disk; LMDB's map is sparse, its size not.

    Blocks are counted, 512 bytes each as POSIX has it.
    """
    total = 0
    for name in files.list_dir(repo.layout.catalog_dir):
        stat = files.file_stat(repo.layout.catalog_dir / name)
        total += min(stat.st_blocks * 512, stat.st_size)
    return total
