"""Free the room of what no version needs, or not any more.

That is packs left by crashes, objects of removed versions, and old copies of what was stored anew.
Packs are immutable. A pack with dead objects is written anew without them; only after the catalog
names the new places does the old one go, and before the next one is taken up, so that the room of
one pack is enough. Killed at any point, `gc` leaves every version readable.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modelhub import _core
from modelhub.catalog.records import Location
from modelhub.dlv import record
from modelhub.dlv.state import Repo
from modelhub.errors import RemoteError
from modelhub.fs import files
from modelhub.pas import leftovers, tiers
from modelhub.pas.reach import reachable
from modelhub.pas.scan import pack_names
from modelhub.pas.session import PACK_BYTES_MAX
from modelhub.pas.split import split_pack

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
    """What was (or in a dry run: would be) freed, in bytes, and how.

    Bytes are counted wherever they lie. `kept_for_tier` counts packs that would have been rewritten
    if their companions could be read.
    """

    freed_bytes: int
    live_bytes: int
    removed_packs: int
    rewritten_packs: int
    removed_objects: int
    kept_for_grace: int
    kept_for_tier: int
    dry_run: bool


@dataclass(slots=True)
class _Pack:
    """A pack in the folder: its size with its companion, age, and which of its entries are live.

    The age is counted from when it was written, or when the last of its entries was stored anew.
    """

    name: bytes
    size: int
    age_seconds: float
    live: list[int]
    live_bytes: int
    dead: int
    dead_bytes: int
    is_split: bool


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
        stuck = _stuck(repo, rewrite)
        rewrite = [pack for pack in rewrite if not (stuck and pack.is_split)]
        before = sum(pack.size for pack in packs)
        if dry_run:
            freed = sum(pack.size for pack in drop) + sum(pack.dead_bytes for pack in rewrite)
        else:
            _remove_leftovers(repo, grace_seconds)
            leftovers.note(repo.layout, repo.config.tier, _split_names(drop + rewrite))
            added = _rewrite(repo, rewrite, drop)
            freed = sum(pack.size for pack in drop + rewrite) - added
            leftovers.clean(repo.layout)
    return GcResult(
        freed_bytes=freed,
        live_bytes=before - freed,
        removed_packs=len(drop),
        rewritten_packs=len(rewrite),
        removed_objects=sum(pack.dead for pack in drop + rewrite),
        kept_for_grace=len(packs) - len(old),
        kept_for_tier=stuck,
        dry_run=dry_run,
    )


def _look(repo: Repo, name: bytes, live: set[bytes]) -> _Pack:
    """Split a pack's entries; one whose object is read from another pack is dead here."""
    path = repo.layout.pack_path(name.hex())
    stat = files.file_stat(path)
    pack = _Pack(name, stat.st_size, 0.0, [], 0, 0, 0, False)
    elsewhere: set[bytes] = set()
    with _core.PackReader(str(path)) as reader, repo.catalog.read() as txn:
        pack.size += reader.far_bytes
        pack.is_split = reader.is_split
        for index in range(reader.count):
            entry = reader.entry(index)
            place = txn.location(entry.id)
            if entry.id in live and place == Location(name, index):
                pack.live.append(index)
                pack.live_bytes += entry.stored_bytes
                continue
            pack.dead += 1
            pack.dead_bytes += entry.stored_bytes
            if entry.id in live and place is not None:
                elsewhere.add(place.pack)
    # The pack that an object moved to was written when it moved.
    written = [files.file_stat(repo.layout.pack_path(other.hex())).st_mtime for other in elsewhere]
    pack.age_seconds = time.time() - max([stat.st_mtime, *written])
    return pack


def _split_names(packs: list[_Pack]) -> list[bytes]:
    return [pack.name for pack in packs if pack.is_split]


def _stuck(repo: Repo, packs: list[_Pack]) -> int:
    """Return how many packs cannot be rewritten, for their companions are out of reach."""
    names = _split_names(packs)
    try:
        for name in names:
            repo.store.whole_reader(name)
    except RemoteError:
        return len(names)
    return 0


def _split_again(repo: Repo, names: list[bytes]) -> None:
    """Send low-order bytes of new packs where those of the old ones were, if that works now."""
    with contextlib.suppress(RemoteError):
        tier = repo.companions.tier()
        if not tiers.fault(tier):
            for name in names:
                split_pack(repo.layout, tier, name, repo.config.tier_planes)


def _batches(packs: list[_Pack]) -> Iterator[list[_Pack]]:
    """Yield packs to be written anew together: what lives in them fits one pack."""
    batch: list[_Pack] = []
    size = 0
    for pack in packs:
        if batch and size + pack.live_bytes > PACK_BYTES_MAX:
            yield batch
            batch, size = [], 0
        batch.append(pack)
        size += pack.live_bytes
    if batch:
        yield batch


def _rewrite(repo: Repo, packs: list[_Pack], drop: list[_Pack]) -> int:
    """Remove what is dead, then write the others anew batch by batch; return new bytes."""
    if drop:
        _replace(repo, [], drop)
    return sum(_replace(repo, batch, []) for batch in _batches(packs))


def _replace(repo: Repo, packs: list[_Pack], drop: list[_Pack]) -> int:
    """Copy what lives into new packs, move the records, remove the old packs; return new bytes."""
    with repo.session() as session:
        for pack in packs:
            reader = repo.store.whole_reader(pack.name)
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
    if any(pack.is_split for pack in packs):
        leftovers.note(repo.layout, repo.config.tier, list(made))
        _split_again(repo, sorted(made))
    for pack in packs + drop:
        if pack.name not in made:
            files.remove(repo.layout.pack_path(pack.name.hex()))
    files.sync_dir(repo.layout.packs_dir)
    return added


def _remove_leftovers(repo: Repo, grace_seconds: float) -> None:
    """Remove packs that a killed writer had not finished; no other writer is at work now."""
    folders = [repo.layout.packs_dir]
    if files.exists(repo.layout.cache_dir):
        folders.append(repo.layout.cache_dir)
    for folder in folders:
        for entry in files.list_dir(folder):
            path = folder / entry
            if not path.name.endswith(".tmp"):
                continue
            if time.time() - files.file_stat(path).st_mtime >= grace_seconds:
                files.remove(path)
