"""Compare model versions: structure first, then the values of each tensor that both sides have.

The first revision is the *left* side of every comparison. Tensors with equal ids are equal and are
not read; the others are read in blocks of rows, so that memory stays bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from modelhub.catalog.records import TensorRecord
from modelhub.dlv.compare import Change, Meter
from modelhub.dlv.lossy import LossyLabel, label_of
from modelhub.dlv.resolve import Resolved, format_rev, resolve
from modelhub.dlv.state import Repo
from modelhub.dlv.weights import entries, matching, read_tensor
from modelhub.errors import NotFoundError, UsageError
from modelhub.pas import tree as trees
from modelhub.tensors.dtypes import by_name

__all__ = ["Comparison", "Diff", "FileChange", "MetadataChange", "TensorChange", "Totals", "diff"]

Scalar = str | int | float | bool
Progress = Callable[[int, int], None]

# Bytes of one side read at once: many blocks of a pack, few enough to be held twice.
_READ_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class TensorChange:
    """A tensor that both sides have, with its dtype and shape on each.

    `change` is None where the tensors are equal without looking, or cannot be measured because
    their shapes differ.
    """

    name: str
    left_dtype: str
    right_dtype: str
    left_shape: tuple[int, ...]
    right_shape: tuple[int, ...]
    equal: bool
    change: Change | None

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
    """The tensors of both sides together; `change` covers those that were measured."""

    equal: int
    changed: int
    unmeasured: int
    change: Change


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the right side differs from the left; a side that is a lossy copy has a label."""

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

    @property
    def same(self) -> bool:
        """Whether nothing differs: tensors, metadata, files."""
        parts = (self.added, self.removed, self.metadata, self.files)
        return not any(parts) and all(tensor.equal for tensor in self.tensors)


@dataclass(frozen=True, slots=True)
class Diff:
    """Comparisons of several versions with the first."""

    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class _Side:
    rev: str
    lossy: LossyLabel | None
    tensors: Mapping[str, TensorRecord]
    metadata: Mapping[str, Scalar]
    files: Mapping[str, tuple[int, bytes]]


@dataclass(slots=True)
class _Steps:
    """Counts bytes compared for the progress bar."""

    progress: Progress | None
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
    meter: Meter = field(default_factory=Meter)


def diff(
    repo: Repo,
    revs: Sequence[str],
    *,
    tensors: str | None = None,
    values: bool = True,
    progress: Progress | None = None,
) -> Diff:
    """Compare each further revision with the first.

    Args:
        tensors: Compare only tensors whose name fits this pattern.
        values: Read and measure tensors whose ids differ; else only say which ones do.

    Raises:
        UsageError: fewer than two revisions.
        NotFoundError: a revision does not exist, or no tensor fits the pattern.
    """
    if len(revs) < 2:
        raise UsageError(f"{len(revs)} revision", expected="two or more to compare")
    sides = [_side(repo, resolve(repo, rev), tensors) for rev in revs]
    if tensors is not None and not any(side.tensors for side in sides):
        raise NotFoundError(f"no tensor fits {tensors!r}", hint="run `modelhub desc REV`")
    left, others = sides[0], sides[1:]
    steps = _Steps(progress)
    if values:
        steps.total = sum(_bytes_to_read(left, right) for right in others)
    return Diff(tuple(_compare(repo, left, right, values, steps) for right in others))


def _side(repo: Repo, found: Resolved, pattern: str | None) -> _Side:
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
    return _Side(format_rev(version) + label, label_of(metadata), tensors, metadata, files)


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


def _compare(repo: Repo, left: _Side, right: _Side, values: bool, steps: _Steps) -> Comparison:
    tally = _Tally()
    both = [name for name in left.tensors if name in right.tensors]
    changes = tuple(
        _tensor(repo, left.tensors[name], right.tensors[name], values, tally, steps)
        for name in both
    )
    return Comparison(
        left=left.rev,
        right=right.rev,
        left_lossy=left.lossy,
        right_lossy=right.lossy,
        added=tuple(r for name, r in right.tensors.items() if name not in left.tensors),
        removed=tuple(r for name, r in left.tensors.items() if name not in right.tensors),
        tensors=changes,
        metadata=tuple(_metadata(left.metadata, right.metadata)),
        files=tuple(_files(left.files, right.files)),
        totals=Totals(tally.equal, tally.changed, tally.unmeasured, tally.meter.change()),
    )


def _tensor(
    repo: Repo, a: TensorRecord, b: TensorRecord, values: bool, tally: _Tally, steps: _Steps
) -> TensorChange:
    change: Change | None = None
    equal = _same(a, b)
    if equal:
        tally.meter.add_equal(math.prod(a.shape))
    elif values and _measurable(a, b):
        meter = _measure(repo, a, b, steps)
        change = meter.change()
        equal = change.changed == 0 and a.dtype == b.dtype
        tally.meter.merge(meter)
    else:
        tally.unmeasured += 1
    if equal:
        tally.equal += 1
    else:
        tally.changed += 1
    return TensorChange(a.name, a.dtype, b.dtype, tuple(a.shape), tuple(b.shape), equal, change)


def _measure(repo: Repo, a: TensorRecord, b: TensorRecord, steps: _Steps) -> Meter:
    """Compare two tensors of equal shape in blocks of rows.

    A view is read whole at once: its rows may lie anywhere in its storage.
    """
    meter = Meter(bytewise=by_name(a.dtype).packed)
    rows = a.shape[0] if a.shape else 0
    whole = rows < 2 or meter.bytewise or a.view is not None or b.view is not None
    if whole or max(a.nbytes, b.nbytes) <= _READ_BYTES:
        meter.add(read_tensor(repo, a), read_tensor(repo, b))
        steps.add(b.nbytes)
        return meter
    step = max(_READ_BYTES * rows // max(a.nbytes, b.nbytes), 1)
    for begin in range(0, rows, step):
        block = (begin, min(begin + step, rows))
        right = read_tensor(repo, b, rows=block)
        meter.add(read_tensor(repo, a, rows=block), right)
        steps.add(right.nbytes)
    return meter


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
