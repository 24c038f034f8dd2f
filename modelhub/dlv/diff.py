"""Compare model versions: structure first, then the values of each tensor that both sides have.

The first revision is the *left* side of every comparison. Tensors with equal ids are equal and are
not read; the others are read in blocks of rows, so that memory stays bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from modelhub.catalog.records import TensorRecord
from modelhub.dlv.architecture import Architecture, architecture
from modelhub.dlv.compare import Change, Meter
from modelhub.dlv.heat import Heat
from modelhub.dlv.lossy import LossyLabel, label_of
from modelhub.dlv.resolve import Resolved, format_rev, resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.strips import STRIPS_MAX, check_planes, row_blocks
from modelhub.dlv.weights import (
    entries,
    matching,
    read_counted,
    read_leading_pair,
    reads_prefix,
)
from modelhub.errors import NotFoundError, UsageError
from modelhub.net.align import Alignment, align
from modelhub.pas import tree as trees
from modelhub.pas.retrieve import ReadArray
from modelhub.tensors.dtypes import by_name

__all__ = [
    "Comparison",
    "Diff",
    "FileChange",
    "HeatPair",
    "MetadataChange",
    "TensorChange",
    "Totals",
    "Version",
    "diff",
]

Scalar = str | int | float | bool
Progress = Callable[[int, int], None]
Cells = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class HeatPair:
    """Tables of one tensor on both sides and of right - left: root mean squares of the cells."""

    left: Cells
    right: Cells
    apart: Cells


@dataclass(frozen=True, slots=True)
class TensorChange:
    """A tensor that both sides have, with its dtype and shape on each.

    `change` is None where the tensors are equal without looking, or cannot be measured because
    their shapes differ. With `planes` it is that of the leading bytes alone; then tensors whose
    ids differ are never `equal`, whatever those bytes say.
    """

    name: str
    left_dtype: str
    right_dtype: str
    left_shape: tuple[int, ...]
    right_shape: tuple[int, ...]
    equal: bool
    change: Change | None
    planes: int | None = None
    heat: HeatPair | None = None

    @property
    def reshaped(self) -> bool:
        """Whether the shapes differ."""
        return self.left_shape != self.right_shape

    @property
    def retyped(self) -> bool:
        """Whether the dtypes differ."""
        return self.left_dtype != self.right_dtype


@dataclass(frozen=True, slots=True)
class MetadataChange:
    """A metadata key whose value differs; None where a side lacks it."""

    key: str
    left: Scalar | None
    right: Scalar | None


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file whose content differs; a size is None where a side lacks the file."""

    path: str
    left_size: int | None
    right_size: int | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The tensors of both sides together; `change` covers those that were measured.

    `agreeing` are those whose leading bytes are equal, though their ids are not; the others that
    are not equal count as changed.
    """

    equal: int
    changed: int
    unmeasured: int
    change: Change
    agreeing: int = 0


@dataclass(frozen=True, slots=True)
class Version:
    """One side: its revision, what makes it lossy, its architecture, settings and metrics."""

    rev: str
    lossy: LossyLabel | None
    architecture: Architecture
    metadata: Mapping[str, Scalar]
    series: Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the right side differs from the left; a side that is a lossy copy has a label.

    `bytes_read` are the compressed bytes read from packs to measure the tensors of both sides.
    """

    left: str
    right: str
    left_lossy: LossyLabel | None
    right_lossy: LossyLabel | None
    added: tuple[TensorRecord, ...]
    removed: tuple[TensorRecord, ...]
    tensors: tuple[TensorChange, ...]
    metadata: tuple[MetadataChange, ...]
    files: tuple[FileChange, ...]
    totals: Totals
    alignment: Alignment
    bytes_read: int = 0

    @property
    def same(self) -> bool:
        """Whether nothing differs: network, tensors, metadata, files."""
        parts = (self.added, self.removed, self.metadata, self.files, not self.alignment.same)
        return not any(parts) and all(tensor.equal for tensor in self.tensors)


@dataclass(frozen=True, slots=True)
class Diff:
    """Comparisons of several versions with the first; `planes` None means exact.

    `versions` are the first one and those of the comparisons, in order.
    """

    comparisons: tuple[Comparison, ...]
    versions: tuple[Version, ...]
    planes: int | None = None


@dataclass(frozen=True, slots=True)
class _Side:
    version: Version
    tensors: Mapping[str, TensorRecord]
    files: Mapping[str, tuple[int, bytes]]


@dataclass(slots=True)
class _Reading:
    """How tensors are read, and how far that is: bytes compared, and bytes read for it."""

    repo: Repo
    values: bool
    planes: int | None
    strips: bool
    progress: Progress | None
    strips_left: int = STRIPS_MAX
    read: int = 0
    total: int = 0
    done: int = 0

    def add(self, size: int) -> None:
        self.done += size
        if self.progress is not None:
            self.progress(self.done, self.total)


@dataclass(slots=True)
class _Tally:
    equal: int = 0
    changed: int = 0
    unmeasured: int = 0
    agreeing: int = 0
    meter: Meter = field(default_factory=Meter)


def diff(
    repo: Repo,
    revs: Sequence[str],
    *,
    tensors: str | None = None,
    values: bool = True,
    planes: int | None = None,
    strips: bool = False,
    sizes: Mapping[str, int] | None = None,
    progress: Progress | None = None,
) -> Diff:
    """Compare each further revision with the first.

    Args:
        tensors: Compare only tensors whose name fits this pattern.
        values: Read and measure tensors whose ids differ; else only say which ones do.
        planes: Read only so many leading bytes of each value of them.
        strips: Also keep tables of heat of the tensors that are measured.
        sizes: Numbers for free sizes of the networks, in place of the default ones.

    Raises:
        UsageError: fewer than two revisions, or `planes` is not positive.
        NotFoundError: a revision does not exist, or no tensor fits the pattern.
    """
    if len(revs) < 2:
        raise UsageError(f"{len(revs)} revision", expected="two or more to compare")
    check_planes(planes)
    sides = [_side(repo, resolve(repo, rev), tensors, sizes) for rev in revs]
    if tensors is not None and not any(side.tensors for side in sides):
        raise NotFoundError(f"no tensor fits {tensors!r}", hint="run `modelhub desc REV`")
    left, others = sides[0], sides[1:]
    reading = _Reading(repo, values, planes, strips, progress)
    if values:
        reading.total = sum(_bytes_to_read(left, right) for right in others)
    comparisons = tuple(_compare(left, right, reading) for right in others)
    return Diff(comparisons, tuple(side.version for side in sides), planes)


def _side(
    repo: Repo, found: Resolved, pattern: str | None, sizes: Mapping[str, int] | None
) -> _Side:
    version, snapshot = found.version, found.snapshot
    with repo.catalog.read() as txn:
        metadata = txn.metadata(version.id)
    files = {file.path: (file.size, file.sha256) for file in version.files}
    records: list[TensorRecord] = []
    label = ""
    if snapshot is not None:
        label = f"#{snapshot.label}" if len(version.snapshots) > 1 else ""
        records = [r for r in entries(repo, snapshot.tree) if matching(r.name, pattern)]
        tree = trees.decode(repo.store.blob(snapshot.tree))
        files.update({file.path: (file.size, file.sha256) for file in tree.files})
    tensors = {record.name: record for record in records}
    facts = Version(
        rev=format_rev(version) + label,
        lossy=label_of(metadata),
        architecture=architecture(repo, version, sizes),
        metadata=metadata,
        series=dict(repo.manifest(version.id).series),
    )
    return _Side(facts, tensors, files)


def _bytes_to_read(left: _Side, right: _Side) -> int:
    pairs = ((left.tensors.get(name), record) for name, record in right.tensors.items())
    return sum(b.nbytes for a, b in pairs if a is not None and _measurable(a, b))


def _same(a: TensorRecord, b: TensorRecord) -> bool:
    return (a.id, a.dtype, tuple(a.shape), a.view) == (b.id, b.dtype, tuple(b.shape), b.view)


def _measurable(a: TensorRecord, b: TensorRecord) -> bool:
    if _same(a, b) or tuple(a.shape) != tuple(b.shape):
        return False
    # Packed values have no numpy type of their own: only compared with their like, as bytes.
    packed = by_name(a.dtype).packed or by_name(b.dtype).packed
    return not packed or a.dtype == b.dtype


def _compare(left: _Side, right: _Side, reading: _Reading) -> Comparison:
    tally = _Tally()
    before = reading.read
    both = [name for name in left.tensors if name in right.tensors]
    changes = tuple(
        _tensor(left.tensors[name], right.tensors[name], tally, reading) for name in both
    )
    a, b = left.version, right.version
    return Comparison(
        left=a.rev,
        right=b.rev,
        left_lossy=a.lossy,
        right_lossy=b.lossy,
        added=tuple(r for name, r in right.tensors.items() if name not in left.tensors),
        removed=tuple(r for name, r in left.tensors.items() if name not in right.tensors),
        tensors=changes,
        metadata=tuple(_metadata(a.metadata, b.metadata)),
        files=tuple(_files(left.files, right.files)),
        totals=Totals(
            tally.equal, tally.changed, tally.unmeasured, tally.meter.change(), tally.agreeing
        ),
        alignment=align(a.architecture.network, b.architecture.network),
        bytes_read=reading.read - before,
    )


def _tensor(a: TensorRecord, b: TensorRecord, tally: _Tally, reading: _Reading) -> TensorChange:
    change: Change | None = None
    heat: HeatPair | None = None
    planes = None
    equal, agreeing = _same(a, b), False
    if equal:
        tally.meter.add_equal(math.prod(a.shape))
    elif reading.values and _measurable(a, b):
        planes = _kept(a, b, reading.planes)
        meter, heat = _measure(a, b, reading)
        change = meter.change()
        alike = change.changed == 0 and a.dtype == b.dtype
        equal, agreeing = alike and planes is None, alike and planes is not None
        tally.meter.merge(meter)
    else:
        tally.unmeasured += 1
    tally.equal += equal
    tally.agreeing += agreeing
    tally.changed += not equal and not agreeing
    shapes = tuple(a.shape), tuple(b.shape)
    return TensorChange(a.name, a.dtype, b.dtype, *shapes, equal, change, planes, heat)


def _kept(a: TensorRecord, b: TensorRecord, planes: int | None) -> int | None:
    """Return how many leading bytes are compared, None if those are all bytes of both."""
    width = max(by_name(a.dtype).width, by_name(b.dtype).width)
    return planes if planes is not None and planes < width else None


def _measure(a: TensorRecord, b: TensorRecord, reading: _Reading) -> tuple[Meter, HeatPair | None]:
    """Compare two tensors of equal shape in blocks of rows."""
    meter = Meter(bytewise=by_name(a.dtype).packed)
    shape: tuple[int, ...] = tuple(a.shape)
    heats = None
    if reading.strips and not meter.bytewise and a.nbytes > 0 and reading.strips_left > 0:
        heats = Heat(shape), Heat(shape), Heat(shape)
        reading.strips_left -= 1
    for begin, left, right in _blocks(a, b, reading, bytewise=meter.bytewise):
        reading.read += left.bytes_read + right.bytes_read
        meter.add(left.array, right.array)
        reading.add(right.array.nbytes)
        if heats is not None:
            heats[0].add(left.array, begin)
            heats[1].add(right.array, begin)
            heats[2].add(_apart(left.array, right.array), begin)
    if heats is None:
        return meter, None
    return meter, HeatPair(*(heat.cells() for heat in heats))


def _blocks(
    a: TensorRecord, b: TensorRecord, reading: _Reading, *, bytewise: bool
) -> Iterator[tuple[int, ReadArray, ReadArray]]:
    """Yield the first row of each block, and what was read of both sides."""
    repo, planes = reading.repo, reading.planes
    # Bits of a fixed entry can be compared with those of another alone.
    both_cut = a.dtype == b.dtype and all(reads_prefix(repo, side, planes) for side in (a, b))
    if planes is not None and both_cut:
        yield (0, *read_leading_pair(repo, a, b, planes))
        return
    blocks: Iterable[tuple[int, int] | None] = (None,)
    if not (bytewise or a.view is not None):
        blocks = row_blocks(b, max(a.nbytes, b.nbytes))
    for block in blocks:
        left, right = (read_counted(repo, side, planes, block) for side in (a, b))
        yield block[0] if block else 0, left, right


def _apart(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    wide = np.complex128 if "c" in (left.dtype.kind, right.dtype.kind) else np.float64
    with np.errstate(all="ignore"):
        return np.asarray(right.astype(wide) - left.astype(wide))


def _metadata(left: Mapping[str, Scalar], right: Mapping[str, Scalar]) -> list[MetadataChange]:
    keys = sorted({*left, *right})
    pairs = [(key, left.get(key), right.get(key)) for key in keys]
    # 1, 1.0 and True are equal to Python, but not the same setting.
    return [MetadataChange(key, a, b) for key, a, b in pairs if (type(a), a) != (type(b), b)]


def _files(
    left: Mapping[str, tuple[int, bytes]], right: Mapping[str, tuple[int, bytes]]
) -> list[FileChange]:
    changes = []
    for path in sorted({*left, *right}):
        a, b = left.get(path), right.get(path)
        if a != b:
            changes.append(FileChange(path, a[0] if a else None, b[0] if b else None))
    return changes
