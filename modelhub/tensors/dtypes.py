"""Name every dtype that a tensor can have, and map the names of other libraries to ours.

Raw bytes are little-endian everywhere. `code` and `kind` are written to disk: rows are only ever
appended, and a test pins each number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from modelhub.errors import BadInputError

__all__ = [
    "DTYPES",
    "FLOAT",
    "SIGNED",
    "UNSIGNED",
    "DType",
    "by_code",
    "by_name",
    "from_numpy",
    "from_safetensors",
    "numpy_dtype",
    "to_safetensors",
]

# How the core orders a component's bit patterns. On disk: never renumber.
UNSIGNED = 0  # unsigned integers, bool, and packed values, which are opaque bytes
SIGNED = 1  # two's complement
FLOAT = 2  # sign and magnitude


@dataclass(frozen=True, slots=True)
class DType:
    """One row of the table.

    Attributes:
        code: The number on disk.
        width: Bytes of one component as it is coded; 1 for packed dtypes.
        itemsize: Bytes of one value; 1 for packed dtypes, whose size is counted in `bits`.
        kind: UNSIGNED, SIGNED or FLOAT.
        bits: Bits of one value.
        tag: The name in a safetensors header, empty where that format has none.
    """

    name: str
    code: int
    width: int
    itemsize: int
    kind: int
    bits: int
    tag: str

    @property
    def packed(self) -> bool:
        """Whether a value takes less than a byte."""
        return self.bits < 8


def _row(name: str, code: int, width: int, kind: int, tag: str, parts: int = 1) -> DType:
    return DType(name, code, width, width * parts, kind, 8 * width * parts, tag)


def _packed(name: str, code: int, bits: int, tag: str) -> DType:
    return DType(name, code, 1, 1, UNSIGNED, bits, tag)


DTYPES: tuple[DType, ...] = (
    _row("uint8", 1, 1, UNSIGNED, "U8"),
    _row("int8", 2, 1, SIGNED, "I8"),
    _row("bool", 3, 1, UNSIGNED, "BOOL"),
    _row("uint16", 4, 2, UNSIGNED, "U16"),
    _row("int16", 5, 2, SIGNED, "I16"),
    _row("uint32", 6, 4, UNSIGNED, "U32"),
    _row("int32", 7, 4, SIGNED, "I32"),
    _row("uint64", 8, 8, UNSIGNED, "U64"),
    _row("int64", 9, 8, SIGNED, "I64"),
    _row("float16", 10, 2, FLOAT, "F16"),
    _row("bfloat16", 11, 2, FLOAT, "BF16"),
    _row("float32", 12, 4, FLOAT, "F32"),
    _row("float64", 13, 8, FLOAT, "F64"),
    _row("float8_e4m3fn", 14, 1, FLOAT, "F8_E4M3"),
    _row("float8_e5m2", 15, 1, FLOAT, "F8_E5M2"),
    _row("complex64", 16, 4, FLOAT, "C64", parts=2),
    _row("complex128", 17, 8, FLOAT, "", parts=2),
    _row("float8_e8m0fnu", 18, 1, FLOAT, "F8_E8M0"),
    _row("float8_e4m3fnuz", 19, 1, FLOAT, "F8_E4M3FNUZ"),
    _row("float8_e5m2fnuz", 20, 1, FLOAT, "F8_E5M2FNUZ"),
    _packed("float4_e2m1fn", 21, 4, "F4"),
    _packed("float6_e2m3fn", 22, 6, "F6_E2M3"),
    _packed("float6_e3m2fn", 23, 6, "F6_E3M2"),
)

_BY_NAME = {row.name: row for row in DTYPES}
_BY_CODE = {row.code: row for row in DTYPES}
_BY_TAG = {row.tag: row for row in DTYPES if row.tag}


def _numpy(row: DType) -> np.dtype[Any]:
    if row.packed:
        return np.dtype(np.uint8)
    name = "bool_" if row.name == "bool" else row.name
    scalar: type = getattr(np if hasattr(np, name) else ml_dtypes, name)
    return np.dtype(scalar)


_NUMPY = {row.name: _numpy(row) for row in DTYPES}
# Packed dtypes have no numpy twin: ml_dtypes' float4 and float6 spend a whole byte on a value.
_FROM_NUMPY = {dtype.name: _BY_NAME[name] for name, dtype in _NUMPY.items() if name == dtype.name}


def _unknown(found: str, where: str) -> BadInputError:
    return BadInputError(
        found,
        expected="one of " + ", ".join(_BY_NAME),
        where=where,
        kind="bad_dtype",
    )


def by_name(name: str) -> DType:
    """Return the dtype of that name; raises BadInputError for any other name."""
    row = _BY_NAME.get(name)
    if row is None:
        raise _unknown(f"unknown dtype {name[:64]!r}", "")
    return row


def by_code(code: int) -> DType:
    """Return the dtype of that number on disk; raises BadInputError for any other number."""
    row = _BY_CODE.get(code)
    if row is None:
        raise _unknown(f"unknown dtype code {code}", "")
    return row


def from_safetensors(tag: str, where: str = "") -> DType:
    """Return the dtype that a safetensors header calls `tag`."""
    row = _BY_TAG.get(tag)
    if row is None:
        raise BadInputError(
            f"unknown dtype {tag[:64]!r}",
            expected="one of " + ", ".join(_BY_TAG),
            where=where,
            kind="bad_dtype",
        )
    return row


def to_safetensors(dtype: str) -> str:
    """Return the tag that safetensors uses; raises BadInputError for complex128, which has none."""
    tag = by_name(dtype).tag
    if not tag:
        raise BadInputError(
            f"safetensors has no {dtype}",
            expected="one of " + ", ".join(row.name for row in DTYPES if row.tag),
            hint="write an .npz instead",
            kind="bad_dtype",
        )
    return tag


def from_numpy(dtype: np.dtype[Any]) -> DType:
    """Return our dtype for numpy's, whatever its byte order."""
    row = _FROM_NUMPY.get(dtype.name)
    if row is None:
        hint = ""
        if dtype.name in _BY_NAME:
            hint = "numpy holds one such value a byte; pack them and give them as uint8"
        raise BadInputError(
            f"numpy dtype {dtype.name} is not supported",
            expected="one of " + ", ".join(_FROM_NUMPY),
            hint=hint,
            kind="bad_dtype",
        )
    return row


def numpy_dtype(dtype: str) -> np.dtype[Any]:
    """Return numpy's little-endian dtype; uint8 for packed dtypes."""
    by_name(dtype)
    return _NUMPY[dtype]
