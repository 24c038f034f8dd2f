"""Make a model version out of what is staged, or of arrays in memory.

Order: packs written and synced (files and folder), then one catalog transaction, synced, that
writes the records. A crash before it leaves garbage for `gc`; when `commit` has returned, the
version survives power loss.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelhub import ids
from modelhub.catalog.records import VersionRecord
from modelhub.dlv import archive, commit_network, metrics_log, network_sources, record, stage
from modelhub.dlv.bases import Bases
from modelhub.dlv.candidates import Candidates, related_trees
from modelhub.dlv.commit_network import NetworkFacts, Wish
from modelhub.dlv.lossy import LossyLabel, refuse_reserved
from modelhub.dlv.names import check_label, check_model_name, check_tag
from modelhub.dlv.resolve import default_snapshot, format_rev, resolve
from modelhub.dlv.snapshots import StoredSnapshot, read_specs, store_file, store_snapshot
from modelhub.dlv.sources import FileSource, Source, expand
from modelhub.dlv.state import Repo
from modelhub.errors import BadInputError, ConflictError, UsageError
from modelhub.pas import manifest as manifests
from modelhub.pas import tree as trees
from modelhub.pas.manifest import Annotation, Manifest, Scalar, Snapshot
from modelhub.pas.session import Session

__all__ = [
    "MAIN_LABEL",
    "CommitResult",
    "Content",
    "author_of",
    "commit",
    "commit_content",
    "finish",
]

# The label of the snapshot made of the staged weights, after those named with --snapshot.
MAIN_LABEL = "final"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class CommitResult:
    """A new version: its names, sizes in bytes, and what became of its tensors.

    `lossy` is its label where it is a lossy copy.
    """

    name: str
    version: int
    id: str
    logical_bytes: int
    stored_bytes: int
    snapshots: tuple[str, ...]
    parents: tuple[str, ...]
    tensors_new: int
    tensors_delta: int
    tensors_known: int
    seconds: float
    lossy: LossyLabel | None = None
    network: NetworkFacts = field(default_factory=NetworkFacts)


@dataclass(frozen=True, slots=True)
class Content:
    """What a version is made of: snapshots by label in order, associated files, M, N."""

    snapshots: Sequence[tuple[str, Sequence[Source]]]
    files: Sequence[FileSource] = ()
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    series: Mapping[str, list[tuple[float, float]]] = field(default_factory=dict)
    network: Wish = field(default_factory=Wish)

    @property
    def sources(self) -> list[Source]:
        """All sources, in the order in which they are read."""
        return [source for _, group in self.snapshots for source in group] + list(self.files)


def commit(
    repo: Repo,
    name: str,
    *,
    message: str = "",
    bases: Sequence[str] = (),
    metadata: Mapping[str, Scalar] | None = None,
    tag: str | None = None,
    snapshots: Sequence[tuple[str, Path]] = (),
    log: Path | None = None,
    network: Path | bool | None = None,
    progress: Progress | None = None,
    on_wait: Callable[[str], None] | None = None,
    on_import: Callable[[str], None] | None = None,
) -> CommitResult:
    """Commit the stage and the snapshots named; empties the stage.

    Args:
        network: A file or folder that the network is read from; False for none at all. Without it
            the network is imported from a staged model folder or inherited from the parent, as
            far as that works.

    Raises:
        UsageError: there is nothing to commit.
        BadInputError: a name, snapshot or log cannot be accepted.
        ConflictError: a staged file has changed since it was added.
        NotFoundError: a base does not exist.
    """
    staged = [stage.source_of(item) for item in stage.read(repo)]
    groups: list[tuple[str, Sequence[Source]]] = [
        (label, expand(path)) for label, path in snapshots
    ]
    weights = [source for source in staged if source.has_tensors]
    if weights:
        groups.append((MAIN_LABEL, weights))
    associated = [source for source in staged if not source.has_tensors]
    series: Mapping[str, list[tuple[float, float]]] = {}
    if log is not None:
        series = metrics_log.parse(log)
        taken = {source.path for source in associated}
        associated += [s for s in expand(log, as_file=True) if s.path not in taken]
    if not groups and not associated:
        raise UsageError(
            "there is nothing to commit",
            hint="stage files with `modelhub add PATH`, or name one with --snapshot LABEL=PATH",
        )
    found: dict[str, Scalar] = {}
    last = [source for _, group in groups[-1:] for source in group]
    for source in [*last, *staged]:
        found.update(source.metadata)
    found.update(metadata or {})
    sources = [*last, *staged]
    content = Content(groups, associated, found, series, network_sources.wish(network, sources))
    result = commit_content(
        repo,
        name,
        content,
        message=message,
        bases=bases,
        tag=tag,
        progress=progress,
        on_wait=on_wait,
        on_import=on_import,
    )
    stage.unstage(repo, [item.path for item in staged])
    return result


def commit_content(
    repo: Repo,
    name: str,
    content: Content,
    *,
    message: str = "",
    bases: Sequence[str] = (),
    tag: str | None = None,
    progress: Progress | None = None,
    on_wait: Callable[[str], None] | None = None,
    on_import: Callable[[str], None] | None = None,
) -> CommitResult:
    """Commit sources of any kind; see `commit` for the errors."""
    begun = time.monotonic()
    check_model_name(name)
    if tag is not None:
        check_tag(tag)
    _check_labels([label for label, _ in content.snapshots])
    refuse_reserved(content.metadata)
    draft = commit_network.draft(
        repo,
        content.network,
        lambda: read_specs(content.snapshots[-1][1]) if content.snapshots else {},
        _parents(repo, name, bases),
        on_import,
    )
    with repo.writer_lock(on_wait), repo.session() as session:
        parents = _parents(repo, name, bases)
        if tag is not None:
            _check_tag_free(repo, name, tag)
        step = _counter(content.sources, progress)
        candidates = _candidates(repo, name, parents)
        stored = _store_snapshots(repo, session, content, candidates, step)
        associated = tuple(store_file(session, source, step) for source in content.files)
        snapshots = tuple(
            Snapshot(label, snapshot.id, snapshot.tree.logical_bytes)
            for (label, _), snapshot in zip(content.snapshots, stored, strict=True)
        )
        network, facts = commit_network.store(repo, session, draft, stored, parents)
        made = Manifest(
            name=name,
            created_ns=time.time_ns(),
            author=author_of(repo),
            message=message,
            parents=tuple(parent.id for parent in parents),
            network=network,
            snapshots=snapshots,
            files=associated,
            metadata=dict(content.metadata),
            series=dict(content.series),
        )
        sequence, version_id = finish(repo, session, made, stored, tag)
        tally, stored_bytes = session.tally, session.pack_bytes
    archive.after_commit(repo, on_wait)
    return CommitResult(
        name=name,
        version=sequence,
        id=version_id.hex(),
        logical_bytes=record.logical_bytes(made),
        stored_bytes=stored_bytes,
        snapshots=tuple(snapshot.label for snapshot in snapshots),
        parents=tuple(format_rev(parent) for parent in parents),
        tensors_new=tally.whole,
        tensors_delta=tally.delta,
        tensors_known=tally.known,
        seconds=time.monotonic() - begun,
        network=facts,
    )


def _check_labels(labels: Sequence[str]) -> None:
    for label in labels:
        check_label(label)
        if labels.count(label) > 1:
            raise BadInputError(
                f"snapshot label {label!r} stands {labels.count(label)} times",
                expected=f"labels that differ (staged weights are labelled {MAIN_LABEL!r})",
                kind="duplicate_name",
            )


def _parents(repo: Repo, name: str, bases: Sequence[str]) -> list[VersionRecord]:
    """Return the bases named, else the newest version of the name, else none."""
    if bases:
        found = [resolve(repo, base).version for base in bases]
        return list({version.id: version for version in found}.values())
    with repo.catalog.read() as txn:
        newest = txn.latest(name)
    return [] if newest is None else [newest]


def _check_tag_free(repo: Repo, name: str, tag: str) -> None:
    with repo.catalog.read() as txn:
        taken = txn.tag(name, tag) is not None
    if taken:
        raise ConflictError(
            f"tag {tag!r} of {name} is taken",
            hint=f"choose another, or move it later with `modelhub tag --force {name} {tag}`",
        )


def _candidates(repo: Repo, name: str, parents: Sequence[VersionRecord]) -> Candidates:
    """Look for bases in each parent's default snapshot, in versions near it, and by content."""
    found = []
    with repo.catalog.read() as txn:
        for parent in parents:
            snapshot = default_snapshot(parent, txn.metadata(parent.id).get("best_snapshot"))
            if snapshot is not None:
                found.append(snapshot.tree)
        cousins = related_trees(txn, name, [parent.id for parent in parents])
    return Candidates(
        repo.catalog, [trees.decode(repo.store.blob(tree)) for tree in found], cousins
    )


def _counter(sources: Sequence[Source], progress: Progress | None) -> Callable[[int], None] | None:
    """Turn steps in bytes into calls of `progress(done, total)`."""
    if progress is None:
        return None
    total = sum(source.size for source in sources)
    done = 0

    def step(size: int) -> None:
        nonlocal done
        done += size
        progress(done, total)

    return step


def _store_snapshots(
    repo: Repo,
    session: Session,
    content: Content,
    candidates: Candidates,
    step: Callable[[int], None] | None,
) -> list[StoredSnapshot]:
    """Store the snapshots in order; each is the first place to look for bases of the next."""
    bases = Bases(session, candidates, repo.config.recreation_max)
    stored: list[StoredSnapshot] = []
    for _, sources in content.snapshots:
        candidates.next_snapshot(stored[-1].tree if stored else None)
        stored.append(store_snapshot(session, sources, bases, step))
    return stored


def author_of(repo: Repo) -> str:
    """Return who commits: the environment's word, the repository's, else user@host."""
    named = os.environ.get("MODELHUB_AUTHOR") or repo.config.author
    if named:
        return named
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        # A container may run under a user id that has no name.
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def finish(
    repo: Repo,
    session: Session,
    made: Manifest,
    stored: Sequence[StoredSnapshot],
    tag: str | None,
) -> tuple[int, bytes]:
    """Write manifest and annotations, sync the packs, then write the records in one transaction."""
    version_id = session.add_object(ids.MANIFEST, manifests.encode(made))
    with repo.catalog.read() as txn:
        sequence = txn.next_sequence(made.name)
    # So that an index rebuilt from packs alone finds the same numbers and tags again.
    notes = [Annotation(version_id, "sequence", sequence, made.created_ns)]
    if tag is not None:
        notes.append(Annotation(version_id, "tag", tag, made.created_ns))
    note_ids = [
        session.add_object(ids.ANNOTATION, manifests.encode_annotation(note)) for note in notes
    ]
    session.seal()
    with repo.catalog.write() as txn:
        record.put_places(txn, session.places)
        record.put_sketches(txn, session.sketches)
        for snapshot in stored:
            record.put_tree(txn, snapshot.id, snapshot.tree)
        record.put_version(txn, version_id, made, sequence, session.pack_bytes, session.store.blob)
        for note_id, note in zip(note_ids, notes, strict=True):
            record.put_annotation(txn, note_id, note)
        if tag is not None:
            txn.put_tag(made.name, tag, version_id)
    return sequence, version_id
