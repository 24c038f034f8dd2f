"""Free the room of what no version needs: packs left by crashes, and objects of removed versions.

Packs are immutable. A pack with dead objects is written anew without them; only after the catalog
names the new places does the old one go. Killed at any point, `gc` leaves every version readable.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from modelhub import _core
from modelhub.catalog.records import Location
from modelhub.dlv import record
from modelhub.dlv.state import Repo
from modelhub.fs import files
from modelhub.pas.reach import reachable
from modelhub.pas.scan import pack_names

__all__ = ["GRACE_SECONDS_DEFAULT", "GcResult", "gc"]

# Dead objects are freed at once: no writer can be at work while gc holds the lock, and a reader
# that finds a pack gone looks its object up again.
GRACE_SECONDS_DEFAULT = 0.0

# Packs below this size are merged when gc runs: a commit per snapshot makes many small ones, and
# each costs an open file.
SMALL_PACK_BYTES = 4 << 20
SMALL_PACKS_MIN = 8


@dataclass(frozen=True, slots=True)
class GcResult:
    """What was (or in a dry run: would be) freed, in bytes, and how."""

    freed_bytes: int
    live_bytes: int
    removed_packs: int
    rewritten_packs: int
    removed_objects: int
    kept_for_grace: int
    dry_run: bool


@dataclass(slots=True)
class _Pack:
    """A pack in the folder: its size, age, and which of its entries are live."""

    name: bytes
    size: int
    age_seconds: float
    live: list[int]
    dead: int
    dead_bytes: int


def gc(
    repo: Repo,
    *,
    dry_run: bool = False,
    grace_seconds: float = GRACE_SECONDS_DEFAULT,
    on_wait: Callable[[str], None] | None = None,
) -> GcResult:
    """Remove and rewrite packs older than the grace period.

    Raises:
        CorruptionError: something needed is damaged; then nothing is removed.
    """
    with repo.writer_lock(on_wait):
        with repo.catalog.read() as txn:
            versions = [version.id for version in txn.versions()]
            notes = {note.id for version in versions for note in txn.annotations(version)}
        live = reachable(repo.store, versions) | notes
        packs = [_look(repo, name, live) for name in pack_names(repo.layout)]
        old = [pack for pack in packs if pack.age_seconds >= grace_seconds]
        drop = [pack for pack in old if not pack.live]
        rewrite = [pack for pack in old if pack.live and pack.dead]
        small = [pack for pack in old if pack.live and pack.size < SMALL_PACK_BYTES]
        if len(small) >= SMALL_PACKS_MIN:
            rewrite += [pack for pack in small if not pack.dead]
        before = sum(pack.size for pack in packs)
        if dry_run:
            freed = sum(pack.size for pack in drop) + sum(pack.dead_bytes for pack in rewrite)
        else:
            _remove_leftovers(repo, grace_seconds)
            added = _rewrite(repo, rewrite, drop)
            freed = sum(pack.size for pack in drop + rewrite) - added
    return GcResult(
        freed_bytes=freed,
        live_bytes=before - freed,
        removed_packs=len(drop),
        rewritten_packs=len(rewrite),
        removed_objects=sum(pack.dead for pack in drop + rewrite),
        kept_for_grace=len(packs) - len(old),
        dry_run=dry_run,
    )


def _look(repo: Repo, name: bytes, live: set[bytes]) -> _Pack:
    """Split a pack's entries; one whose object is read from another pack is dead here."""
    path = repo.layout.pack_path(name.hex())
    stat = files.file_stat(path)
    pack = _Pack(name, stat.st_size, time.time() - stat.st_mtime, [], 0, 0)
    with _core.PackReader(str(path)) as reader, repo.catalog.read() as txn:
        for index in range(reader.count):
            entry = reader.entry(index)
            if entry.id in live and txn.location(entry.id) == Location(name, index):
                pack.live.append(index)
            else:
                pack.dead += 1
                pack.dead_bytes += entry.stored_bytes
    return pack


def _rewrite(repo: Repo, packs: list[_Pack], drop: list[_Pack]) -> int:
    """Copy what lives into new packs, move the records, remove the old packs; return new bytes."""
    with repo.session() as session:
        for pack in packs:
            with _core.PackReader(str(repo.layout.pack_path(pack.name.hex()))) as reader:
                for index in pack.live:
                    session.copy(reader, index)
        session.seal()
        gone: dict[bytes, list[bytes]] = defaultdict(list)
        with repo.catalog.write() as txn:
            for pack in packs + drop:
                for object_id in txn.objects_in_pack(pack.name):
                    if object_id not in session.places:
                        gone[pack.name].append(object_id)
            for object_ids in gone.values():
                txn.delete_locations(object_ids)
            record.put_places(txn, session.places)
        added = session.pack_bytes
        made = set(session.packs)
    repo.store.close()
    for pack in packs + drop:
        if pack.name not in made:
            files.remove(repo.layout.pack_path(pack.name.hex()))
    files.sync_dir(repo.layout.packs_dir)
    return added


def _remove_leftovers(repo: Repo, grace_seconds: float) -> None:
    """Remove packs that a killed writer had not finished; no other writer is at work now."""
    for entry in files.list_dir(repo.layout.packs_dir):
        path = repo.layout.packs_dir / entry
        if not path.name.endswith(".tmp"):
            continue
        if time.time() - files.file_stat(path).st_mtime >= grace_seconds:
            files.remove(path)
