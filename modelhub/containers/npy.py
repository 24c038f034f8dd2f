"""Read the header of an .npy array, in a file or in a member of an .npz.

The header is a Python literal; it is read as one, and no pickle is ever opened. What numpy can
save but no tensor can be (text, dates, records) stays a literal run of the file, with a remark.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from modelhub.containers.limits import NPY_HEADER_BYTES_MAX, check_name, check_size
from modelhub.containers.model import Parsed, Readable, Storage, TensorEntry
from modelhub.errors import BadInputError
from modelhub.tensors.arrays import contiguous_strides
from modelhub.tensors.dtypes import by_name, numpy_dtype

__all__ = [
    "MAGIC",
    "PREFIX_BYTES",
    "NpyHeader",
    "add_array",
    "describe",
    "parse",
    "plain_dtype",
    "read_header",
]

MAGIC = b"\x93NUMPY"
# As many bytes hold the longest header that is admitted, with magic, version and length.
PREFIX_BYTES = 12 + NPY_HEADER_BYTES_MAX

_PLAIN = re.compile(r"([<>|=]?)(b1|\?|[iufcV][0-9]{1,2})")
_DTYPES = {
    "b1": "bool", "?": "bool",
    "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64",
    "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64",
    "f2": "float16", "f4": "float32", "f8": "float64",
    "c8": "complex64", "c16": "complex128",
    # numpy has no name for bfloat16 and fp8 and writes raw bytes of that width.
    "V1": "uint8", "V2": "uint16", "V4": "uint32", "V8": "uint64",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What an .npy says of itself; `dtype` is empty where the array can be no tensor.

    Attributes:
        start: Bytes before the values.
        nbytes: Bytes of values; 0 without a dtype.
        swapped: Whether the values are big-endian.
        note: A remark, or empty.
    """

    dtype: str
    shape: tuple[int, ...]
    fortran: bool
    swapped: bool
    start: int
    nbytes: int
    note: str


def _bad(found: str, where: str, expected: str = "", kind: str = "bad_header") -> NoReturn:
    raise BadInputError(found, expected=expected, where=where, kind=kind)


def read_header(prefix: bytes, where: str) -> NpyHeader:
    """Read the header from an array's first bytes, at most PREFIX_BYTES of them.

    Raises:
        BadInputError: kind truncated, bad_header, bad_shape, unsupported_version, or
            unsafe_pickle for an array of objects.
    """
    if not prefix.startswith(MAGIC):
        _bad(f"first bytes {prefix[:6]!r}", where, f"{MAGIC!r}, an .npy array")
    if len(prefix) < 12:
        _bad(f"{len(prefix)} bytes", where, "a whole .npy header", "truncated")
    version = prefix[6]
    if version not in (1, 2, 3):
        _bad(f".npy version {version}", where, "1, 2 or 3", "unsupported_version")
    begin = 10 if version == 1 else 12
    length = int.from_bytes(prefix[8:begin], "little")
    if length > NPY_HEADER_BYTES_MAX:
        _bad(f"an .npy header of {length} bytes", where, f"at most {NPY_HEADER_BYTES_MAX}")
    if begin + length > len(prefix):
        _bad(f"an .npy header of {length} bytes", where, "to lie inside the file", "truncated")
    text = prefix[begin : begin + length].decode("utf-8" if version == 3 else "latin-1", "replace")
    descr, fortran, shape = _fields(text, where)
    return describe(descr, fortran, shape, begin + length, where)


def _fields(text: str, where: str) -> tuple[Any, bool, tuple[int, ...]]:
    try:
        # Python 2 wrote long integers as `3L`.
        header = ast.literal_eval(re.sub(r"(?<=\d)L(?=[,)])", "", text).strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise BadInputError(
            "an .npy header that is no Python literal",
            expected="a dict with descr, fortran_order and shape",
            where=where,
            kind="bad_header",
        ) from error
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        _bad("an .npy header of other fields", where, "descr, fortran_order and shape")
    shape, fortran = header["shape"], header["fortran_order"]
    if not isinstance(shape, tuple) or not all(type(size) is int for size in shape):
        _bad("an .npy shape that is no tuple of integers", where)
    if not isinstance(fortran, bool):
        _bad("an .npy fortran_order that is no bool", where)
    if any(size < 0 for size in shape):
        _bad(f"an .npy shape of {list(shape)[:8]}", where, "sizes from 0 on", "bad_shape")
    return header["descr"], fortran, shape


def describe(
    descr: Any, fortran: bool, shape: tuple[int, ...], start: int, where: str
) -> NpyHeader:
    """Return the header of an array of that dtype, as .npy files and numpy's pickles write it.

    Raises:
        BadInputError: kind unsafe_pickle for objects, bad_shape for a shape past all use.
    """
    if _has_objects(descr):
        raise BadInputError(
            "an array of Python objects, which is a pickle",
            expected="numbers",
            where=where,
            hint="save its numeric arrays one by one, or keep the file unread with "
            "`modelhub add --as-file PATH`",
            kind="unsafe_pickle",
        )
    dtype, swapped = plain_dtype(descr)
    if not dtype:
        note = f"an array of numpy dtype {str(descr)[:40]!r} is kept as bytes, not as a tensor"
        return NpyHeader("", shape, fortran, False, start, 0, note)
    note = ""
    if "V" in descr:
        note = f"numpy does not say what its dtype {descr!r} means; kept as {dtype}"
    nbytes = math.prod(shape) * by_name(dtype).itemsize
    check_size(nbytes, "", where)
    return NpyHeader(dtype, shape, fortran, swapped and nbytes > 0, start, nbytes, note)


def plain_dtype(descr: object) -> tuple[str, bool]:
    """Return our dtype for numpy's code, empty if there is none, and whether it is big-endian."""
    plain = _PLAIN.fullmatch(descr) if isinstance(descr, str) else None
    dtype = _DTYPES.get(plain.group(2), "") if plain else ""
    swapped = bool(dtype and plain and plain.group(1) == ">" and by_name(dtype).width > 1)
    return dtype, swapped


def _has_objects(descr: Any) -> bool:
    if isinstance(descr, str):
        return descr.lstrip("<>|=")[:1] == "O"
    if isinstance(descr, tuple):  # (descr, shape)
        return _has_objects(descr[0]) if descr else False
    if isinstance(descr, list):  # a record: (name, descr) or (name, descr, shape) for each field
        fields = (field for field in descr if isinstance(field, tuple) and len(field) > 1)
        return any(_has_objects(field[1]) for field in fields)
    return False


def add_array(
    parsed: Parsed,
    detached: dict[int, Callable[[], bytes | bytearray]],
    name: str,
    header: NpyHeader,
    offset: int | None,
    load: Callable[[], bytes | bytearray],
) -> None:
    """Add an array to a structure under construction.

    Args:
        detached: The structure's own loaders.
        offset: Where the values begin in the file; None if they are not there as they are.
        load: Returns the values' bytes as the .npy holds them.
    """
    check_name(name, parsed.kind)
    if header.note:
        parsed.notes.append(f"{name}: {header.note}")
    if not header.dtype:
        return
    index = len(parsed.storages)
    if header.swapped:
        # The recipe needs the bytes as they are, the tensor needs them the other way round.
        parsed.notes.append(f"{name}: big-endian; the tensor is stored little-endian beside it")
        swapped = numpy_dtype(header.dtype).newbyteorder(">")
        detached[index] = lambda: np.frombuffer(load(), swapped).byteswap().tobytes()
        offset = None
    elif offset is None:
        detached[index] = load
    # Fortran order is C order of the reversed shape; the tensor is a view of that.
    turned = header.fortran and sum(size != 1 for size in header.shape) > 1
    shape = header.shape[::-1] if turned else header.shape
    parsed.storages.append(Storage(index, offset, header.nbytes, header.dtype, shape))
    strides = contiguous_strides(shape)[::-1] if turned else None
    parsed.tensors.append(TensorEntry(name, index, header.dtype, header.shape, 0, strides))


def parse(file: Readable) -> Parsed:
    """Return the structure of an .npy file: one tensor, named "array".

    Raises:
        BadInputError: as `read_header`, and kind truncated when values are missing.
    """
    where = str(file.path)
    header = read_header(file.read(0, min(file.size, PREFIX_BYTES)), where)
    detached: dict[int, Callable[[], bytes | bytearray]] = {}
    parsed = Parsed("npy", file.size, [], [], {}, [], detached)
    if header.dtype and header.start + header.nbytes > file.size:
        _bad(f"{file.size} bytes", where, f"{header.start + header.nbytes}", "truncated")
    add_array(
        parsed,
        detached,
        "array",
        header,
        header.start,
        lambda: file.read(header.start, header.nbytes),
    )
    rest = file.size - header.start - header.nbytes
    if header.dtype and rest:
        parsed.notes.append(f"{rest} bytes after the array are kept as they are")
    return parsed
