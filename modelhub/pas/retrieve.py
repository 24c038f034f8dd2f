"""Read stored storages as arrays, whole or progressively: leading bytes first, or some rows only.

Progressive retrieval after Miao, Li, Davis and Deshpande, ICDE 2017, section IV-B: a value's
high-order bytes are segments of their own and can be read alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from modelhub.errors import BadInputError, CorruptionError
from modelhub.pas.store import Store
from modelhub.pas.tree import StoredStorage, StoredTensor
from modelhub.tensors.arrays import TensorSpec, from_bytes, strided
from modelhub.tensors.dtypes import by_name

__all__ = ["Planes", "ReadArray", "read_storage", "view_of"]

Planes = int | Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class ReadArray:
    """An array, and the compressed bytes read from packs for it."""

    array: np.ndarray
    bytes_read: int


def read_storage(
    store: Store,
    storage: StoredStorage,
    *,
    planes: int | None = None,
    rows: tuple[int, int] | None = None,
) -> ReadArray:
    """Return a storage's values; with `planes`, lower-order bytes are zero.

    Args:
        planes: Leading bytes of each value; more than the width of the dtype means all.
        rows: First and last-plus-one index in the first dimension.
    """
    width = by_name(storage.dtype).width
    shape = storage.shape
    if rows is not None:
        shape = (rows[1] - rows[0], *shape[1:])
    kept = None if planes is None or planes >= width else planes
    read = store.read(storage.id, planes=kept, rows=rows)
    return ReadArray(from_bytes(read.data, TensorSpec(storage.dtype, shape)), read.bytes_read)


def view_of(array: np.ndarray, tensor: StoredTensor) -> np.ndarray:
    """Return a tensor as a view of its storage's array.

    Raises:
        CorruptionError: the view reaches outside the storage.
    """
    if tensor.strides is None:
        return array
    spec = TensorSpec(tensor.dtype, tensor.shape)
    flat = array.reshape(-1).view(np.uint8)
    try:
        view = strided(flat, spec, tensor.offset_elements, tensor.strides)
    except BadInputError as error:
        raise CorruptionError(error.found, where=tensor.name, hint="run `modelhub fsck`") from error
    view.flags.writeable = array.flags.writeable
    return view
