"""Gather what is known of one version: a page of facts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from modelhub.catalog.records import AnnotationRecord, SnapshotRecord, TensorRecord, VersionRecord
from modelhub.dlv.architecture import Architecture, architecture
from modelhub.dlv.listing import Listed, Parent, listed, parent_of
from modelhub.dlv.lossy import LossyFacts, facts_of
from modelhub.dlv.networks import tree_of
from modelhub.dlv.resolve import resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.strips import TensorHeat, check_planes, tensor_heats
from modelhub.dlv.usage import held_bytes
from modelhub.net import summary
from modelhub.pas import tree as trees
from modelhub.pas.tree import Tree

__all__ = ["Description", "DtypeFacts", "FileFacts", "SnapshotFacts", "describe"]

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class DtypeFacts:
    """The tensors of one dtype in the snapshot described."""

    dtype: str
    tensors: int
    values: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """One snapshot; `same_as` is the label of an earlier one with the same content, or empty."""

    label: str
    id: bytes
    logical_bytes: int
    chosen: bool
    same_as: str


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file of the version: of the snapshot described, or associated (F)."""

    path: str
    size: int
    sha256: bytes
    associated: bool


@dataclass(frozen=True, slots=True)
class Description:
    """A version as people want to know it; sizes in bytes.

    `snapshot` is the label that dtypes, tensors and files are those of, empty without weights.
    `held_bytes` are the stored bytes of all that the version needs, shared or not. Metadata and
    series of a lossy copy are those of the exact version. `network` is the tree of modules that
    the names of the tensors tell, `architecture` what is known of the graph.
    """

    version: Listed
    children: tuple[str, ...]
    snapshot: str
    snapshots: tuple[SnapshotFacts, ...]
    network: tuple[summary.Line, ...]
    network_id: bytes
    dtypes: tuple[DtypeFacts, ...]
    tied: tuple[tuple[str, ...], ...]
    held_bytes: int
    files: tuple[FileFacts, ...]
    metadata: Mapping[str, Scalar]
    series: Mapping[str, list[tuple[float, float]]]
    annotations: tuple[AnnotationRecord, ...]
    lossy: LossyFacts | None
    architecture: Architecture
    heats: tuple[TensorHeat, ...] = ()

    @property
    def parents(self) -> tuple[Parent, ...]:
        """The versions it was made from."""
        return self.version.parents


def describe(
    repo: Repo,
    rev: str,
    *,
    sizes: Mapping[str, int] | None = None,
    strips: bool = False,
    planes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Description:
    """Return the facts of a version and of the snapshot that the revision names.

    Args:
        sizes: Numbers for free sizes of the network, in place of the default ones.
        strips: Read the tensors and reduce them to tables of heat.
        planes: For that, read only so many leading bytes of each value.

    Raises:
        NotFoundError: the revision does not exist.
        UsageError: `planes` is not positive.
    """
    check_planes(planes)
    found = resolve(repo, rev)
    version = found.version
    manifest = repo.manifest(version.id)
    records: list[TensorRecord] = []
    tree: Tree | None = None
    if found.snapshot is not None:
        tree = trees.decode(repo.store.blob(found.snapshot.tree))
    with repo.catalog.read() as txn:
        facts = listed(txn, version)
        children = [txn.version(child) for child in txn.children(version.id)]
        annotations = tuple(txn.annotations(version.id))
        label = facts.lossy
        source = "" if label is None else parent_of(txn, label.source).text
        if found.snapshot is not None:
            records = list(txn.tensors(found.snapshot.tree))
    present = sorted(
        (child for child in children if child is not None), key=lambda child: child.created_ns
    )
    return Description(
        version=facts,
        children=tuple(f"{child.name}@{child.sequence}" for child in present),
        snapshot="" if found.snapshot is None else found.snapshot.label,
        snapshots=_snapshots(version, found.snapshot),
        network=_network(repo, version),
        network_id=version.network,
        dtypes=_dtypes(records),
        tied=_tied(tree),
        held_bytes=held_bytes(repo, version),
        files=tuple(_files(tree, version)),
        metadata=dict(manifest.metadata),
        series=dict(manifest.series),
        annotations=annotations,
        lossy=None if label is None else facts_of(label, source, tree),
        architecture=architecture(repo, version, sizes),
        heats=tuple(tensor_heats(repo, records, planes, progress)) if strips else (),
    )


def _network(repo: Repo, version: VersionRecord) -> tuple[summary.Line, ...]:
    return tuple(summary.summarise(tree_of(repo, version))) if version.network else ()


def _snapshots(version: VersionRecord, chosen: SnapshotRecord | None) -> tuple[SnapshotFacts, ...]:
    first: dict[bytes, str] = {}
    facts = []
    for snapshot in version.snapshots:
        same_as = first.setdefault(snapshot.tree, snapshot.label)
        facts.append(
            SnapshotFacts(
                label=snapshot.label,
                id=snapshot.tree,
                logical_bytes=snapshot.logical_bytes,
                chosen=chosen is not None and snapshot.label == chosen.label,
                same_as="" if same_as == snapshot.label else same_as,
            )
        )
    return tuple(facts)


def _dtypes(records: Iterable[TensorRecord]) -> tuple[DtypeFacts, ...]:
    totals: dict[str, list[int]] = {}
    for record in records:
        total = totals.setdefault(record.dtype, [0, 0, 0])
        for index, part in enumerate((1, math.prod(record.shape), record.nbytes)):
            total[index] += part
    facts = [DtypeFacts(dtype, *total) for dtype, total in totals.items()]
    return tuple(sorted(facts, key=lambda fact: (-fact.nbytes, fact.dtype)))


def _tied(tree: Tree | None) -> tuple[tuple[str, ...], ...]:
    """Return groups of names on one storage of the file; not what is equal by chance."""
    names: dict[int, list[str]] = {}
    for tensor in () if tree is None else tree.tensors:
        names.setdefault(tensor.storage, []).append(tensor.name)
    return tuple(tuple(group) for group in names.values() if len(group) > 1)


def _files(tree: Tree | None, version: VersionRecord) -> Iterable[FileFacts]:
    for file in () if tree is None else tree.files:
        yield FileFacts(file.path, file.size, file.sha256, False)
    for record in version.files:
        yield FileFacts(record.path, record.size, record.sha256, True)
