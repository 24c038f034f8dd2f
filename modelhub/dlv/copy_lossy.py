"""Change the values of a version's snapshots by a lossy scheme, as new snapshots.

A changed file is the one it came from, byte for byte, but for its values and their checksums. Only
what holds values in another form (compressed or big-endian arrays of numpy) is written again. One
tensor at a time is in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from modelhub import containers, ids
from modelhub.containers import npz_rewrite, zip_checksums
from modelhub.containers.model import Parsed, Storage
from modelhub.dlv import lossy
from modelhub.dlv.bases import Bases
from modelhub.dlv.candidates import Candidates
from modelhub.dlv.compare import Meter
from modelhub.dlv.progress import Progress, counter
from modelhub.dlv.snapshots import StoredSnapshot
from modelhub.dlv.state import Repo
from modelhub.errors import BadInputError
from modelhub.fs import files
from modelhub.fs.files import InputFile, OutputFile
from modelhub.pas import tree as trees
from modelhub.pas.ingest import Ingested, ingest
from modelhub.pas.manifest import Manifest, Snapshot
from modelhub.pas.rewrite import RewrittenFile
from modelhub.pas.session import Session
from modelhub.pas.tree import Loss, Lossy, StoredFile, StoredStorage, Tree
from modelhub.tensors.arrays import Bytes, TensorSpec, from_bytes, to_bytes
from modelhub.tensors.schemes import DTYPES_LOSSY, Scheme, apply, components

__all__ = ["LossyContent", "change"]

Step = Callable[[int], None] | None


@dataclass(frozen=True, slots=True)
class LossyContent:
    """The manifest with changed snapshots and the label, and the snapshots as stored."""

    manifest: Manifest
    stored: tuple[StoredSnapshot, ...]


@dataclass(slots=True)
class _Changer:
    """Changes storages; remembers by the id of each what it lost and what it became."""

    scheme: Scheme
    names: dict[bytes, str] = field(default_factory=dict)
    losses: dict[bytes, Loss] = field(default_factory=dict)
    became: dict[bytes, bytes] = field(default_factory=dict)

    def __call__(self, storage: StoredStorage, data: Bytes) -> Bytes:
        """Return the new raw bytes: the same for the same storage."""
        if storage.dtype not in DTYPES_LOSSY:
            return data
        array = from_bytes(data, TensorSpec(storage.dtype, storage.shape))
        where = self.names.get(storage.id, "")
        done = apply(self.scheme, array, storage.dtype, storage.id, where)
        changed = to_bytes(done.array)
        if storage.id not in self.losses:
            meter = Meter()
            meter.add(components(array), components(done.array))
            found = meter.change()
            error, relative = float(found.max_abs or 0.0), found.relative_l2 or 0.0
            self.losses[storage.id] = Loss(done.bound, error, relative)
            self.became[storage.id] = ids.tensor_id(storage.dtype, storage.shape, changed)
        return changed

    def detached(self, storage: Storage, data: Bytes) -> Bytes:
        """Change the values of a storage that the store knows by its content alone."""
        object_id = ids.tensor_id(storage.dtype, storage.shape, data)
        return self(StoredStorage(object_id, storage.dtype, tuple(storage.shape)), data)


def change(
    repo: Repo,
    session: Session,
    source: bytes,
    scheme: Scheme,
    progress: Progress | None = None,
) -> LossyContent:
    """Store the snapshots of the version `source` with the scheme applied to each float tensor.

    Raises:
        BadInputError: there is no float tensor, a value is beyond the scheme, or a torch file
            holds values in a form that cannot be changed in place.
    """
    manifest = repo.manifest(source)
    found = {s.tree: trees.decode(repo.store.blob(s.tree)) for s in manifest.snapshots}
    storages = [storage for tree in found.values() for storage in tree.storages]
    if not any(storage.dtype in DTYPES_LOSSY for storage in storages):
        raise BadInputError(
            "no tensor has a dtype that schemes change",
            expected="one of " + ", ".join(sorted(DTYPES_LOSSY)),
            where=manifest.name,
        )
    changer = _Changer(scheme)
    step = counter(progress, sum(tree.logical_bytes for tree in found.values()))
    stored: dict[bytes, StoredSnapshot] = {}
    before: Tree | None = None
    # Not by content: a copy that stood on the exact version would keep it from being removed.
    candidates = Candidates(repo.catalog, by_content=False)
    bases = Bases(session, candidates, repo.config.recreation_max)
    for tree_id, tree in found.items():
        for tensor in reversed(tree.tensors):
            changer.names[tree.storages[tensor.storage].id] = tensor.name
        candidates.next_snapshot(before)
        before = _snapshot(repo, session, tree, changer, bases, step)
        stored[tree_id] = StoredSnapshot(session.add_object(ids.TREE, trees.encode(before)), before)
    snapshots = tuple(_relabelled(s, stored[s.tree]) for s in manifest.snapshots)
    label = lossy.metadata_of([snapshot.tree for snapshot in stored.values()], source)
    kept = {key: value for key, value in manifest.metadata.items() if not lossy.is_reserved(key)}
    changed = replace(manifest, snapshots=snapshots, metadata={**kept, **label})
    return LossyContent(changed, tuple(stored.values()))


def _relabelled(snapshot: Snapshot, stored: StoredSnapshot) -> Snapshot:
    return Snapshot(snapshot.label, stored.id, stored.tree.logical_bytes)


def _snapshot(
    repo: Repo,
    session: Session,
    tree: Tree,
    changer: _Changer,
    bases: Bases,
    step: Step,
) -> Tree:
    """Store the files of a snapshot anew; names, views and ties stay as they were."""
    made = []
    for file in tree.files:
        done = _file(repo, session, file, changer, bases, step)
        made.append(replace(file, size=done.size, sha256=done.sha256, recipe=done.recipe))
    storages = tuple(
        replace(storage, id=changer.became.get(storage.id, storage.id)) for storage in tree.storages
    )
    losses = tuple(changer.losses.get(storage.id) for storage in tree.storages)
    earlier = tree.lossy.schemes if tree.lossy is not None else ()
    told = Lossy((*earlier, str(changer.scheme)), losses)
    return Tree(tuple(made), storages, tree.tensors, told)


def _file(
    repo: Repo,
    session: Session,
    file: StoredFile,
    changer: _Changer,
    bases: Bases,
    step: Step,
) -> Ingested:
    def find(name: str, object_id: bytes, spec: TensorSpec, data: Bytes) -> bytes | None:
        prefixed = bases.find(f"{file.path}:{name}", object_id, spec, data)
        return prefixed or bases.find(name, object_id, spec, data)

    with RewrittenFile(repo.store, file, changer) as changed:
        parsed = containers.parse(changed, file.kind)
        if not any(s.offset is None and s.dtype in DTYPES_LOSSY for s in parsed.storages):
            _set_checksums(changed)
            return ingest(session, changed, parsed, find, step)
        if file.kind not in ("npz", "npy"):
            raise _unchangeable(file, parsed)
        path = repo.layout.temporary_path()
        try:
            with OutputFile(path) as out:
                npz_rewrite.rewrite(changed, parsed, _Sink(out), changer.detached)
                out.commit()
            with InputFile(path) as again:
                return ingest(session, again, containers.parse(again, file.kind), find, step)
        finally:
            if files.exists(path):
                files.remove(path)


def _set_checksums(changed: RewrittenFile) -> None:
    """Compute the checksums of what holds tensors, where the file is a zip archive.

    They stand before and behind the values, so these are changed once for them and once to store.
    """
    if not zip_checksums.is_zip(changed):
        return
    for found in zip_checksums.checksums(changed):
        if changed.holds_tensors(found.offset, found.size):
            data = zip_checksums.CHECKSUM.pack(changed.checksum(found.offset, found.size))
            for place in found.places:
                changed.patch(place, data)


def _unchangeable(file: StoredFile, parsed: Parsed) -> BadInputError:
    detached = {s.index for s in parsed.storages if s.offset is None and s.dtype in DTYPES_LOSSY}
    names = [tensor.name for tensor in parsed.tensors if tensor.storage in detached]
    return BadInputError(
        f"tensor {names[0]!r} does not lie in the file as it is (compressed, or a numpy array "
        "inside the pickle)",
        expected="values that can be changed in place",
        where=file.path,
        hint="check the version out with --format safetensors, commit that and copy it",
    )


@dataclass(frozen=True, slots=True)
class _Sink:
    """Makes an output file one that zipfile can write to, in order."""

    out: OutputFile

    def write(self, data: Any) -> int:
        """Append a buffer and return its length."""
        view = memoryview(data)
        self.out.write(view)
        return view.nbytes

    def flush(self) -> None:
        """Do nothing: the file is flushed when it takes its place."""
