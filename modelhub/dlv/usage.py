"""Measure what versions take on disk: logical, stored, unique and shared bytes.

*Logical* bytes are those of the files as the user knows them. *Held* bytes are the stored bytes of
every object that a version needs, bases of its deltas included; *unique* ones are needed by no
other version and are what removing the version would free; *shared* are the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelhub.catalog.records import VersionRecord
from modelhub.dlv.resolve import format_rev
from modelhub.dlv.state import Repo
from modelhub.fs import files
from modelhub.pas.reach import reachable
from modelhub.pas.scan import pack_names

__all__ = ["Usage", "VersionUsage", "held_bytes", "usage"]


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
class Usage:
    """What a repository takes: pack files, catalog files, and each version's part."""

    logical_bytes: int
    stored_bytes: int
    catalog_bytes: int
    packs: int
    objects: int
    unneeded_bytes: int
    versions: tuple[VersionUsage, ...]


# The owner of an object that several versions need.
_SHARED = -1


def usage(repo: Repo) -> Usage:
    """Return what the repository takes; reads manifests, trees and recipes, but no weights."""
    with repo.catalog.read() as txn:
        versions = list(txn.versions())
        notes = {v.id: [note.id for note in txn.annotations(v.id)] for v in versions}
    owner: dict[bytes, int] = {}
    sizes: dict[bytes, int] = {}
    held: list[int] = []
    for index, version in enumerate(versions):
        needed = reachable(repo.store, [version.id]) | set(notes[version.id])
        for object_id in needed:
            if object_id in owner:
                owner[object_id] = _SHARED
            else:
                owner[object_id] = index
                sizes[object_id] = repo.store.entry(object_id).stored_bytes
        held.append(sum(sizes[object_id] for object_id in needed))
    unique = [0] * len(versions)
    for object_id, index in owner.items():
        if index != _SHARED:
            unique[index] += sizes[object_id]
    packs = pack_names(repo.layout)
    stored = sum(files.file_stat(repo.layout.pack_path(name.hex())).st_size for name in packs)
    return Usage(
        logical_bytes=sum(version.logical_bytes for version in versions),
        stored_bytes=stored,
        catalog_bytes=_catalog_bytes(repo),
        packs=len(packs),
        objects=len(owner),
        unneeded_bytes=_unneeded(repo, packs, owner),
        versions=tuple(
            _version_usage(version, held[index], unique[index])
            for index, version in enumerate(versions)
        ),
    )


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


def _unneeded(repo: Repo, packs: list[bytes], needed: dict[bytes, int]) -> int:
    """Return the stored bytes of objects that no version needs, which `gc` would free."""
    total = 0
    for name in packs:
        reader = repo.store.reader(name)
        for index in range(reader.count):
            entry = reader.entry(index)
            if entry.id not in needed:
                total += entry.stored_bytes
    return total
