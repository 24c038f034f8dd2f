"""Read tensors for pictures of them: tables of heat, exact or from the leading bytes alone."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from modelhub.catalog.records import TensorRecord
from modelhub.dlv.heat import Heat
from modelhub.dlv.state import Repo
from modelhub.dlv.weights import read_leading, reads_prefix
from modelhub.errors import UsageError
from modelhub.tensors.dtypes import by_name

__all__ = ["READ_BYTES", "STRIPS_MAX", "TensorHeat", "check_planes", "row_blocks", "tensor_heats"]

# Bytes of one side read at once: many blocks of a pack, few enough to be held twice.
READ_BYTES = 16 << 20
# Pictures of a page; beyond it `desc` shows the largest tensors and `diff` the first.
STRIPS_MAX = 1000


@dataclass(frozen=True, slots=True)
class TensorHeat:
    """The table of one tensor: root mean squares, from the `planes` leading bytes if not None."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    cells: Sequence[Sequence[float]]
    planes: int | None
    bytes_read: int


def check_planes(planes: int | None) -> None:
    """Refuse a number of leading bytes that is not positive.

    Raises:
        UsageError: it is below 1.
    """
    if planes is not None and planes < 1:
        raise UsageError(f"--planes {planes}", expected="1 or more")


def row_blocks(record: TensorRecord, nbytes: int) -> Iterator[tuple[int, int] | None]:
    """Yield the ranges of rows to read one after the other; None stands for the whole tensor.

    A view is read whole at once: its rows may lie anywhere in its storage.

    Args:
        nbytes: The bytes of the tensor, or of the larger one if two are read.
    """
    rows = record.shape[0] if len(record.shape) > 0 else 0
    if rows < 2 or record.view is not None or nbytes <= READ_BYTES:
        yield None
        return
    step = max(READ_BYTES * rows // nbytes, 1)
    for begin in range(0, rows, step):
        yield begin, min(begin + step, rows)


def tensor_heats(
    repo: Repo,
    records: Sequence[TensorRecord],
    planes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[TensorHeat]:
    """Return the tables of the tensors that have numbers, in their order, single numbers left out.

    Raises:
        CorruptionError: a checksum fails.
    """
    wanted = [r for r in records if r.nbytes and r.shape and not by_name(r.dtype).packed]
    if len(wanted) > STRIPS_MAX:
        largest = heapq.nlargest(STRIPS_MAX, range(len(wanted)), lambda at: wanted[at].nbytes)
        wanted = [wanted[at] for at in sorted(largest)]
    total, done = sum(record.nbytes for record in wanted), 0
    found = []
    for record in wanted:
        found.append(_heat(repo, record, planes))
        done += record.nbytes
        if progress is not None:
            progress(done, total)
    return found


def _heat(repo: Repo, record: TensorRecord, planes: int | None) -> TensorHeat:
    shape = tuple(record.shape)
    heat, read = Heat(shape), 0
    blocks: Iterable[tuple[int, int] | None] = row_blocks(record, record.nbytes)
    if reads_prefix(repo, record, planes):
        blocks = (None,)
    for block in blocks:
        part = read_leading(repo, record, planes, block)
        read += part.bytes_read
        heat.add(part.array, block[0] if block else 0)
    kept = planes if planes is not None and planes < by_name(record.dtype).width else None
    return TensorHeat(record.name, record.dtype, shape, heat.cells(), kept, read)
