"""Turn the tensors that a torch pickle names into storages and views of the file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from modelhub.containers.limits import check_size
from modelhub.containers.model import Parsed, Readable, Storage, TensorEntry
from modelhub.containers.npy import add_array, describe
from modelhub.containers.pickle_values import Encoded, NumpyArray
from modelhub.containers.torch_table import TensorRef
from modelhub.containers.torch_tree import Found
from modelhub.errors import BadInputError
from modelhub.tensors.arrays import contiguous_strides
from modelhub.tensors.dtypes import by_name

__all__ = ["Record", "build"]

Load = Callable[[], bytes | bytearray]


@dataclass(frozen=True, slots=True)
class Record:
    """Where a storage's bytes are: a range of the file, or, without an offset, what loads them."""

    offset: int | None
    nbytes: int
    load: Load | None = None


def build(
    file: Readable, found: Found, locate: Callable[[str], Record], big_endian: bool = False
) -> Parsed:
    """Return the structure of a torch file.

    Args:
        locate: Finds a storage's record by key; raises BadInputError if there is none.
        big_endian: The values are; they stay in the file only, without tensors.
    """
    detached: dict[int, Load] = {}
    notes = found.notes + found.scalars.notes()
    parsed = Parsed("torch", file.size, [], [], found.scalars.values, notes, detached)
    where = str(file.path)
    if big_endian:
        parsed.notes.append("saved on a big-endian machine; the file is kept without its tensors")
        return parsed
    by_key: dict[str, list[tuple[str, TensorRef]]] = {}
    for name, tensor in sorted(found.tensors, key=lambda pair: pair[0]):
        if tensor.dtype:
            by_key.setdefault(tensor.storage.key, []).append((name, tensor))
        else:
            parsed.notes.append(f"{name}: its torch dtype is kept in the file only")
    for key, tensors in by_key.items():
        _add_storage(parsed, detached, locate(key), tensors, where)
    for name, array in found.arrays:
        _add_array(parsed, detached, name, array, where)
    parsed.check(where)
    return parsed


def _add_storage(
    parsed: Parsed,
    detached: dict[int, Load],
    record: Record,
    tensors: Sequence[tuple[str, TensorRef]],
    where: str,
) -> None:
    for name, tensor in tensors:
        _check(name, tensor, record, where)
    dtype, shape = _layout([tensor for _, tensor in tensors], record.nbytes)
    nbytes = math.prod(shape) * by_name(dtype).itemsize
    index = len(parsed.storages)
    parsed.storages.append(Storage(index, record.offset, nbytes, dtype, shape))
    if record.load is not None:
        detached[index] = partial(_leading, record.load, nbytes)
    for name, tensor in tensors:
        whole = (tensor.dtype, tensor.shape) == (dtype, shape) and _covers(tensor, nbytes)
        offset, strides = (0, None) if whole else (tensor.offset, tensor.strides)
        parsed.tensors.append(TensorEntry(name, index, tensor.dtype, tensor.shape, offset, strides))


def _leading(load: Load, nbytes: int) -> bytes | bytearray:
    data = load()
    return data if len(data) == nbytes else data[:nbytes]


def _layout(tensors: Sequence[TensorRef], nbytes: int) -> tuple[str, tuple[int, ...]]:
    """Choose a storage's dtype and shape: those of the first tensor that is all of it, else flat.

    Tensors of different dtypes on one storage make it flat bytes, which every view can read.
    """
    dtypes = {tensor.dtype for tensor in tensors}
    if len(dtypes) > 1:
        return "uint8", (nbytes,)
    for tensor in tensors:
        if _covers(tensor, nbytes):
            return tensor.dtype, tensor.shape
    dtype = dtypes.pop()
    return dtype, (nbytes // by_name(dtype).itemsize,)


def _covers(tensor: TensorRef, nbytes: int) -> bool:
    if tensor.offset or math.prod(tensor.shape) * by_name(tensor.dtype).itemsize != nbytes:
        return False
    if nbytes == 0:
        return True
    plain = zip(tensor.shape, tensor.strides, contiguous_strides(tensor.shape), strict=True)
    return all(size == 1 or stride == usual for size, stride, usual in plain)


def _check(name: str, tensor: TensorRef, record: Record, where: str) -> None:
    itemsize = by_name(tensor.dtype).itemsize
    claimed = tensor.storage.count * by_name(tensor.storage.dtype or "uint8").itemsize
    if claimed > record.nbytes:
        raise BadInputError(
            f"the storage of tensor {name!r} has {record.nbytes} bytes",
            expected=f"{claimed}, by the pickle",
            where=where,
            kind="truncated",
        )
    count = math.prod(tensor.shape)
    check_size(count * itemsize, name, where)
    steps = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum((size - 1) * stride for size, stride in steps)
    if count and (last + 1) * itemsize > record.nbytes:
        raise BadInputError(
            f"tensor {name!r} reaches value {last} of its storage",
            expected=f"at most {record.nbytes // itemsize - 1}",
            where=where,
            kind="bad_shape",
        )


def _add_array(
    parsed: Parsed, detached: dict[int, Load], name: str, array: NumpyArray, where: str
) -> None:
    """Add a numpy array, whose values lie in the pickle."""
    values = array.values
    shape = tuple(size for size in array.shape if type(size) is int and size >= 0)
    if array.dtype is None or values is None or len(shape) != len(array.shape):
        parsed.notes.append(f"{name}: a numpy array, kept in the file only")
        return
    header = describe(array.dtype.descr, array.fortran, shape, 0, f"{where}: {name}")
    size = len(values.text) if isinstance(values, Encoded) else len(values)
    if header.dtype and size != header.nbytes:
        raise BadInputError(
            f"numpy array {name!r} of {size} bytes",
            expected=f"{header.nbytes} for its shape",
            where=where,
            kind="bad_shape",
        )
    add_array(parsed, detached, name, header, None, partial(_values, values))


def _values(values: bytes | bytearray | Encoded) -> bytes | bytearray:
    if not isinstance(values, Encoded):
        return values
    try:
        return values.data()
    except UnicodeEncodeError as error:
        raise BadInputError("a numpy array whose bytes are no bytes", kind="bad_header") from error
