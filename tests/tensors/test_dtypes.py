from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from modelhub.errors import BadInputError
from modelhub.tensors import dtypes

# name, code, width, itemsize, kind: on disk, so pinned here a second time.
PINNED = [
    ("uint8", 1, 1, 1, 0),
    ("int8", 2, 1, 1, 1),
    ("bool", 3, 1, 1, 0),
    ("uint16", 4, 2, 2, 0),
    ("int16", 5, 2, 2, 1),
    ("uint32", 6, 4, 4, 0),
    ("int32", 7, 4, 4, 1),
    ("uint64", 8, 8, 8, 0),
    ("int64", 9, 8, 8, 1),
    ("float16", 10, 2, 2, 2),
    ("bfloat16", 11, 2, 2, 2),
    ("float32", 12, 4, 4, 2),
    ("float64", 13, 8, 8, 2),
    ("float8_e4m3fn", 14, 1, 1, 2),
    ("float8_e5m2", 15, 1, 1, 2),
    ("complex64", 16, 4, 8, 2),
    ("complex128", 17, 8, 16, 2),
    ("float8_e8m0fnu", 18, 1, 1, 2),
    ("float8_e4m3fnuz", 19, 1, 1, 2),
    ("float8_e5m2fnuz", 20, 1, 1, 2),
    ("float4_e2m1fn", 21, 1, 1, 0),
    ("float6_e2m3fn", 22, 1, 1, 0),
    ("float6_e3m2fn", 23, 1, 1, 0),
]


def test_the_table_is_as_pinned():
    rows = [(d.name, d.code, d.width, d.itemsize, d.kind) for d in dtypes.DTYPES]
    assert rows == PINNED


@pytest.mark.parametrize("row", dtypes.DTYPES, ids=lambda row: row.name)
def test_each_row_is_found_by_name_code_and_tag(row):
    assert dtypes.by_name(row.name) is row
    assert dtypes.by_code(row.code) is row
    if row.tag:
        assert dtypes.from_safetensors(row.tag) is row
        assert dtypes.to_safetensors(row.name) == row.tag


@pytest.mark.parametrize("row", dtypes.DTYPES, ids=lambda row: row.name)
def test_each_row_has_a_numpy_dtype_of_its_size(row):
    dtype = dtypes.numpy_dtype(row.name)
    assert dtype.itemsize == row.itemsize
    if row.packed:
        assert dtype == np.uint8
    else:
        assert dtypes.from_numpy(dtype) is row
        assert dtypes.from_numpy(dtype.newbyteorder(">")) is row


def test_bits_of_packed_dtypes():
    bits = {row.name: row.bits for row in dtypes.DTYPES if row.packed}
    assert bits == {"float4_e2m1fn": 4, "float6_e2m3fn": 6, "float6_e3m2fn": 6}


@pytest.mark.parametrize(
    "call",
    [
        lambda: dtypes.by_name("float7"),
        lambda: dtypes.by_code(0),
        lambda: dtypes.from_safetensors("F7"),
        lambda: dtypes.to_safetensors("complex128"),
        lambda: dtypes.from_numpy(np.dtype(object)),
        lambda: dtypes.from_numpy(np.dtype("U4")),
        lambda: dtypes.from_numpy(np.dtype("M8[s]")),
        lambda: dtypes.from_numpy(np.dtype(np.longdouble)),
        lambda: dtypes.from_numpy(np.dtype([("a", "f4")])),
        # One value a byte in ml_dtypes, two in ours: taking it would change its meaning.
        lambda: dtypes.from_numpy(np.dtype(ml_dtypes.float4_e2m1fn)),
    ],
)
def test_what_is_not_in_the_table_is_refused(call):
    with pytest.raises(BadInputError) as caught:
        call()
    assert caught.value.kind == "bad_dtype"
