"""Store tensors in the layout that is read by prefixes of few bits, or in the ordinary one again.

In the *progressive* layout a tensor stands alone, as a fixed entry (docs/formats/pack.md): the bits
of its values are cut into many segments, so that few of them tell all values up to a small error.
It stays so until the *ordinary* layout is asked for; what stands on it need not change.

As in any archive run, tensors are written into packs that are sealed, synced and read back before
one transaction moves their places. What is written stands alone, so no chain can become a circle.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modelhub import _core, ids
from modelhub.catalog.records import SnapshotRecord
from modelhub.dlv import record
from modelhub.dlv.resolve import format_rev, resolve
from modelhub.dlv.state import Repo
from modelhub.errors import UsageError
from modelhub.pas import tree as trees
from modelhub.pas.repack import verify_rewritten
from modelhub.pas.session import Session
from modelhub.pas.store import Place
from modelhub.tensors.arrays import TensorSpec, from_bytes
from modelhub.tensors.dtypes import by_code

__all__ = ["LAYOUTS", "LayoutResult", "store_as"]

LAYOUTS = ("progressive", "ordinary")
# What the writer takes into the progressive layout; docs/formats/pack.md, *How the writer chooses*.
_DTYPES = frozenset({"float16", "bfloat16", "float32"})
_VALUES_MIN = 256

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class LayoutResult:
    """What was (or in a dry run: would be) stored in another layout.

    Args:
        snapshots: Those looked at, as `NAME@VERSION#LABEL`.
        tensors: Stored tensors that they have, equal ones counted once.
        moved: Those stored anew.
        known: Those that were in that layout already.
        unfit: Those that the progressive layout is not for: of other dtypes, tiny, with values that
            are not finite, or longer by it.
        storage_before: Bytes of all these tensors, records included, as they were stored.
        storage_cost: The same as they are stored now, or would be.
        written_bytes: Of the packs written; 0 in a dry run.
    """

    layout: str
    dry_run: bool
    snapshots: tuple[str, ...]
    tensors: int
    moved: int
    known: int
    unfit: int
    storage_before: int
    storage_cost: int
    written_bytes: int
    seconds: float


@dataclass(slots=True)
class _Tally:
    moved: int = 0
    storage_change: int = 0
    written_bytes: int = 0


def store_as(
    repo: Repo,
    layout: str,
    revs: Sequence[str] = (),
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> LayoutResult:
    """Store the tensors of some snapshots in a layout; what is in it already stays as it is.

    Every version stays readable all the time. Old copies stay in their packs until `gc` removes
    them. Killed at any point nothing is lost; run again, it goes on.

    Args:
        layout: One of `LAYOUTS`.
        revs: Versions, of which every snapshot is meant unless one is named; all without any.
        dry_run: Only say what would be done: each tensor is coded in a folder for temporary files
            and thrown away.
        progress: Told of raw bytes done, and of all.

    Raises:
        UsageError: there is no such layout.
        NotFoundError: a revision does not exist.
        CorruptionError: a tensor cannot be read; what was moved before stays moved.
    """
    if layout not in LAYOUTS:
        raise UsageError(f"{layout!r}", expected=f"one of {', '.join(LAYOUTS)}")
    begun = time.monotonic()
    with contextlib.nullcontext() if dry_run else repo.writer_lock(on_wait):
        snapshots = _snapshots(repo, revs)
        entries = _tensors(repo, snapshots.values())
        known = [e for e in entries.values() if e.is_fixed == (layout == "progressive")]
        known_ids = {entry.id for entry in known}
        todo = [e for e in entries.values() if e.id not in known_ids and _fits(e, layout)]
        report = _counted(progress, sum(entry.raw_bytes for entry in todo))
        run = _try if dry_run else _move
        tally = run(repo, layout, todo, report)
    before = sum(entry.stored_bytes for entry in entries.values())
    return LayoutResult(
        layout=layout,
        dry_run=dry_run,
        snapshots=tuple(snapshots),
        tensors=len(entries),
        moved=tally.moved,
        known=len(known),
        unfit=len(entries) - len(known) - tally.moved,
        storage_before=before,
        storage_cost=before + tally.storage_change,
        written_bytes=tally.written_bytes,
        seconds=time.monotonic() - begun,
    )


def _snapshots(repo: Repo, revs: Sequence[str]) -> dict[str, SnapshotRecord]:
    found: dict[str, SnapshotRecord] = {}
    if revs:
        for rev in revs:
            meant = resolve(repo, rev)
            label = meant.snapshot.label if "#" in rev and meant.snapshot is not None else None
            for snapshot in meant.version.snapshots:
                if label in (None, snapshot.label):
                    found[f"{format_rev(meant.version)}#{snapshot.label}"] = snapshot
        return found
    with repo.catalog.read() as txn:
        for version in txn.versions():
            for snapshot in version.snapshots:
                found[f"{format_rev(version)}#{snapshot.label}"] = snapshot
    return found


def _tensors(repo: Repo, snapshots: Iterable[SnapshotRecord]) -> dict[bytes, _core.Entry]:
    """Return the entries of the tensors of some snapshots, each once."""
    found: dict[bytes, _core.Entry] = {}
    for tree_id in dict.fromkeys(snapshot.tree for snapshot in snapshots):
        for storage in trees.decode(repo.store.blob(tree_id)).storages:
            if storage.id not in found:
                entry = repo.store.entry(storage.id)
                if entry.kind == ids.TENSOR:
                    found[storage.id] = entry
    return found


def _fits(entry: _core.Entry, layout: str) -> bool:
    """Say whether the writer may take a tensor, as far as that can be seen from outside."""
    enough = entry.raw_bytes >= _VALUES_MIN * entry.width
    return layout == "ordinary" or (by_code(entry.dtype_code).name in _DTYPES and enough)


def _spec(entry: _core.Entry) -> TensorSpec:
    return TensorSpec(by_code(entry.dtype_code).name, tuple(entry.shape))


def _counted(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def report(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(done, total)

    return report


def _write(repo: Repo, session: Session, layout: str, entry: _core.Entry) -> bool:
    """Store a tensor anew; return False without that if the layout is not for its values."""
    data = repo.store.read(entry.id).data
    spec = _spec(entry)
    # Looked at here too, lest it is written in vain.
    if layout == "progressive" and not np.isfinite(from_bytes(data, spec)).all():
        return False
    session.rewrite_tensor(entry.id, spec, data, None, layout)
    return True


def _move(
    repo: Repo, layout: str, todo: Sequence[_core.Entry], report: Callable[[int], None]
) -> _Tally:
    """Store tensors anew, with a transaction for each pack."""
    tally = _Tally()
    waiting = list(todo)[::-1]
    while waiting:
        written: dict[bytes, _core.Entry] = {}
        with repo.session() as session:
            while waiting and not session.full:
                entry = waiting.pop()
                if _write(repo, session, layout, entry):
                    written[entry.id] = entry
                report(entry.raw_bytes)
            session.seal()
            new = {object_id: session.store.entry(object_id) for object_id in written}
            # What turned out longer was written as before, perhaps longer than it is now.
            taken = [o for o, e in new.items() if e.is_fixed == (layout == "progressive")]
            verify_rewritten(session, {o: _spec(written[o]) for o in taken})
        if taken:
            _tell(repo, {object_id: session.places[object_id] for object_id in taken})
        elif session.packs:
            session.discard()
            continue
        tally.moved += len(taken)
        tally.storage_change += sum(new[o].stored_bytes - written[o].stored_bytes for o in taken)
        tally.written_bytes += session.pack_bytes
    return tally


def _tell(repo: Repo, places: Mapping[bytes, Place]) -> None:
    # Outside of the session, which takes back its packs when anything fails: from here on it cannot
    # be known whether the catalog names them.
    with repo.catalog.write() as txn:
        record.put_places(txn, places)


@dataclass(frozen=True, slots=True)
class _Scratch:
    """Where packs of a dry run lie for a moment."""

    folder: Path

    def pack_path(self, name: str) -> Path:
        return self.folder / name

    def temporary_pack_path(self) -> Path:
        return self.folder / "in-the-making"


def _try(
    repo: Repo, layout: str, todo: Sequence[_core.Entry], report: Callable[[int], None]
) -> _Tally:
    """Code tensors as `_move` does, one at a time, and keep nothing."""
    tally = _Tally()
    with tempfile.TemporaryDirectory(prefix="modelhub-") as folder:
        for entry in todo:
            with Session(
                _Scratch(Path(folder)), repo.locate, depth_max=0, threads=repo.config.threads
            ) as session:
                if _write(repo, session, layout, entry):
                    session.seal()
                    new = session.store.entry(entry.id)
                    if new.is_fixed == (layout == "progressive"):
                        tally.moved += 1
                        tally.storage_change += new.stored_bytes - entry.stored_bytes
                session.discard()
            report(entry.raw_bytes)
    return tally
