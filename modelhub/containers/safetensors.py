"""Read and write the header of a safetensors file.

The file is an 8-byte little-endian length, a JSON header of that length, and the tensors' bytes.
The rules are those of the format's document, checked more strictly than its library does: names
differ, each range has the size that dtype and shape ask for, and the ranges cover the data exactly.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from modelhub.containers.limits import SAFETENSORS_HEADER_BYTES_MAX, check_name
from modelhub.containers.model import Parsed, Readable, Storage, TensorEntry
from modelhub.containers.scalars import Scalars
from modelhub.errors import BadInputError
from modelhub.tensors.arrays import TensorSpec
from modelhub.tensors.dtypes import by_name, from_safetensors, to_safetensors

__all__ = ["header_bytes", "parse"]

_LENGTH = struct.Struct("<Q")
_METADATA = "__metadata__"
_DIMENSION_MAX = (1 << 63) - 1
# The library starts the data at a multiple of 8, so that mapped arrays are aligned.
_ALIGNMENT = 8


def parse(file: Readable) -> Parsed:
    """Return the structure of a safetensors file; reads its header only.

    Raises:
        BadInputError: kind truncated, bad_header, bad_dtype, bad_shape, bad_name, duplicate_name.
    """
    where = str(file.path)
    header, start = _read_header(file, where)
    scalars = Scalars()
    rows = []
    for name, value in header.items():
        if name == _METADATA:
            _take_metadata(value, scalars, where)
        else:
            rows.append((*_tensor(name, value, where), name))
    storages: list[Storage] = []
    tensors: list[TensorEntry] = []
    position = 0
    for index, (begin, end, spec, name) in enumerate(sorted(rows, key=lambda row: row[:2])):
        _follows(begin, position, name, where)
        position = end
        storages.append(Storage(index, start + begin, end - begin, spec.dtype, spec.shape))
        tensors.append(TensorEntry(name, index, spec.dtype, spec.shape))
    _covers(position, file.size - start, where)
    return Parsed("safetensors", file.size, storages, tensors, scalars.values, scalars.notes(), {})


def _bad(found: str, where: str, expected: str = "", kind: str = "bad_header") -> NoReturn:
    raise BadInputError(found, expected=expected, where=where, kind=kind)


def _read_header(file: Readable, where: str) -> tuple[dict[str, Any], int]:
    if file.size < _LENGTH.size:
        _bad(f"{file.size} bytes", where, "a header length of 8 bytes", "truncated")
    (length,) = _LENGTH.unpack(file.read(0, _LENGTH.size))
    if length > SAFETENSORS_HEADER_BYTES_MAX:
        limit = f"at most {SAFETENSORS_HEADER_BYTES_MAX}; this is no safetensors file"
        _bad(f"a header length of {length} bytes", where, limit)
    if length > file.size - _LENGTH.size:
        rest = f"at most the {file.size - _LENGTH.size} that follow it"
        _bad(f"a header length of {length} bytes", where, rest, "truncated")
    raw = file.read(_LENGTH.size, length)
    if not raw.startswith(b"{"):
        _bad(f"a header that begins with {raw[:8]!r}", where, "a JSON object")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                twice = f"name {key[:64]!r} stands twice in the header"
                _bad(twice, where, "names that differ", "duplicate_name")
            found[key] = value
        return found

    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        _bad(f"a header that is no JSON ({str(error)[:120]})", where)
    if not isinstance(header, dict):
        _bad("a header that is no JSON object", where)
    return header, _LENGTH.size + length


def _take_metadata(value: object, scalars: Scalars, where: str) -> None:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        _bad(f"a {_METADATA} that does not map text to text", where)
    for key, text in value.items():
        scalars.add(key, text)


def _integers(value: object, what: str, name: str, where: str) -> tuple[int, ...]:
    # bool is an int to Python, but `true` is no size.
    if not isinstance(value, list) or not all(type(number) is int for number in value):
        _bad(f"tensor {name!r} has a {what} that is no list of integers", where)
    if not all(0 <= number <= _DIMENSION_MAX for number in value):
        kind = "bad_shape" if what == "shape" else "bad_header"
        _bad(f"tensor {name!r} has a {what} out of range", where, "0 to 2^63-1", kind)
    return tuple(value)


def _tensor(name: str, value: object, where: str) -> tuple[int, int, TensorSpec]:
    check_name(name, where)
    if not isinstance(value, dict) or not isinstance(value.get("dtype"), str):
        _bad(f"tensor {name!r} has no dtype", where, "dtype, shape and data_offsets")
    dtype = from_safetensors(value["dtype"], where=f"{where}: tensor {name!r}")
    shape = _integers(value.get("shape"), "shape", name, where)
    offsets = _integers(value.get("data_offsets"), "data_offsets", name, where)
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        _bad(f"tensor {name!r} has data_offsets {list(offsets)[:4]}", where, "[begin, end]")
    spec = TensorSpec(dtype.name, shape)
    if spec.count * dtype.bits % 8:
        _bad(
            f"tensor {name!r} of shape {list(shape)} ends inside a byte",
            where,
            f"a multiple of 8 bits, {dtype.bits} a value",
            "bad_shape",
        )
    if offsets[1] - offsets[0] != spec.nbytes:
        _bad(
            f"tensor {name!r} has a range of {offsets[1] - offsets[0]} bytes",
            where,
            f"{spec.nbytes} for {dtype.name} of shape {list(shape)}",
            "bad_shape",
        )
    return offsets[0], offsets[1], spec


def _follows(begin: int, position: int, name: str, where: str) -> None:
    if begin < position:
        _bad(
            f"tensor {name!r} begins at {begin}, inside the one before, which ends at {position}",
            where,
            "ranges that lie apart; tied tensors are written once",
        )
    if begin > position:
        _bad(
            f"bytes {position} to {begin} of the data belong to no tensor",
            where,
            f"tensor {name!r} to begin at {position}",
        )


def _covers(position: int, size: int, where: str) -> None:
    if position > size:
        _bad(f"{size} bytes of data", where, f"{position}, by the header", "truncated")
    if position < size:
        _bad(f"{size - position} bytes after the last tensor", where, "none")


def header_bytes(specs: Sequence[tuple[str, TensorSpec]], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes that precede the data: tensors follow in the given order, without gaps.

    The same arguments always give the same bytes; the length is a multiple of 8.

    Raises:
        BadInputError: a name is reserved, repeated or unfit, or safetensors lacks the dtype.
    """
    header: dict[str, Any] = {_METADATA: dict(metadata)} if metadata else {}
    position = 0
    for name, spec in specs:
        check_name(name, "")
        if name == _METADATA:
            _bad(f"tensor name {name!r} is reserved by the format", "", kind="bad_name")
        if name in header:
            _bad(f"tensor name {name!r} stands twice", "", kind="duplicate_name")
        if spec.count * by_name(spec.dtype).bits % 8:
            _bad(
                f"tensor {name!r} of shape {list(spec.shape)} ends inside a byte",
                "",
                kind="bad_shape",
            )
        header[name] = {
            "dtype": to_safetensors(spec.dtype),
            "shape": list(spec.shape),
            "data_offsets": [position, position + spec.nbytes],
        }
        position += spec.nbytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % _ALIGNMENT)
    return _LENGTH.pack(len(text)) + text
