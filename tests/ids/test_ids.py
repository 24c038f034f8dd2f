from __future__ import annotations

import hashlib
import struct

import blake3
import numpy as np
import pytest

from modelhub import ids
from modelhub.errors import BadInputError


def test_a_tensor_id_covers_dtype_shape_and_bytes():
    data = np.arange(6, dtype=np.float32)
    head = b"modelhub.tensor.1\0" + b"\x07float32" + struct.pack("<BQQ", 2, 2, 3)
    expected = blake3.blake3(head + data.tobytes()).digest()
    assert ids.tensor_id("float32", (2, 3), data.view(np.uint8)) == expected
    assert ids.tensor_id("float32", [2, 3], data.tobytes()) == expected
    assert ids.tensor_id("float32", (2, 3), memoryview(data)) == expected
    others = [
        ids.tensor_id("int32", (2, 3), data),
        ids.tensor_id("float32", (3, 2), data),
        ids.tensor_id("float32", (6,), data),
        ids.tensor_id("float32", (2, 3), data[::-1].copy()),
    ]
    assert expected not in others
    assert len(set(others)) == 4


def test_ids_are_pinned():
    # On disk: a change of these digits would orphan every stored object.
    assert ids.tensor_id("float32", (), bytes(4)).hex() == TENSOR
    assert ids.object_id(ids.BLOB, b"abc").hex() == BLOB


TENSOR = "806b2e71131eb34c9b1d5e8b712d5ce42c06d188041e88d61251926c57d237fc"
BLOB = "5235a0ce2ea500875731e656face0bc36bbe2d28f2a4d7e32c989dbdcce7d4e8"


def test_empty_and_zero_dimensional_data():
    empty = np.empty((0, 3), np.float32)
    assert ids.tensor_id("float32", (0, 3), empty) == ids.tensor_id("float32", (0, 3), b"")
    assert ids.tensor_id("float32", (0, 3), b"") != ids.tensor_id("float32", (3, 0), b"")
    scalar = np.array(1.5, np.float32)
    assert ids.tensor_id("float32", (), scalar) == ids.tensor_id("float32", (), scalar.tobytes())


def test_object_ids_differ_by_kind_and_from_tensor_ids():
    kinds = [
        ids.TENSOR, ids.BLOB, ids.RECIPE, ids.TREE, ids.NETWORK, ids.MANIFEST, ids.ANNOTATION,
    ]  # fmt: skip
    assert kinds == [1, 2, 3, 4, 5, 6, 7]
    made = {ids.object_id(kind, b"x") for kind in kinds} | {ids.tensor_id("uint8", (1,), b"x")}
    assert len(made) == 8
    assert all(len(one) == ids.ID_BYTES for one in made)


def test_hex_and_back():
    one = ids.object_id(ids.BLOB, b"x")
    assert ids.parse_hex(ids.hex_id(one)) == one
    assert ids.parse_hex(ids.hex_id(one).upper()) == one


@pytest.mark.parametrize("text", ["", "ab", "g" * 64, "ab " * 21 + "a", "a" * 63, "a" * 65])
def test_other_text_is_no_id(text):
    with pytest.raises(BadInputError):
        ids.parse_hex(text)


def test_sha256_is_the_known_one():
    running = ids.sha256()
    running.update(b"abc")
    assert running.digest() == hashlib.sha256(b"abc").digest()
