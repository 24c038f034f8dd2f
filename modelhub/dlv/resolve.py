"""Find the version and snapshot that a revision names: NAME[@VERSION][#SNAPSHOT]."""

from __future__ import annotations

from dataclasses import dataclass

from modelhub.catalog import ReadTxn
from modelhub.catalog.records import SnapshotRecord, VersionRecord
from modelhub.dlv.names import is_id_prefix, is_sequence
from modelhub.dlv.state import Repo
from modelhub.errors import ConflictError, NotFoundError, UsageError

__all__ = ["Resolved", "default_snapshot", "format_rev", "resolve"]

# How many candidates an ambiguous id prefix names.
_CANDIDATES_MAX = 5


@dataclass(frozen=True, slots=True)
class Resolved:
    """A version, and the snapshot meant (None where the version has none)."""

    version: VersionRecord
    snapshot: SnapshotRecord | None


def format_rev(version: VersionRecord) -> str:
    """Return the short revision of a version, such as `lenet@3`."""
    return f"{version.name}@{version.sequence}"


def resolve(repo: Repo, text: str) -> Resolved:
    """Find what a revision names.

    Raises:
        UsageError: the text is not a revision.
        NotFoundError: no such model, version, tag or snapshot.
        ConflictError: an id prefix fits several versions.
    """
    rest, _, label = text.partition("#")
    name, _, version_text = rest.partition("@")
    if not name or rest.endswith("@") or text.endswith("#"):
        raise UsageError(
            f"{text!r} is not a revision",
            expected="NAME[@VERSION][#SNAPSHOT], such as lenet, lenet@2 or lenet@2#best",
        )
    with repo.catalog.read() as txn:
        version = _version(txn, name, version_text)
        metadata = txn.metadata(version.id)
    return Resolved(version, _snapshot(version, label, metadata.get("best_snapshot")))


def _version(txn: ReadTxn, name: str, text: str) -> VersionRecord:
    found: VersionRecord | None
    if not text:
        found = txn.latest(name)
        if found is None:
            raise NotFoundError(f"no model is named {name!r}", hint="run `modelhub list`")
        return found
    if is_sequence(text):
        found = txn.version_by_sequence(name, int(text))
    else:
        tagged = txn.tag(name, text)
        found = txn.version(tagged) if tagged is not None else None
        if found is None and is_id_prefix(text):
            found = _by_prefix(txn, name, text)
    if found is None:
        raise NotFoundError(f"no version {name}@{text}", hint=f"run `modelhub list {name}`")
    return found


def _by_prefix(txn: ReadTxn, name: str, prefix: str) -> VersionRecord | None:
    candidates = []
    for version_id in txn.ids_with_prefix(prefix):
        version = txn.version(version_id)
        if version is not None and version.name == name:
            candidates.append(version)
    if len(candidates) > 1:
        named = ", ".join(version.id.hex()[:16] for version in candidates[:_CANDIDATES_MAX])
        raise ConflictError(
            f"id prefix {prefix} fits {len(candidates)} versions of {name}",
            expected=f"more digits: {named}",
        )
    return candidates[0] if candidates else None


def default_snapshot(version: VersionRecord, best: object) -> SnapshotRecord | None:
    """Return the snapshot labelled `best`, or named by metadata `best_snapshot`, else the last."""
    for wanted in ("best", best):
        for snapshot in version.snapshots:
            if snapshot.label == wanted:
                return snapshot
    return version.snapshots[-1] if version.snapshots else None


def _snapshot(version: VersionRecord, label: str, best: object) -> SnapshotRecord | None:
    """Pick by label, then by the words `best` and `last`, then by index from 0.

    A label wins over an index because training steps make natural labels (`#100`).
    """
    if not label:
        return default_snapshot(version, best)
    for snapshot in version.snapshots:
        if snapshot.label == label:
            return snapshot
    chosen = None
    if label == "best":
        chosen = next((s for s in version.snapshots if s.label == best), None)
    elif label == "last" and version.snapshots:
        chosen = version.snapshots[-1]
    elif is_sequence(label) and int(label) < len(version.snapshots):
        chosen = version.snapshots[int(label)]
    if chosen is None:
        labels = ", ".join(snapshot.label for snapshot in version.snapshots) or "none"
        raise NotFoundError(
            f"no snapshot {format_rev(version)}#{label}", expected=f"one of: {labels}"
        )
    return chosen
