"""Tell `archive` what each snapshot reads, and which other snapshots its bases may come from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from modelhub.catalog.records import SnapshotRecord, VersionRecord
from modelhub.dlv.resolve import default_snapshot, format_rev
from modelhub.dlv.state import Repo
from modelhub.pas import tree as trees
from modelhub.pas.measure import Group
from modelhub.pas.rebuild import load_recipe
from modelhub.pas.tree import StoredFile, Tree

__all__ = ["SnapshotGroups", "collect"]

# Snapshots whose tensors are looked at for one of another: more are not among the nearest few.
_NEAR_MAX = 12
# Other children of the same parent that are looked at: the last ones made.
_SIBLINGS_MAX = 2


@dataclass(slots=True)
class SnapshotGroups:
    """The groups of a repository.

    Args:
        groups: What each snapshot reads; snapshots that read the same share one.
        revs: The snapshots of each group, as `NAME@VERSION#LABEL`, the oldest first.
        versions: The versions of each group.
        owners: The group and tensor name that an object came with first.
        parents: Groups that the one of a version's first snapshot was made from, for drawing.
    """

    groups: list[Group] = field(default_factory=list)
    revs: list[list[str]] = field(default_factory=list)
    versions: list[list[bytes]] = field(default_factory=list)
    owners: dict[bytes, tuple[int, str]] = field(default_factory=dict)
    parents: list[tuple[int, ...]] = field(default_factory=list)


@dataclass(slots=True)
class _Snapshots:
    """The snapshots of all versions, and the group of each."""

    versions: dict[bytes, VersionRecord]
    best: Mapping[bytes, object]
    number: dict[tuple[bytes, int], int] = field(default_factory=dict)

    def of(self, version: VersionRecord) -> list[int]:
        return [self.number[version.id, index] for index in range(len(version.snapshots))]

    def parents(self, version: VersionRecord) -> list[VersionRecord]:
        """Return the parents that are still there."""
        return [self.versions[p] for p in version.parents if p in self.versions]

    def like(self, version: VersionRecord, label: str) -> list[int]:
        """Return the snapshot of that label, then the best one, then the last."""
        if not version.snapshots:
            return []
        chosen = [s for s in version.snapshots if s.label == label]
        best = default_snapshot(version, self.best.get(version.id))
        chosen += [version.snapshots[-1]] if best is None else [best, version.snapshots[-1]]
        return [self.number[version.id, version.snapshots.index(s)] for s in chosen]


def collect(repo: Repo) -> SnapshotGroups:
    """Return what the snapshots of all versions read, in the order in which versions were made."""
    with repo.catalog.read() as txn:
        versions = {version.id: version for version in txn.by_time()}
        best = {v: txn.metadata(v).get("best_snapshot") for v in versions}
    snapshots = _Snapshots(versions, best)
    found = SnapshotGroups()
    read: dict[tuple[bytes, tuple[bytes, ...]], int] = {}
    for version in versions.values():
        for index, snapshot in enumerate(version.snapshots):
            files = [StoredFile(f.path, f.size, f.sha256, f.recipe) for f in version.files]
            key = (snapshot.tree, tuple(file.recipe for file in files))
            if key not in read:
                read[key] = len(found.groups)
                _add(repo, found, snapshot, files)
            number = read[key]
            found.revs[number].append(f"{format_rev(version)}#{snapshot.label}")
            found.versions[number].append(version.id)
            snapshots.number[version.id, index] = number
    _set_near(found, snapshots)
    return found


def _add(
    repo: Repo, found: SnapshotGroups, snapshot: SnapshotRecord, files: Sequence[StoredFile]
) -> None:
    tree = trees.decode(repo.store.blob(snapshot.tree))
    names: dict[str, bytes] = {}
    for tensor in tree.tensors:
        names[tensor.name] = tree.storages[tensor.storage].id
    number = len(found.groups)
    for name, object_id in names.items():
        found.owners.setdefault(object_id, (number, name))
    reads = _reads(repo, tree, files)
    for object_id in reads:
        found.owners.setdefault(object_id, (number, ""))
    found.groups.append(Group(reads, names))
    found.revs.append([])
    found.versions.append([])


def _reads(repo: Repo, tree: Tree, files: Sequence[StoredFile]) -> tuple[bytes, ...]:
    """Return the objects that a checkout reads, each as often as it does.

    Tensors that lie in no file as they are (in a compressed npz, say) count too: who asks for
    arrays reads them.
    """
    # As in a checkout, a file of the snapshot wins a path over an associated one.
    paths = {file.path: file for file in files} | {file.path: file for file in tree.files}
    reads: list[bytes] = []
    for file in paths.values():
        for step in load_recipe(repo.store, file.recipe).operations:
            object_id = getattr(step, "object_id", None)
            if object_id is not None:
                reads.append(object_id)
    there = set(reads)
    reads += dict.fromkeys(s.id for s in tree.storages if s.id not in there)
    return tuple(reads)


def _set_near(found: SnapshotGroups, snapshots: _Snapshots) -> None:
    """Name the groups in which the bases of each are looked for: lineage first.

    With those one and two steps away in both directions, any run of five can stand on its middle
    one, which is cheap to read and nearly as small as a chain.
    """
    children: dict[bytes, list[VersionRecord]] = defaultdict(list)
    for version in snapshots.versions.values():
        for parent in version.parents:
            children[parent].append(version)
    near: dict[int, dict[int, None]] = defaultdict(dict)
    parents: dict[int, dict[int, None]] = defaultdict(dict)
    for version in snapshots.versions.values():
        own = snapshots.of(version)
        above = snapshots.parents(version)
        older = [old for parent in above for old in snapshots.parents(parent)]
        below = children[version.id]
        younger = [young for child in below for young in children[child.id]]
        beside = [c for p in version.parents for c in children[p] if c.id != version.id]
        for index, (number, snapshot) in enumerate(zip(own, version.snapshots, strict=True)):
            label = snapshot.label
            before, after = own[:index][::-1], own[index + 1 :]
            up = [n for parent in above for n in snapshots.like(parent, label)]
            parents[number].update(dict.fromkeys(before[:1] or up[:1]))
            down = [n for child in below for n in _down(snapshots, child, label)]
            farther = [n for old in older for n in snapshots.like(old, label)[:1]]
            farther += [n for young in younger for n in _down(snapshots, young, label)[:1]]
            ends = [own[0], own[len(own) // 2], own[-1]]
            others = [n for c in beside for n in snapshots.like(c, label)[:1]]
            order = [*before[:1], *after[:1], *up, *down, *before[1:2], *after[1:2], *farther]
            near[number].update(dict.fromkeys([*order, *ends, *others[-_SIBLINGS_MAX:]]))
    found.groups = [
        Group(group.reads, group.names, _without(near[number], number))
        for number, group in enumerate(found.groups)
    ]
    found.parents = [_without(parents[number], number) for number in range(len(found.groups))]


def _down(snapshots: _Snapshots, child: VersionRecord, label: str) -> list[int]:
    """Return a child's snapshot of that label, or else its first one, which is the nearest."""
    own = snapshots.of(child)
    same = [n for n, s in zip(own, child.snapshots, strict=True) if s.label == label]
    return [*same, *own[:1]]


def _without(numbers: Iterable[int], own: int) -> tuple[int, ...]:
    return tuple(number for number in numbers if number != own)[:_NEAR_MAX]
