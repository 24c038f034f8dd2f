"""Name stored things by the BLAKE3 digest of what they are.

A *tensor id* covers dtype, shape and raw bytes, not how these are stored. An *object id* covers the
kind and bytes of anything else. Both are 32 bytes; people see them in lower-case hexadecimal.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import Any

import blake3
import numpy as np
import numpy.typing as npt

from modelhub.errors import BadInputError

__all__ = [
    "ANNOTATION",
    "BLOB",
    "ID_BYTES",
    "MANIFEST",
    "NETWORK",
    "RECIPE",
    "TENSOR",
    "TREE",
    "hex_id",
    "object_id",
    "parse_hex",
    "sha256",
    "tensor_id",
]

ID_BYTES = 32

Buffer = bytes | bytearray | memoryview | npt.NDArray[Any]

# Kinds of stored objects. On disk: never renumber.
TENSOR = 1
BLOB = 2  # a piece of a file
RECIPE = 3
TREE = 4  # a snapshot
NETWORK = 5
MANIFEST = 6
ANNOTATION = 7

# The prefixes keep the two families of ids apart, and leave room for a second version of each.
_TENSOR_PREFIX = b"modelhub.tensor.1\0"
_OBJECT_PREFIX = b"modelhub.object.1\0"


def _bytes(data: Buffer) -> bytes | memoryview:
    view = data.data if isinstance(data, np.ndarray) else memoryview(data)
    # A view with a zero in its shape cannot be cast; it has no bytes to hash either.
    return view.cast("B") if view.nbytes else b""


def tensor_id(dtype: str, shape: Sequence[int], data: Buffer) -> bytes:
    """Return the id of a tensor: digest of prefix, dtype name, shape and raw bytes.

    Args:
        dtype: A name of `modelhub.tensors.dtypes`.
        data: The raw bytes in C order, little-endian; any C-contiguous buffer.
    """
    name = dtype.encode("ascii")
    head = struct.pack(f"<B{len(name)}sB{len(shape)}Q", len(name), name, len(shape), *shape)
    digest = blake3.blake3(_TENSOR_PREFIX + head)
    return digest.update(_bytes(data)).digest()


def object_id(kind: int, data: Buffer) -> bytes:
    """Return the id of an object that is no tensor: digest of prefix, kind and bytes."""
    digest = blake3.blake3(_OBJECT_PREFIX + struct.pack("<B", kind))
    return digest.update(_bytes(data)).digest()


def hex_id(identifier: bytes) -> str:
    """Return an id as 64 hexadecimal digits."""
    return identifier.hex()


def parse_hex(text: str) -> bytes:
    """Return the id that 64 hexadecimal digits write; raises BadInputError for any other text."""
    # bytes.fromhex alone would let spaces through.
    if len(text) == 2 * ID_BYTES and all(digit in "0123456789abcdefABCDEF" for digit in text):
        return bytes.fromhex(text)
    raise BadInputError(
        f"{text[:80]!r} is not an id", expected=f"{2 * ID_BYTES} hexadecimal digits"
    )


def sha256() -> hashlib._Hash:
    """Return a running SHA-256, by which files are known outside the repository."""
    return hashlib.sha256()
