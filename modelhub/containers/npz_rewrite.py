"""Write an .npy or .npz again whose values do not lie in it as they are, with those changed.

Compressed members come out stored and big-endian ones little-endian; other members, names, shapes
and the order of all stay as they were.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from modelhub.containers import npy, zip_index
from modelhub.containers.model import Parsed, Readable, Storage
from modelhub.containers.npy import PREFIX_BYTES
from modelhub.containers.zip_index import read_member
from modelhub.tensors.arrays import Bytes
from modelhub.tensors.dtypes import numpy_dtype

__all__ = ["rewrite"]

_SUFFIX = ".npy"
# The earliest that a zip archive can say: equal content gives equal bytes.
_NO_DATE = (1980, 1, 1, 0, 0, 0)


class _Sink(Protocol):
    def write(self, data: Any, /) -> Any:
        """Append bytes."""

    def flush(self) -> Any:
        """Do what there is to do before the end."""


def rewrite(
    file: Readable, parsed: Parsed, sink: _Sink, change: Callable[[Storage, Bytes], Bytes]
) -> None:
    """Write the file with the values of its detached storages changed.

    Args:
        parsed: What `parse` found in it, of kind npy or npz.
        change: Takes a storage and its raw bytes, returns as many.

    Raises:
        BadInputError: the file does not hold what its structure says.
    """
    by_name = {tensor.name: parsed.storages[tensor.storage] for tensor in parsed.tensors}

    def values(storage: Storage) -> Bytes:
        return change(storage, np.frombuffer(parsed.load_detached(storage.index), np.uint8))

    if parsed.kind == "npy":
        prefix = file.read(0, min(file.size, PREFIX_BYTES))
        (storage,) = by_name.values()
        tail = npy.read_header(prefix, str(file.path)).start + storage.nbytes
        sink.write(_header(prefix, str(file.path)))
        sink.write(values(storage).data)
        sink.write(file.read(tail, file.size - tail))
        return
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for member in zip_index.read_members(file):
            found = by_name.get(member.name.removesuffix(_SUFFIX))
            detached = member.name.endswith(_SUFFIX) and found is not None and found.offset is None
            info = zipfile.ZipInfo(member.name, _NO_DATE)
            with archive.open(info, "w", force_zip64=True) as out:
                if detached and found is not None:
                    where = f"{file.path}: {member.name}"
                    out.write(_header(read_member(file, member, 0, PREFIX_BYTES), where))
                    out.write(values(found).data)
                else:
                    out.write(read_member(file, member))


def _header(prefix: bytes, where: str) -> bytes:
    """Return what stands before the values, little-endian."""
    header = npy.read_header(prefix, where)
    if not header.swapped:
        return prefix[: header.start]
    out = io.BytesIO()
    fields = {
        "descr": numpy_dtype(header.dtype).str,
        "fortran_order": header.fortran,
        "shape": header.shape,
    }
    np.lib.format.write_array_header_1_0(out, fields)
    return out.getvalue()
