"""Read tensors of a snapshot as arrays: exact, truncated to leading bytes, or a range of rows."""

from __future__ import annotations

import fnmatch
import glob
from collections.abc import Iterator, Mapping

import numpy as np

from modelhub.catalog.records import TensorRecord
from modelhub.dlv.state import Repo
from modelhub.errors import BadInputError, NotFoundError
from modelhub.pas import tree as trees
from modelhub.pas.retrieve import Planes, ReadArray, read_storage, view_of
from modelhub.pas.tree import StoredStorage, StoredTensor
from modelhub.progressive.boxes import DTYPES, cut_again, weights_box
from modelhub.tensors.arrays import TensorSpec, from_bytes
from modelhub.tensors.dtypes import by_code, by_name, from_numpy

__all__ = [
    "entries",
    "intervals",
    "matching",
    "planes_for",
    "read_counted",
    "read_leading",
    "read_leading_pair",
    "read_tensor",
    "reads_prefix",
    "weights",
    "weights_counted",
]


def entries(repo: Repo, tree: bytes) -> Iterator[TensorRecord]:
    """Return the tensors of a snapshot's tree in name order."""
    with repo.catalog.read() as txn:
        records = list(txn.tensors(tree))
    yield from records


def matching(name: str, pattern: str | None) -> bool:
    """Say whether a tensor's name fits a pattern with `*`, `?` and `[...]`; None fits all."""
    return pattern is None or fnmatch.fnmatchcase(name, pattern)


def planes_for(name: str, planes: Planes) -> int | None:
    """Return how many leading bytes of each value are asked for; None means all.

    A mapping goes from tensor pattern to bytes; the first pattern that fits counts.
    """
    if planes is None or isinstance(planes, int):
        chosen = planes
    else:
        chosen = next((k for pattern, k in planes.items() if matching(name, pattern)), None)
    if chosen is not None and (isinstance(chosen, bool) or chosen < 1):
        raise BadInputError(f"planes={chosen!r}", expected="an integer of 1 or more")
    return chosen


def read_tensor(
    repo: Repo,
    record: TensorRecord,
    planes: int | None = None,
    rows: tuple[int, int] | None = None,
) -> np.ndarray:
    """Return one tensor, or rows [rows[0], rows[1]) of its first dimension.

    Raises:
        BadInputError: kind `bad_shape`, the rows are outside the tensor.
        CorruptionError: a checksum fails.
    """
    return read_counted(repo, record, planes, rows).array


def read_counted(
    repo: Repo,
    record: TensorRecord,
    planes: int | None = None,
    rows: tuple[int, int] | None = None,
) -> ReadArray:
    """Return what `read_tensor` does, with the compressed bytes read from packs for it."""
    if rows is not None:
        size = record.shape[0] if record.shape else -1
        if not 0 <= rows[0] <= rows[1] <= size:
            raise BadInputError(
                f"rows {rows[0]} to {rows[1]}",
                expected=f"a range inside shape {tuple(record.shape)}",
                where=record.name,
                kind="bad_shape",
            )
    if record.view is None:
        storage = StoredStorage(record.id, record.dtype, tuple(record.shape))
        return read_storage(repo.store, storage, planes=planes, rows=rows)
    entry = repo.store.entry(record.id)
    flat = StoredStorage(record.id, by_code(entry.dtype_code).name, tuple(entry.shape))
    offset, strides = record.view
    tensor = StoredTensor(record.name, 0, record.dtype, tuple(record.shape), offset, strides)
    read = read_storage(repo.store, flat, planes=planes)
    array = view_of(read.array, tensor)
    return ReadArray(array if rows is None else array[rows[0] : rows[1]], read.bytes_read)


def reads_prefix(repo: Repo, record: TensorRecord, planes: int | None) -> bool:
    """Say whether `read_leading` reads bits of a fixed entry, and with them the tensor whole."""
    if planes is None or record.view is not None or planes >= by_name(record.dtype).width:
        return False
    return repo.store.entry(record.id).is_fixed


def read_leading(
    repo: Repo,
    record: TensorRecord,
    planes: int | None = None,
    rows: tuple[int, int] | None = None,
) -> ReadArray:
    """Return what `read_counted` does, but of a tensor in the progressive layout its leading bits.

    For pictures and comparisons, which need no more than the size of values: so many bytes are
    read of either layout. Values are those of the leading `8 planes` bits, toward zero.
    """
    if planes is None or not reads_prefix(repo, record, planes):
        return read_counted(repo, record, planes, rows)
    read = repo.store.read_prefix(record.id, 8 * planes)
    array = from_bytes(read.data, TensorSpec(record.dtype, tuple(record.shape)))
    return ReadArray(array if rows is None else array[rows[0] : rows[1]], read.bytes_read)


def read_leading_pair(
    repo: Repo, left: TensorRecord, right: TensorRecord, planes: int
) -> tuple[ReadArray, ReadArray]:
    """Return what `read_leading` does of two tensors of one shape and dtype, to compare them.

    Each is cut at the coarser places of both, so that values which are equal stay equal.

    REQUIRES: `reads_prefix` of both.
    """
    a, b = (repo.store.read_prefix(record.id, 8 * planes) for record in (left, right))
    if (a.group, a.bits) != (b.group, b.bits):
        # Not by the same writer.
        return read_counted(repo, left, planes), read_counted(repo, right, planes)
    spec = TensorSpec(left.dtype, tuple(left.shape))
    arrays = (
        cut_again(from_bytes(own.data, spec), own.exponents, other.exponents, own.group, own.bits)
        for own, other in ((a, b), (b, a))
    )
    return ReadArray(next(arrays), a.bytes_read), ReadArray(next(arrays), b.bytes_read)


def weights(
    repo: Repo, tree_id: bytes, *, planes: Planes = None, tensors: str | None = None
) -> Mapping[str, np.ndarray]:
    """Return a snapshot's tensors by name; tied tensors share memory.

    Raises:
        NotFoundError: no tensor fits the pattern.
        CorruptionError: a checksum fails.
    """
    return weights_counted(repo, tree_id, planes=planes, tensors=tensors)[0]


def weights_counted(
    repo: Repo, tree_id: bytes, *, planes: Planes = None, tensors: str | None = None
) -> tuple[Mapping[str, np.ndarray], int]:
    """Return what `weights` does, with the compressed bytes read from packs for it."""
    tree = trees.decode(repo.store.blob(tree_id))
    wanted = [tensor for tensor in tree.tensors if matching(tensor.name, tensors)]
    if tensors is not None and not wanted:
        raise NotFoundError(
            f"no tensor fits {tensors!r}", expected=f"one of {len(tree.tensors)} names"
        )
    # Names on one storage read it once, at the finest precision any of them asks for.
    finest: dict[int, int | None] = {}
    for tensor in wanted:
        asked = planes_for(tensor.name, planes)
        there = finest.get(tensor.storage, 0)
        finest[tensor.storage] = None if asked is None or there is None else max(asked, there)
    read = {
        index: read_storage(repo.store, tree.storages[index], planes=k)
        for index, k in finest.items()
    }
    arrays = {tensor.name: view_of(read[tensor.storage].array, tensor) for tensor in wanted}
    return arrays, sum(one.bytes_read for one in read.values())


def intervals(
    repo: Repo, tree_id: bytes, *, planes: Planes, tensors: str | None = None
) -> tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]:
    """Return the least and the greatest value that each weight may have, as its leading bytes tell.

    Both ends are float64 arrays. Tensors of other dtypes than floats of 2 bytes or more are read
    whole, and so are those that hold what is surely an infinity or NaN: both ends are then the
    array itself.

    Raises:
        NotFoundError: no tensor fits the pattern.
        CorruptionError: a checksum fails.
    """
    tree = trees.decode(repo.store.blob(tree_id))
    asked = {
        tensor.name: planes_for(tensor.name, planes) if tensor.dtype in DTYPES else None
        for tensor in tree.tensors
        if matching(tensor.name, tensors)
    }
    wanted = {name: k for name, k in asked.items() if k is not None}
    leading = weights(repo, tree_id, planes=_exactly(wanted), tensors=tensors)
    least: dict[str, np.ndarray] = {}
    greatest: dict[str, np.ndarray] = {}
    for name, array in leading.items():
        least[name] = greatest[name] = array
        if from_numpy(array.dtype).name in DTYPES:
            try:
                least[name], greatest[name] = weights_box(array, asked[name] or array.itemsize)
            except BadInputError:
                (least[name],) = weights(repo, tree_id, tensors=glob.escape(name)).values()
                greatest[name] = least[name]
    return least, greatest


def _exactly(planes: Mapping[str, int]) -> Mapping[str, int]:
    return {glob.escape(name): k for name, k in planes.items()}
