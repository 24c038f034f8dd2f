"""List model versions, by name pattern, and arrange them by lineage."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelhub.catalog import ReadTxn
from modelhub.catalog.records import VersionRecord
from modelhub.dlv.evaluations import TOP1
from modelhub.dlv.lossy import LossyLabel, label_of
from modelhub.dlv.resolve import default_snapshot, format_rev
from modelhub.dlv.state import Repo

__all__ = [
    "Forest",
    "Listed",
    "Parent",
    "forest",
    "headline",
    "listed",
    "listing",
    "matching",
    "parent_of",
    "tags_by_version",
]

Scalar = str | int | float | bool

# What people look at first, best known first; compared with the last part of a metadata key.
_HEADLINES = (
    "accuracy", "acc", "top1", "f1", "auc", "map", "bleu", "rouge", "spearman", "pearson",
    "perplexity", "ppl", "loss", "error",
)  # fmt: skip
# Of several such keys, one measured on held-out data tells more.
_HELD_OUT = ("test", "val", "eval", "dev")


@dataclass(frozen=True, slots=True)
class Parent:
    """A parent of a version: its revision, or only its id where it has been removed."""

    id: bytes
    rev: str

    @property
    def text(self) -> str:
        """The revision, or what is left to say of a removed version."""
        return self.rev or f"{self.id.hex()[:12]} (removed)"


@dataclass(frozen=True, slots=True)
class Listed:
    """A version in a list; `tensors` and `values` are those of its best (else last) snapshot.

    `metric` is the headline of the metadata, else what `eval` found last. Of a lossy copy it is
    only the latter: what its metadata says was measured of the exact weights.
    """

    id: bytes
    name: str
    version: int
    rev: str
    created_ns: int
    author: str
    message: str
    parents: tuple[Parent, ...]
    snapshots: tuple[str, ...]
    tensors: int
    values: int
    files: int
    logical_bytes: int
    stored_bytes: int
    tags: tuple[str, ...]
    metric: tuple[str, float] | None
    lossy: LossyLabel | None


@dataclass(frozen=True, slots=True)
class Forest:
    """Versions by lineage: each has one parent here, the first of its own that is shown."""

    roots: tuple[bytes, ...]
    children: Mapping[bytes, tuple[bytes, ...]]
    versions: Mapping[bytes, Listed]
    matched: frozenset[bytes]


def listing(repo: Repo, pattern: str | None = None) -> tuple[Listed, ...]:
    """Return the versions whose name fits a pattern, by name and number.

    Args:
        pattern: A glob (`*`, `?`, `[...]`) on the name or, with `@` in it, on NAME@NUMBER or
            NAME@TAG; None fits all.
    """
    with repo.catalog.read() as txn:
        counts: dict[bytes, tuple[int, int]] = {}
        tags = tags_by_version(txn)
        return tuple(
            _listed(txn, version, tags.get(version.id, ()), counts)
            for version in matching(txn, pattern, tags)
        )


def matching(
    txn: ReadTxn,
    pattern: str | None = None,
    tags: Mapping[bytes, tuple[str, ...]] | None = None,
) -> list[VersionRecord]:
    """Return the records of the versions that fit a pattern of `listing`, by name and number.

    Args:
        tags: What `tags_by_version` returns, if the caller has it.
    """
    if tags is None:
        tags = tags_by_version(txn)
    return [v for v in txn.versions() if _fits(v, tags.get(v.id, ()), pattern)]


def tags_by_version(txn: ReadTxn) -> dict[bytes, tuple[str, ...]]:
    """Return the tags of each version that has some, sorted."""
    found: dict[bytes, list[str]] = {}
    for name in txn.names():
        for tag, version_id in txn.tags(name).items():
            found.setdefault(version_id, []).append(tag)
    return {version_id: tuple(sorted(tags)) for version_id, tags in found.items()}


def listed(txn: ReadTxn, version: VersionRecord) -> Listed:
    """Return what a list says of one version."""
    return _listed(txn, version, _tags(txn, version), {})


def forest(repo: Repo, pattern: str | None = None) -> Forest:
    """Return the versions that fit a pattern together with their ancestors and descendants."""
    versions = {version.id: version for version in listing(repo)}
    matched = {v.id for v in listing(repo, pattern)} if pattern else set(versions)
    below: dict[bytes, list[bytes]] = {version_id: [] for version_id in versions}
    for version in versions.values():
        for parent in version.parents:
            if parent.id in versions:
                below[parent.id].append(version.id)
    above = {v.id: [p.id for p in v.parents if p.id in versions] for v in versions.values()}
    shown = _closure(matched, above) | _closure(matched, below)
    chosen: dict[bytes, bytes] = {}
    for version_id in shown:
        # A descendant's other parents may be outside what is shown.
        first = next((parent for parent in above[version_id] if parent in shown), None)
        if first is not None:
            chosen[version_id] = first

    def by_time(ids: Iterable[bytes]) -> tuple[bytes, ...]:
        return tuple(sorted(ids, key=lambda v: (versions[v].created_ns, versions[v].rev)))

    children: dict[bytes, list[bytes]] = {}
    for version_id, parent_id in chosen.items():
        children.setdefault(parent_id, []).append(version_id)
    return Forest(
        roots=by_time(version_id for version_id in shown if version_id not in chosen),
        children={parent_id: by_time(ids) for parent_id, ids in children.items()},
        versions={version_id: versions[version_id] for version_id in shown},
        matched=frozenset(matched),
    )


def headline(metadata: Mapping[str, Scalar]) -> tuple[str, float] | None:
    """Return the metric that a list shows, as (key, value): a known name, held-out data first."""
    best: tuple[int, int, str, float] | None = None
    for key, value in metadata.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        words = key.lower().replace("/", ".").replace("-", "_").replace("_", ".").split(".")
        known = next((i for i, word in enumerate(_HEADLINES) if word in words), None)
        # What a file brought along (config.*, safetensors.*) are settings, not results.
        if known is None or words[0] == "config" or not math.isfinite(value):
            continue
        held_out = 0 if any(word in words for word in _HELD_OUT) else 1
        candidate = (known, held_out, key, float(value))
        if best is None or candidate < best:
            best = candidate
    return None if best is None else best[2:]


def _listed(
    txn: ReadTxn,
    version: VersionRecord,
    tags: tuple[str, ...],
    counts: dict[bytes, tuple[int, int]],
) -> Listed:
    metadata = txn.metadata(version.id)
    lossy = label_of(metadata)
    snapshot = default_snapshot(version, metadata.get("best_snapshot"))
    metric = None if lossy is not None else headline(metadata)
    if metric is None:
        found = txn.one_series(version.id, TOP1)
        metric = None if found is None else (TOP1, found[2])
    tensors, values = 0, 0
    if snapshot is not None:
        if snapshot.tree not in counts:
            counts[snapshot.tree] = _count(txn, snapshot.tree)
        tensors, values = counts[snapshot.tree]
    return Listed(
        id=version.id,
        name=version.name,
        version=version.sequence,
        rev=format_rev(version),
        created_ns=version.created_ns,
        author=version.author,
        message=version.message,
        parents=tuple(parent_of(txn, parent) for parent in version.parents),
        snapshots=tuple(snapshot.label for snapshot in version.snapshots),
        tensors=tensors,
        values=values,
        files=len(version.files),
        logical_bytes=version.logical_bytes,
        stored_bytes=version.stored_bytes,
        tags=tags,
        metric=metric,
        lossy=lossy,
    )


def parent_of(txn: ReadTxn, version_id: bytes) -> Parent:
    """Return a parent by its id, removed or not."""
    version = txn.version(version_id)
    return Parent(version_id, "" if version is None else format_rev(version))


def _count(txn: ReadTxn, tree: bytes) -> tuple[int, int]:
    """Return the named tensors of a snapshot and their values, by name, tied or not."""
    sizes = [math.prod(record.shape) for record in txn.tensors(tree)]
    return len(sizes), sum(sizes)


def _tags(txn: ReadTxn, version: VersionRecord) -> tuple[str, ...]:
    return tuple(sorted(tag for tag, of in txn.tags(version.name).items() if of == version.id))


def _fits(version: VersionRecord, tags: tuple[str, ...], pattern: str | None) -> bool:
    if pattern is None:
        return True
    if "@" not in pattern:
        return fnmatch.fnmatchcase(version.name, pattern)
    texts = [format_rev(version), *(f"{version.name}@{tag}" for tag in tags)]
    return any(fnmatch.fnmatchcase(text, pattern) for text in texts)


def _closure(start: set[bytes], edges: Mapping[bytes, list[bytes]]) -> set[bytes]:
    seen = set(start)
    stack = list(start)
    while stack:
        for other in edges[stack.pop()]:
            if other not in seen:
                seen.add(other)
                stack.append(other)
    return seen
